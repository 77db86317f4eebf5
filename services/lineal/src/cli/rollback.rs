//! `lineal rollback`

use lineal_proto::lineal::registry::v1::{RollbackRequest, promotion_service_client::PromotionServiceClient};

use super::{
    context::Context,
    error::{CliError, Exit},
    promote,
    request::{ChangeArgs, Policy, SlotArgs, resolve},
};

/// `lineal rollback`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal rollback churn --reason 'errors doubled since noon'")]
pub(super) struct Args {
    /// The model
    model: String,
    /// The earlier champion to bring back: a number, a label or @alias [default: the one before the present]
    version: Option<String>,
    /// Why; it goes into the audit
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The champion you expect to leave
    #[arg(long, value_name = "VERSION")]
    expected: Option<u64>,
    /// Which live replicas must be ready first, or else nothing moves
    #[arg(long, value_name = "all|none|quorum=N", default_value = "all")]
    policy: Policy,
    #[command(flatten)]
    slot: SlotArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Brings back an earlier champion.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let slot = &args.slot.slot;
    let number = match &args.version {
        Some(version) => resolve(ctx, &args.model, version, slot).await?,
        None => 0,
    };
    let request_id = args.change.request_id();
    let (policy, quorum) = args.policy.wire();
    let request = RollbackRequest {
        model: args.model.clone(),
        slot: slot.labels().clone(),
        number,
        expected_champion: args.expected,
        policy,
        quorum,
        reason: args.reason,
        request_id: request_id.clone(),
    };
    let answer = ctx.registry.call(PromotionServiceClient::new(ctx.registry.peer()).rollback(request)).await;
    let answer = answer.map_err(|error| error.about(&args.model, "").of_request(&request_id))?;
    promote::conclude(ctx, &answer, answer.promotion.as_ref())
}
