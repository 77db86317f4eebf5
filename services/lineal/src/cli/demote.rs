//! `lineal demote`

use lineal_proto::lineal::registry::v1::{DemoteRequest, promotion_service_client::PromotionServiceClient};

use super::{
    context::Context,
    error::{CliError, Exit},
    promote,
    request::{ChangeArgs, SlotArgs},
};

/// `lineal demote`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal demote churn --reason 'the product was withdrawn'")]
pub(super) struct Args {
    /// The model
    model: String,
    /// Why; it goes into the audit
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The champion you expect to take away
    #[arg(long, value_name = "VERSION")]
    expected: Option<u64>,
    #[command(flatten)]
    slot: SlotArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Leaves the slot without a champion.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let request_id = args.change.request_id();
    let request = DemoteRequest {
        model: args.model.clone(),
        slot: args.slot.slot.labels().clone(),
        expected_champion: args.expected,
        reason: args.reason,
        request_id: request_id.clone(),
    };
    let answer = ctx.registry.call(PromotionServiceClient::new(ctx.registry.peer()).demote(request)).await;
    let answer = answer.map_err(|error| error.about(&args.model, "").of_request(&request_id))?;
    promote::conclude(ctx, &answer, answer.promotion.as_ref())
}
