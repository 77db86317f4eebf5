//! `lineal promote`, and how every move of a champion is told.

use std::time::Duration;

use lineal_proto::lineal::registry::v1::{
    Bake, ChainMove, PlanPromotionRequest, PlanPromotionResponse, PromoteRequest, Promotion, PromotionKind,
    PromotionState, ReloadPolicy, promotion_service_client::PromotionServiceClient,
};
use serde::Serialize;

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, Table, bad, cell, printable, verdict},
    parse,
    request::{ChangeArgs, Policy, SlotArgs, resolve},
    story, way_back,
};

const BEHIND: &str =
    "not every replica serves it yet: those that are behind catch up by themselves\nnext: lineal status\n";

/// `lineal promote`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal promote churn 3 --reason 'better auc on the same rows'")]
pub(super) struct Args {
    /// The model
    model: String,
    /// A number, a label or @alias
    version: String,
    /// Only say what would happen
    #[arg(long)]
    dry_run: bool,
    /// Which live replicas must be ready first, or else nothing moves
    #[arg(long, value_name = "all|none|quorum=N", default_value = "all")]
    policy: Policy,
    /// How long replicas may take to be ready, at most 4m [default: as the registry is configured]
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    prepare_timeout: Option<Duration>,
    /// Watch the new champion for this long, e.g. 30m, and roll back if more than a tenth of its requests fail
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    bake: Option<Duration>,
    /// Why; it goes into the audit
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    /// It may have learnt from a sample of its rows; say with --reason why that will do
    #[arg(long, requires = "reason")]
    allow_sampled: bool,
    /// The champion you expect to replace, 0 for none [default: the one of the validation]
    #[arg(long, value_name = "VERSION")]
    expected: Option<u64>,
    /// The report you rely on [default: the version's latest]
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    report: String,
    #[command(flatten)]
    slot: SlotArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Makes a version the champion, or says what would happen.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let number = resolve(ctx, &args.model, &args.version, &args.slot.slot).await?;
    if args.dry_run {
        return plan(&args, number, ctx).await;
    }
    let request_id = args.change.request_id();
    let (policy, quorum) = args.policy.wire();
    let request = PromoteRequest {
        model: args.model.clone(),
        slot: args.slot.slot.labels().clone(),
        number,
        expected_champion: args.expected,
        report_id: args.report,
        policy,
        quorum,
        prepare_timeout: args.prepare_timeout.map(lineal_rpc::duration),
        reason: args.reason,
        allow_sampled: args.allow_sampled,
        bake: args.bake.map(|time| Bake { duration: Some(lineal_rpc::duration(time)), ..Bake::default() }),
        request_id: request_id.clone(),
    };
    let mut client = PromotionServiceClient::new(ctx.registry.peer());
    let call = Box::pin(ctx.registry.call(client.promote(request)));
    let answer = story::shown(ctx, &request_id, call).await;
    let answer = answer.map_err(|error| error.about(&args.model, number).of_request(&request_id))?;
    conclude(ctx, &answer, answer.promotion.as_ref())
}

async fn plan(args: &Args, number: u64, ctx: &Context) -> Result<Exit, CliError> {
    let slot = args.slot.slot.labels().clone();
    let request = PlanPromotionRequest { model: args.model.clone(), slot, number, allow_sampled: args.allow_sampled };
    let answer = ctx.registry.call(PromotionServiceClient::new(ctx.registry.peer()).plan_promotion(request)).await;
    let answer = answer.map_err(|error| error.about(&args.model, number))?;
    ctx.output.print(&answer, |style| render_plan(&args.model, &answer, style))?;
    Ok(if answer.blockers.is_empty() { Exit::Done } else { Exit::Refused })
}

/// Prints what became of a move of a champion.
pub(super) fn conclude<T: Serialize>(
    ctx: &Context,
    answer: &T,
    promotion: Option<&Promotion>,
) -> Result<Exit, CliError> {
    let promotion = ctx.registry.present(promotion, "promotion")?;
    ctx.output.print(answer, |style| render(promotion, style))?;
    Ok(exit_of(promotion))
}

/// Anything short of every replica serving the new champion is a refusal, unless that was what was asked for.
fn exit_of(promotion: &Promotion) -> Exit {
    let reloaded = promotion.replicas.iter().filter(|replica| replica.reloaded).count();
    match promotion.state() {
        PromotionState::Converged => Exit::Done,
        PromotionState::Committed
            if promotion.policy() == ReloadPolicy::None
                || (promotion.policy() == ReloadPolicy::Quorum && reloaded >= promotion.quorum as usize)
                || promotion.replicas.iter().all(|replica| replica.reloaded) =>
        {
            Exit::Done
        }
        PromotionState::Committed
        | PromotionState::Unspecified
        | PromotionState::Preparing
        | PromotionState::Refused
        | PromotionState::Cancelled => Exit::Refused,
    }
}

