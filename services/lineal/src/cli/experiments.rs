//! `lineal experiments`

use lineal_proto::lineal::registry::v1::{
    LifecycleStage, ListExperimentsRequest, ListExperimentsResponse, experiment_service_client::ExperimentServiceClient,
};

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, Table, cell},
    request::PageArgs,
};

/// `lineal experiments`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal experiments --all")]
pub(super) struct Args {
    /// Also deleted ones
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    page: PageArgs,
}

/// Lists experiments in order of their names.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let stage = if args.all { LifecycleStage::Any } else { LifecycleStage::Active };
    let request = ListExperimentsRequest {
        page_size: args.page.limit,
        page_token: args.page.page_token,
        lifecycle_stage: stage.into(),
    };
    let answer = ctx.registry.call(ExperimentServiceClient::new(ctx.registry.peer()).list_experiments(request)).await?;
    ctx.output.print(&answer, |style| render(&answer, style))?;
    Ok(Exit::Done)
}

fn render(answer: &ListExperimentsResponse, style: Style) -> String {
    let mut table = Table::new(style, &["EXPERIMENT", "NAME", "STAGE", "CREATED", "DESCRIPTION"]);
    for experiment in &answer.experiments {
        table.add([
            cell(&experiment.experiment_id),
            cell(&experiment.name),
            cell(format::word(experiment.lifecycle_stage().as_str_name(), "LIFECYCLE_STAGE_")),
            cell(format::time(experiment.create_time.as_ref())),
            cell(&experiment.description),
        ]);
    }
    table.render() + &format::more(&answer.next_page_token)
}
