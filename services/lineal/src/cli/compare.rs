//! `lineal compare`

use std::collections::BTreeSet;

use lineal_proto::lineal::registry::v1::{
    Comparison, ListComparisonsRequest, Version, comparison_service_client::ComparisonServiceClient,
};
use serde::Serialize;

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, Table, cell, printable},
    request::{SlotArgs, resolve, resolve_reference},
};

/// `lineal compare`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal compare churn 5 4")]
pub(super) struct Args {
    /// The model
    model: String,
    /// The candidate: a number, a label or @alias
    candidate: String,
    /// The champion it is or was compared with
    champion: String,
    #[command(flatten)]
    slot: SlotArgs,
}

/// Two versions and the latest comparison of them, if there is one.
#[derive(Serialize)]
struct Pair {
    candidate: Version,
    champion: Version,
    comparison: Option<Comparison>,
}

/// Shows two versions side by side.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let version = async |name: &str| {
        let number = resolve(ctx, &args.model, name, &args.slot.slot).await?;
        let found = resolve_reference(ctx, format!("{}/{number}", args.model), &args.slot.slot).await;
        found.map_err(|error| error.about(&args.model, number))
    };
    let (candidate, champion) = (version(&args.candidate).await?, version(&args.champion).await?);
    let request = ListComparisonsRequest {
        model: args.model.clone(),
        candidate_number: candidate.number,
        champion_number: champion.number,
        page_size: 1,
        page_token: String::new(),
    };
    let found = ctx.registry.call(ComparisonServiceClient::new(ctx.registry.peer()).list_comparisons(request)).await?;
    let pair = Pair { candidate, champion, comparison: found.comparisons.into_iter().next() };
    ctx.output.print(&pair, |style| render(&pair, style))?;
    Ok(Exit::Done)
}

fn render(pair: &Pair, style: Style) -> String {
    let Pair { candidate, champion, comparison } = pair;
    let of = |version: &Version| format!("VERSION {}", version.number);
    let mut table = Table::new(style, &["", &of(candidate), &of(champion)]);
    let mut row = |name: &str, a: String, b: String| table.add([cell(name), cell(a), cell(b)]);
    row("state", candidate.display_state.clone(), champion.display_state.clone());
    row("family", candidate.family.clone(), champion.family.clone());
    let (ours, theirs) = match comparison {
        Some(comparison) => (&comparison.candidate_metrics, &comparison.champion_metrics),
        None => (&candidate.metrics, &champion.metrics),
    };
    for metric in ours.keys().chain(theirs.keys()).collect::<BTreeSet<_>>() {
        row(metric, format::metric_of(ours, metric), format::metric_of(theirs, metric));
    }
    for (name, a, b) in digests(candidate, champion) {
        row(&name, format::digest(&a), format::digest(&b));
    }
    table.render() + &verdict(comparison.as_ref(), candidate)
}

/// Hyperparameters and data that differ.
fn digests(candidate: &Version, champion: &Version) -> Vec<(String, String, String)> {
    let of = |version: &Version| {
        let lineage = version.lineage.clone().unwrap_or_default();
        [
            ("hyperparameters", lineage.hyperparameters_digest),
            ("data", lineage.data_digest),
            ("features", lineage.feature_digest),
            ("reference", lineage.reference_digest),
        ]
    };
    let pairs = of(candidate).into_iter().zip(of(champion)).filter(|((_, a), (_, b))| a != b);
    pairs.map(|((name, a), (_, b))| (name.to_owned(), a, b)).collect()
}

fn verdict(comparison: Option<&Comparison>, candidate: &Version) -> String {
    let Some(comparison) = comparison else {
        return format!(
            "not compared on the same rows, the metrics are those of training\nnext: lineal validate {} {}\n",
            candidate.model, candidate.number
        );
    };
    let verdict = format::word(comparison.verdict().as_str_name(), "COMPARISON_VERDICT_").replace('_', " ");
    let test = match comparison.p_value {
        Some(p_value) => format!(" ({}, p = {p_value:.4})", comparison.test),
        None => String::new(),
    };
    let rows = comparison.reference_rows;
    printable(&format!("{verdict} in {} on the same {rows} rows{test}", comparison.metric)) + "\n"
}

#[cfg(test)]
mod tests {
    use lineal_proto::lineal::registry::v1::{ComparisonVerdict, Lineage};

    use super::*;

    fn version(number: u64, hyperparameters_digest: &str) -> Version {
        let lineage = Lineage { hyperparameters_digest: hyperparameters_digest.into(), ..Lineage::default() };
        Version {
            model: "churn".into(),
            number,
            family: "poisson".into(),
            display_state: "staging".into(),
            metrics: [("auc".to_owned(), 0.7)].into(),
            lineage: Some(lineage),
            ..Version::default()
        }
    }

    #[test]
    fn metrics_and_what_differs_stand_side_by_side() {
        // F28
        let comparison = Comparison {
            candidate_metrics: [("auc".to_owned(), 0.81)].into(),
            champion_metrics: [("auc".to_owned(), 0.8), ("brier".to_owned(), 0.1)].into(),
            metric: "auc".into(),
            test: "delong".into(),
            p_value: Some(0.31),
            reference_rows: 500,
            verdict: ComparisonVerdict::Inconclusive.into(),
            ..Comparison::default()
        };
        let mut pair = Pair { candidate: version(5, "a"), champion: version(4, "b"), comparison: Some(comparison) };
        assert_eq!(
            render(&pair, Style::default()),
            "                 VERSION 5  VERSION 4\n\
             state            staging    staging\n\
             family           poisson    poisson\n\
             auc              0.8100     0.8000\n\
             brier            -          0.1000\n\
             hyperparameters  a          b\n\
             inconclusive in auc on the same 500 rows (delong, p = 0.3100)\n"
        );
        pair.comparison = None;
        let text = render(&pair, Style::default());
        assert!(text.contains("auc              0.7000     0.7000\n"), "{text}");
        assert!(text.ends_with("next: lineal validate churn 5\n"), "{text}");
    }
}
