//! `lineal aliases`, `lineal alias set` and `lineal alias share`

use lineal_kernel::{Share, Traffic};
use lineal_proto::lineal::registry::v1::{
    Alias, ListAliasesRequest, SetAliasRequest, SetTrafficRequest, alias_service_client::AliasServiceClient,
};

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, Table, cell},
    parse,
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
    /// Let an alias answer a part of the requests without a version, instead of the champion
    Share(ShareArgs),
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

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  lineal alias share churn canary 10%\n  lineal alias share churn shadow 20% --mirror\n  \
                  lineal alias share churn canary 0%"
)]
struct ShareArgs {
    /// The model
    model: String,
    /// The alias
    name: String,
    /// How much, e.g. 10% or 2.5%; 0% for none
    #[arg(value_parser = parse::share)]
    share: Share,
    /// Copies of answered requests, to which nobody sees the answers
    #[arg(long)]
    mirror: bool,
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

/// Changes an alias.
pub(super) async fn change(args: AliasArgs, ctx: &Context) -> Result<Exit, CliError> {
    match args.command {
        AliasCommand::Set(args) => set(args, ctx).await,
        AliasCommand::Share(args) => share(args, ctx).await,
    }
}

async fn set(args: SetArgs, ctx: &Context) -> Result<Exit, CliError> {
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

async fn share(args: ShareArgs, ctx: &Context) -> Result<Exit, CliError> {
    let request_id = args.change.request_id();
    let traffic = if args.mirror { Traffic::Mirror(args.share) } else { Traffic::Split(args.share) };
    let request = SetTrafficRequest {
        model: args.model.clone(),
        slot: args.slot.slot.labels().clone(),
        alias: args.name,
        traffic: lineal_rpc::traffic(traffic),
        etag: args.etag,
        request_id: request_id.clone(),
    };
    let answer = ctx.registry.call(AliasServiceClient::new(ctx.registry.peer()).set_traffic(request)).await;
    let answer = answer.map_err(|error| error.about(&args.model, "").of_request(&request_id))?;
    ctx.output.print(&answer, |style| render(answer.alias.as_slice(), style))?;
    Ok(Exit::Done)
}

fn render(aliases: &[Alias], style: Style) -> String {
    let mut table = Table::new(style, &["ALIAS", "SLOT", "VERSION", "TRAFFIC", "DIGEST", "GENERATION", "SINCE"]);
    for alias in aliases {
        table.add([
            cell(&alias.name),
            cell(format::slot(&alias.slot)),
            cell(alias.number),
            cell(format::traffic(alias.traffic)),
            cell(format::digest(&alias.digest)),
            cell(format::number(alias.generation)),
            cell(format::time(alias.update_time.as_ref())),
        ]);
    }
    table.render()
}
