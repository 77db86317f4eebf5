//! `lineal models`

use lineal_proto::lineal::registry::v1::{
    CurrentVersion, ListModelsRequest, ListModelsResponse, model_service_client::ModelServiceClient,
};

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, Table, cell},
    request::PageArgs,
};

/// `lineal models`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal models --limit 10")]
pub(super) struct Args {
    #[command(flatten)]
    page: PageArgs,
}

/// Lists models in order of their names.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let request = ListModelsRequest { page_size: args.page.limit, page_token: args.page.page_token };
    let answer = ctx.registry.call(ModelServiceClient::new(ctx.registry.peer()).list_models(request)).await?;
    ctx.output.print(&answer, |style| render(&answer, style))?;
    Ok(Exit::Done)
}

fn render(answer: &ListModelsResponse, style: Style) -> String {
    if answer.models.is_empty() {
        return "no models yet\nnext: lineal train rows.csv --model NAME --label COLUMN\n".to_owned();
    }
    let mut table = Table::new(style, &["MODEL", "LATEST", "CHAMPION", "LAST RUN", "CREATED", "DESCRIPTION"]);
    for model in &answer.models {
        table.add([
            cell(&model.name),
            cell(format::number(model.latest_version)),
            cell(model.current_versions.iter().map(champion).collect::<Vec<_>>().join(" ")),
            cell(format::time(model.last_run_time.as_ref())),
            cell(format::time(model.create_time.as_ref())),
            cell(&model.description),
        ]);
    }
    table.render() + &format::more(&answer.next_page_token)
}

/// `3`, or `3[symbol=BTCUSDT]` in a slot with labels.
fn champion(current: &CurrentVersion) -> String {
    let number = current.number;
    if current.slot.is_empty() { number.to_string() } else { format!("{number}[{}]", format::pairs(&current.slot)) }
}