fn render_plan(model: &str, plan: &PlanPromotionResponse, style: Style) -> String {
    let headline = style.heading(&format!("promoting {model} {} would do this", plan.to_number));
    let mut facts = Table::headless(style);
    facts.fact("champion", format!("{} -> {}", format::number(plan.from_number), plan.to_number));
    facts.fact("together with", chain(&plan.members));
    facts.fact("generation", plan.generation.to_string());
    facts.fact("replicas", if plan.replicas.is_empty() { "none".to_owned() } else { plan.replicas.join(", ") });
    if let Some(defaults) = &plan.defaults {
        facts.fact("split version", &defaults.split_version);
        facts.fact("feature version", &defaults.feature_version);
        facts.fact("model version", &defaults.model_version);
    }
    let outlook = if plan.blockers.is_empty() {
        format!("nothing stands in the way\nnext: lineal promote {model} {}\n", plan.to_number)
    } else {
        let mut table = Table::new(style, &["IN THE WAY"]);
        plan.blockers.iter().for_each(|blocker| table.add([bad(blocker)]));
        format!("\n{}", table.render())
    };
    format!("{headline}\n{}{outlook}", facts.render())
}

/// A promotion as people read it.
pub(super) fn render(promotion: &Promotion, style: Style) -> String {
    let mut parts = vec![style.heading(&headline(promotion)) + "\n"];
    if !promotion.refusal.is_empty() {
        parts.push(format!("because: {}\n", printable(&promotion.refusal)));
    }
    for skipped in &promotion.skipped {
        parts.push(printable(&way_back::passed_over(skipped)) + "\n");
    }
    if promotion.generation > 0 && !promotion.members.is_empty() {
        parts.push(format!("together with {}\n", chain(&promotion.members)));
    }
    if !promotion.replicas.is_empty() {
        parts.push(format!("\n{}", replicas(promotion, style)));
    }
    if exit_of(promotion) == Exit::Refused && promotion.generation > 0 {
        parts.push(BEHIND.to_owned());
    }
    parts.concat()
}

fn headline(promotion: &Promotion) -> String {
    let Promotion { model, from_number, to_number, generation, .. } = promotion;
    let place =
        if promotion.slot.is_empty() { String::new() } else { format!(" in {}", format::slot(&promotion.slot)) };
    if promotion.state() == PromotionState::Preparing {
        return format!("{model} {to_number} is being prepared{place}, {} is champion", format::number(*from_number));
    }
    if *generation == 0 {
        let state = format::word(promotion.state().as_str_name(), "PROMOTION_STATE_");
        return format!("{state}: nothing moved, {model} {} stays champion{place}", format::number(*from_number));
    }
    match promotion.kind() {
        PromotionKind::Demote => {
            format!("{model} has no champion{place}: generation {generation} (was {})", format::number(*from_number))
        }
        PromotionKind::Promote | PromotionKind::Rollback | PromotionKind::Unspecified => {
            format!(
                "{model} {to_number} is champion{place}: generation {generation} (was {})",
                format::number(*from_number)
            )
        }
    }
}

/// The upstream members that move with a version, e.g. `poisson 1 -> 2, blending - -> 1`.
fn chain(members: &[ChainMove]) -> String {
    let moved = members
        .iter()
        .map(|member| format!("{} {} -> {}", member.model, format::number(member.from_number), member.to_number));
    printable(&moved.collect::<Vec<_>>().join(", "))
}

