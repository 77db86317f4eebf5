//! `lineal promotions`

use lineal_proto::lineal::registry::v1::{
    CancelPromotionRequest, GetPromotionRequest, GetPromotionResponse, ListPromotionsRequest,
    promotion_service_client::PromotionServiceClient,
};

use super::{
    context::Context,
    error::{CliError, Exit},
    explain, format, promote,
    request::{ChangeArgs, PageArgs},
    story,
};

/// `lineal promotions`
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, after_help = "Example:\n  lineal promotions --model churn")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List promotions, rollbacks and demotions, newest first; the same as `lineal promotions`
    List(ListArgs),
    /// Show one with its replicas
    Show(PromotionArgs),
    /// Follow one until its call is answered
    Watch(PromotionArgs),
    /// End one before its commit
    Cancel(CancelArgs),
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Only moves of this model's champions
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    model: String,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal promotions watch 0194f3a2-7c1e-7d53-b0a4-2f6f4c1f9d10")]
struct PromotionArgs {
    /// The promotion's id
    id: String,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  lineal promotions cancel 0194f3a2-7c1e-7d53-b0a4-2f6f4c1f9d10 --reason 'wrong version'"
)]
struct CancelArgs {
    /// The promotion's id
    id: String,
    /// Why; it goes into the audit and to whoever waits for it
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Lists, shows, watches or cancels promotions.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    match args.command {
        None => list(args.list, ctx).await,
        Some(Command::List(args)) => list(args, ctx).await,
        Some(Command::Show(args)) => {
            let request = GetPromotionRequest { promotion_id: args.id };
            let mut client = PromotionServiceClient::new(ctx.registry.peer());
            let answer = ctx.registry.call(client.get_promotion(request)).await?;
            let promotion = ctx.registry.present(answer.promotion.as_ref(), "promotion")?;
            ctx.output.print(&answer, |style| promote::render(promotion, style))?;
            Ok(Exit::Done)
        }
        Some(Command::Watch(args)) => {
            let answer = GetPromotionResponse { promotion: Some(story::follow(ctx, &args.id).await?) };
            promote::conclude(ctx, &answer, answer.promotion.as_ref())
        }
        Some(Command::Cancel(args)) => cancel(args, ctx).await,
    }
}

async fn list(args: ListArgs, ctx: &Context) -> Result<Exit, CliError> {
    let ListArgs { model, page } = args;
    let (page_size, page_token) = (page.limit, page.page_token);
    let request = ListPromotionsRequest { model, page_size, page_token, ..ListPromotionsRequest::default() };
    let answer = ctx.registry.call(PromotionServiceClient::new(ctx.registry.peer()).list_promotions(request)).await?;
    ctx.output.print(&answer, |style| {
        explain::promotion_table(&answer.promotions, style) + &format::more(&answer.next_page_token)
    })?;
    Ok(Exit::Done)
}

async fn cancel(args: CancelArgs, ctx: &Context) -> Result<Exit, CliError> {
    let request_id = args.change.request_id();
    let request = CancelPromotionRequest { promotion_id: args.id, reason: args.reason, request_id: request_id.clone() };
    let answer = ctx.registry.call(PromotionServiceClient::new(ctx.registry.peer()).cancel_promotion(request)).await;
    let answer = answer.map_err(|error| error.of_request(&request_id))?;
    let promotion = ctx.registry.present(answer.promotion.as_ref(), "promotion")?;
    ctx.output.print(&answer, |style| promote::render(promotion, style))?;
    Ok(Exit::Done)
}
