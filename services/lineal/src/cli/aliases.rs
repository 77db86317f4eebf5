//! `lineal aliases` and `lineal alias set`

use lineal_proto::lineal::registry::v1::{
    Alias, ListAliasesRequest, SetAliasRequest, alias_service_client::AliasServiceClient,
};

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, Table, cell},
    request::{ChangeArgs, PageArgs, SlotArgs, resolve},
};

/// `lineal aliases`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal aliases churn")]
pub(super) struct Args {
    /// The model
    model: String,
    #[command(flatten)]
    page: PageArgs,
}

/// `lineal alias`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal alias set churn shadow 4")]
pub(super) struct AliasArgs {
    #[command(subcommand)]
    command: AliasCommand,
}

#[derive(Debug, clap::Subcommand)]
enum AliasCommand {
    /// Point an alias at a version; the champion moves by `lineal promote` only
    Set(SetArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal alias set churn shadow 4")]
struct SetArgs {
    /// The model
    model: String,
    /// The alias
    name: String,
    /// A number, a label or @alias
    version: String,
    /// Change it only if it still has this etag
    #[arg(long, default_value = "", hide_default_value = true)]
    etag: String,
    #[command(flatten)]
    slot: SlotArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Lists the aliases of a model.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let model = args.model;
    let request =
        ListAliasesRequest { model: model.clone(), page_size: args.page.limit, page_token: args.page.page_token };
    let answer = ctx.registry.call(AliasServiceClient::new(ctx.registry.peer()).list_aliases(request)).await;
    let answer = answer.map_err(|error| error.about(&model, ""))?;
    ctx.output.print(&answer, |style| render(&answer.aliases, style) + &format::more(&answer.next_page_token))?;
    Ok(Exit::Done)
}

/// Points an alias at a version.
pub(super) async fn change(args: AliasArgs, ctx: &Context) -> Result<Exit, CliError> {
    let AliasCommand::Set(args) = args.command;
    let number = resolve(ctx, &args.model, &args.version, &args.slot.slot).await?;
    let request_id = args.change.request_id();
    let request = SetAliasRequest {
        model: args.model.clone(),
        slot: args.slot.slot.labels().clone(),
        alias: args.name,
        number,
        etag: args.etag,
        request_id: request_id.clone(),
    };
    let answer = ctx.registry.call(AliasServiceClient::new(ctx.registry.peer()).set_alias(request)).await;
    let answer = answer.map_err(|error| error.about(&args.model, number).of_request(&request_id))?;
    ctx.output.print(&answer, |style| render(answer.alias.as_slice(), style))?;
    Ok(Exit::Done)
}

fn render(aliases: &[Alias], style: Style) -> String {
    let mut table = Table::new(style, &["ALIAS", "SLOT", "VERSION", "DIGEST", "GENERATION", "SINCE"]);
    for alias in aliases {
        table.add([
            cell(&alias.name),
            cell(format::slot(&alias.slot)),
            cell(alias.number),
            cell(format::digest(&alias.digest)),
            cell(format::number(alias.generation)),
            cell(format::time(alias.update_time.as_ref())),
        ]);
    }
    table.render()
}