fn replicas(promotion: &Promotion, style: Style) -> String {
    let mut table = Table::new(style, &["REPLICA", "PREPARED", "TOOK", "RELOADED", "TOOK", "PROBLEM"]);
    for replica in &promotion.replicas {
        table.add([
            cell(&replica.replica),
            verdict(replica.prepared, "yes", "no"),
            cell(format::millis(replica.prepare_duration.as_ref())),
            verdict(replica.reloaded, "yes", "no"),
            cell(format::millis(replica.reload_duration.as_ref())),
            cell(&replica.problem),
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use lineal_proto::{
        lineal::registry::v1::{Defaults, ReplicaOutcome, SkippedCandidate},
        pbjson_types::Duration,
    };

    use super::*;

    fn outcome(replica: &str, reloaded: bool, problem: &str) -> ReplicaOutcome {
        ReplicaOutcome {
            replica: replica.to_owned(),
            prepared: true,
            prepare_duration: Some(Duration { seconds: 0, nanos: 12_300_000 }),
            reloaded,
            reload_duration: reloaded.then_some(Duration { seconds: 0, nanos: 1_200_000 }),
            problem: problem.to_owned(),
        }
    }

    fn promotion(state: PromotionState, replicas: Vec<ReplicaOutcome>) -> Promotion {
        Promotion {
            kind: PromotionKind::Promote.into(),
            state: state.into(),
            model: "churn".to_owned(),
            from_number: 2,
            to_number: 3,
            generation: 7,
            policy: ReloadPolicy::All.into(),
            replicas,
            ..Promotion::default()
        }
    }

    #[test]
    fn a_converged_promotion_is_done() {
        let promotion = promotion(PromotionState::Converged, vec![outcome("r1", true, ""), outcome("r2", true, "")]);
        assert_eq!(exit_of(&promotion), Exit::Done);
        assert_eq!(
            render(&promotion, Style::default()),
            "churn 3 is champion: generation 7 (was 2)\n\
             \n\
             REPLICA  PREPARED  TOOK     RELOADED  TOOK    PROBLEM\n\
             r1       yes       12.3 ms  yes       1.2 ms\n\
             r2       yes       12.3 ms  yes       1.2 ms\n"
        );
    }

    #[test]
    fn a_rollback_names_the_candidates_it_passed_over() {
        // F113
        let mut promotion = promotion(PromotionState::Converged, vec![]);
        promotion.kind = PromotionKind::Rollback.into();
        (promotion.from_number, promotion.to_number) = (4, 2);
        promotion.skipped = vec![SkippedCandidate { number: 3, reason: "`model.bin` is damaged".to_owned() }];
        assert_eq!(
            render(&promotion, Style::default()),
            "churn 2 is champion: generation 7 (was 4)\npassed over version 3: `model.bin` is damaged\n"
        );
    }

    #[test]
    fn a_replica_that_is_behind_is_told_and_counts() {
        let mut promotion =
            promotion(PromotionState::Committed, vec![outcome("r1", true, ""), outcome("r2", false, "timed out")]);
        assert_eq!(exit_of(&promotion), Exit::Refused);
        assert_eq!(
            render(&promotion, Style::default()),
            "churn 3 is champion: generation 7 (was 2)\n\
             \n\
             REPLICA  PREPARED  TOOK     RELOADED  TOOK    PROBLEM\n\
             r1       yes       12.3 ms  yes       1.2 ms\n\
             r2       yes       12.3 ms  no                timed out\n\
             not every replica serves it yet: those that are behind catch up by themselves\n\
             next: lineal status\n"
        );
        promotion.policy = ReloadPolicy::None.into();
        assert_eq!(exit_of(&promotion), Exit::Done);
    }

    #[test]
    fn a_refused_promotion_says_that_nothing_moved() {
        let mut promotion = promotion(PromotionState::Refused, vec![]);
        promotion.generation = 0;
        promotion.refusal = "replica r2: golden rows differ".to_owned();
        assert_eq!(exit_of(&promotion), Exit::Refused);
        assert_eq!(
            render(&promotion, Style::default()),
            "refused: nothing moved, churn 2 stays champion\nbecause: replica r2: golden rows differ\n"
        );
    }

    #[test]
    fn a_plan_names_what_stands_in_the_way() {
        let mut plan = PlanPromotionResponse {
            from_number: 0,
            to_number: 3,
            generation: 7,
            replicas: vec!["r1".to_owned(), "r2".to_owned()],
            blockers: vec![],
            defaults: Some(Defaults {
                split_version: "v1".to_owned(),
                feature_version: "v2".to_owned(),
                model_version: "gb-1".to_owned(),
            }),
            members: vec![ChainMove { model: "poisson".to_owned(), from_number: 1, to_number: 2 }],
        };
        let facts = "promoting churn 3 would do this\n\
                     champion         - -> 3\n\
                     together with    poisson 1 -> 2\n\
                     generation       7\n\
                     replicas         r1, r2\n\
                     split version    v1\n\
                     feature version  v2\n\
                     model version    gb-1\n";
        assert_eq!(
            render_plan("churn", &plan, Style::default()),
            format!("{facts}nothing stands in the way\nnext: lineal promote churn 3\n")
        );
        plan.blockers.push("version 3 has not been validated".to_owned());
        assert_eq!(
            render_plan("churn", &plan, Style::default()),
            format!("{facts}\nIN THE WAY\nversion 3 has not been validated\n")
        );
    }
}
