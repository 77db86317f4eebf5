//! `lineal rollbacks`

use lineal_proto::lineal::registry::v1::{
    ListPromotionsRequest, ListPromotionsResponse, Promotion, PromotionKind, PromotionState,
    promotion_service_client::PromotionServiceClient,
};

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, Table, bad, cell},
    request::PageArgs,
    way_back,
};

/// `lineal rollbacks`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal rollbacks churn --refused")]
pub(super) struct Args {
    /// Only this model
    #[arg(default_value = "", hide_default_value = true)]
    model: String,
    /// Only those that moved nothing
    #[arg(long)]
    refused: bool,
    #[command(flatten)]
    page: PageArgs,
}

/// Lists rollbacks, newest first, with those that were refused.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let state = if args.refused { PromotionState::Refused } else { PromotionState::Unspecified };
    let request = ListPromotionsRequest {
        model: args.model,
        kind: PromotionKind::Rollback.into(),
        state: state.into(),
        page_size: args.page.limit,
        page_token: args.page.page_token,
    };
    let answer = ctx.registry.call(PromotionServiceClient::new(ctx.registry.peer()).list_promotions(request)).await?;
    ctx.output.print(&answer, |style| render(&answer, style))?;
    Ok(Exit::Done)
}

fn render(answer: &ListPromotionsResponse, style: Style) -> String {
    let header = ["TIME", "MODEL", "SLOT", "VERSION", "OUTCOME", "TRIGGER", "ACTOR", "REASON", "EVIDENCE", "PROBLEM"];
    let mut table = Table::new(style, &header);
    for rollback in &answer.promotions {
        let state = format::word(rollback.state().as_str_name(), "PROMOTION_STATE_");
        let stopped = matches!(rollback.state(), PromotionState::Refused | PromotionState::Cancelled);
        let evidence = rollback.evidence.iter().map(|(name, value)| format!("{name}={}", format::metric(*value)));
        table.add([
            cell(format::time(rollback.create_time.as_ref())),
            cell(&rollback.model),
            cell(format::slot(&rollback.slot)),
            cell(format!("{} -> {}", format::number(rollback.from_number), format::number(rollback.to_number))),
            if stopped { bad(state) } else { cell(state) },
            cell(format::word(rollback.trigger().as_str_name(), "ROLLBACK_TRIGGER_")),
            cell(&rollback.actor),
            cell(&rollback.reason),
            cell(evidence.collect::<Vec<_>>().join(" ")),
            bad(problem(rollback)),
        ]);
    }
    table.render() + &format::more(&answer.next_page_token)
}

/// Why it moved nothing, or which candidates it passed over.
fn problem(rollback: &Promotion) -> String {
    if rollback.refusal.is_empty() {
        rollback.skipped.iter().map(way_back::passed_over).collect::<Vec<_>>().join("; ")
    } else {
        rollback.refusal.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use lineal_proto::lineal::registry::v1::{RollbackTrigger, SkippedCandidate};

    use super::*;

    #[test]
    fn a_rollback_is_told_with_its_evidence_and_what_it_passed_over() {
        // F26
        let done = Promotion {
            model: "churn".to_owned(),
            from_number: 4,
            to_number: 2,
            state: PromotionState::Converged.into(),
            trigger: RollbackTrigger::Drift.into(),
            actor: "ana".to_owned(),
            reason: "drift".to_owned(),
            evidence: BTreeMap::from([("psi".to_owned(), 0.31)]),
            skipped: vec![SkippedCandidate { number: 3, reason: "`model.bin` is damaged".to_owned() }],
            ..Promotion::default()
        };
        let refused = Promotion {
            to_number: 0,
            state: PromotionState::Refused.into(),
            trigger: RollbackTrigger::Manual.into(),
            evidence: BTreeMap::new(),
            refusal: "no earlier champion".to_owned(),
            ..done.clone()
        };
        let answer = ListPromotionsResponse { promotions: vec![refused, done], next_page_token: String::new() };
        assert_eq!(
            render(&answer, Style::default()),
            "TIME  MODEL  SLOT     VERSION  OUTCOME    TRIGGER  ACTOR  REASON  EVIDENCE    PROBLEM\n\
             \u{20}     churn  default  4 -> -   refused    manual   ana    drift               no earlier champion\n\
             \u{20}     churn  default  4 -> 2   converged  drift    ana    drift   psi=0.3100  passed over version 3: \
             `model.bin` is damaged\n"
        );
    }
}
