//! `lineal rollback`

use std::time::Duration;

use lineal_proto::lineal::registry::v1::{
    RollbackRequest, RollbackTrigger, promotion_service_client::PromotionServiceClient,
};

use super::{
    context::Context,
    error::{CliError, Exit},
    parse, promote,
    request::{ChangeArgs, Policy, SlotArgs, resolve},
    story,
};

/// `lineal rollback`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal rollback churn --reason 'errors doubled since noon'")]
pub(super) struct Args {
    /// The model
    model: String,
    /// The earlier champion to bring back: a number, a label or @alias [default: the latest that left healthy
    /// and has all its files]
    version: Option<String>,
    /// Why; it goes into the audit
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// What sets it off
    #[arg(long, value_enum, default_value = "manual")]
    trigger: Trigger,
    /// A measurement that asks for it, e.g. psi=0.31; may be given several times
    #[arg(long, value_name = "NAME=NUMBER", value_parser = parse::measurement)]
    evidence: Vec<(String, f64)>,
    /// The champion you expect to leave
    #[arg(long, value_name = "VERSION")]
    expected: Option<u64>,
    /// Which live replicas must be ready first, or else nothing moves
    #[arg(long, value_name = "all|none|quorum=N", default_value = "all")]
    policy: Policy,
    /// How long replicas may take to be ready, at most 4m [default: as the registry is configured]
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    prepare_timeout: Option<Duration>,
    #[command(flatten)]
    slot: SlotArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

/// What sets a rollback off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Trigger {
    Manual,
    Drift,
    Performance,
    Errors,
    Bake,
}

impl Trigger {
    fn wire(self) -> RollbackTrigger {
        match self {
            Self::Manual => RollbackTrigger::Manual,
            Self::Drift => RollbackTrigger::Drift,
            Self::Performance => RollbackTrigger::Performance,
            Self::Errors => RollbackTrigger::Errors,
            Self::Bake => RollbackTrigger::Bake,
        }
    }
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
        prepare_timeout: args.prepare_timeout.map(lineal_rpc::duration),
        reason: args.reason,
        trigger: args.trigger.wire().into(),
        evidence: args.evidence.into_iter().collect(),
        request_id: request_id.clone(),
    };
    let mut client = PromotionServiceClient::new(ctx.registry.peer());
    let call = Box::pin(ctx.registry.call(client.rollback(request)));
    let answer = story::shown(ctx, &request_id, call).await;
    let answer = answer.map_err(|error| error.about(&args.model, "").of_request(&request_id))?;
    promote::conclude(ctx, &answer, answer.promotion.as_ref())
}
