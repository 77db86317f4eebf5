//! `lineal validate`

use lineal_proto::lineal::validator::v1::{
    Gate, MetricLimit, Policy, Report, ValidateRequest, report_service_client::ReportServiceClient,
};

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, Table, cell, verdict},
    parse,
    request::{ChangeArgs, SlotArgs, resolve},
};

/// `lineal validate`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal validate churn 3 --limit auc=0.8 --compare f1")]
pub(super) struct Args {
    /// The model
    model: String,
    /// A number, a label or @alias
    version: String,
    /// What a metric must reach, e.g. auc=0.75; can be given many times [default: without this, --compare and --no-compare as the model's settings say, else auc=0.75]
    #[arg(long, value_name = "METRIC=LIMIT", value_parser = parse::limit)]
    limit: Vec<MetricLimit>,
    /// The metric that decides against the champion [default: without this, --limit and --no-compare as the model's settings say, else auc]
    #[arg(long, value_name = "METRIC")]
    compare: Option<String>,
    /// Do not compare with the champion
    #[arg(long, conflicts_with = "compare")]
    no_compare: bool,
    #[command(flatten)]
    slot: SlotArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

impl Args {
    /// Absent when no flag asks for anything: then the model's settings say, or else the default policy.
    fn policy(&self) -> Option<Policy> {
        let asked = !self.limit.is_empty() || self.compare.is_some() || self.no_compare;
        asked.then(|| Policy {
            limits: self.limit.clone(),
            comparison_metric: self.compare.clone().unwrap_or_default(),
            skip_comparison: self.no_compare,
        })
    }
}

/// Has a version judged and prints the verdict.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let number = resolve(ctx, &args.model, &args.version, &args.slot.slot).await?;
    let request_id = args.change.request_id();
    let request = ValidateRequest {
        model: args.model.clone(),
        slot: args.slot.slot.labels().clone(),
        number,
        policy: args.policy(),
        request_id: request_id.clone(),
    };
    let answer = ctx.validator.call(ReportServiceClient::new(ctx.validator.peer()).validate(request)).await;
    let answer = answer.map_err(|error| error.about(&args.model, number).of_request(&request_id))?;
    let report = ctx.validator.present(answer.report.as_ref(), "report")?;
    ctx.output.print(&answer, |style| render(report, style))?;
    Ok(if report.passed { Exit::Done } else { Exit::Refused })
}

fn render(report: &Report, style: Style) -> String {
    let Report { model, number, .. } = report;
    let outcome = if report.passed { "passed" } else { "did not pass" };
    let headline = style.heading(&format!("{model} {number} {outcome}"));
    let mut facts = Table::headless(style);
    facts.fact("report", &report.report_id);
    facts.fact("settings", format::digest(&report.settings_digest));
    facts.fact("scored on", format!("{} rows, {}", report.reference_rows, format::digest(&report.reference_digest)));
    let closing = match (report.passed, report.champion_number) {
        (true, _) => format!("next: lineal promote {model} {number}\n"),
        (false, 0) => String::new(),
        (false, champion) => format!("{model} {champion} stays champion\n"),
    };
    format!("{headline}\n{}\n{}\n{}{closing}", facts.render(), gates(report, style), metrics(report, style))
}

fn gates(report: &Report, style: Style) -> String {
    let mut table = Table::new(style, &["GATE", "METRIC", "VALUE", "NEEDED", "VERDICT", "DETAIL"]);
    for gate in &report.gates {
        table.add([
            cell(&gate.name),
            cell(&gate.metric),
            cell(figure(gate, gate.value)),
            cell(needed(gate)),
            verdict(gate.passed, "passed", "not passed"),
            cell(&gate.message),
        ]);
    }
    table.render()
}

/// A metric, a count, or `-` for what could not be measured.
fn figure(gate: &Gate, value: f64) -> String {
    match (value.is_nan(), gate.metric.is_empty()) {
        (true, _) => "-".to_owned(),
        (_, true) => value.to_string(),
        (_, false) => format::metric(value),
    }
}

fn needed(gate: &Gate) -> String {
    if gate.limit.is_nan() { "-".to_owned() } else { format!("{} {}", gate.comparison, figure(gate, gate.limit)) }
}

/// The candidate's metrics, beside the champion's where there is one.
fn metrics(report: &Report, style: Style) -> String {
    if report.champion_number == 0 {
        return format::metrics(style, &report.metrics);
    }
    let candidate = format!("{} (CANDIDATE)", report.number);
    let champion = format!("{} (CHAMPION)", report.champion_number);
    let mut table = Table::new(style, &["METRIC", &candidate, &champion]);
    for (name, value) in &report.metrics {
        table.add([cell(name), cell(format::metric(*value)), cell(format::metric_of(&report.champion_metrics, name))]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn gate(name: &str, limit: f64, comparison: &str, passed: bool) -> Gate {
        Gate {
            name: name.to_owned(),
            metric: "auc".to_owned(),
            value: 0.9123,
            limit,
            comparison: comparison.to_owned(),
            passed,
            message: String::new(),
        }
    }

    #[test]
    fn candidate_and_champion_stand_side_by_side() {
        // F157
        let report = Report {
            report_id: "rep-1".to_owned(),
            model: "churn".to_owned(),
            number: 3,
            champion_number: 2,
            reference_digest: "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".to_owned(),
            reference_rows: 1000,
            passed: false,
            gates: vec![gate("auc floor", 0.75, ">=", true), gate("better than champion", 0.92, ">", false)],
            metrics: BTreeMap::from([("auc".to_owned(), 0.9123), ("f1".to_owned(), 0.8)]),
            champion_metrics: BTreeMap::from([("auc".to_owned(), 0.92)]),
            ..Report::default()
        };
        assert_eq!(
            render(&report, Style::default()),
            "churn 3 did not pass\n\
             report     rep-1\n\
             scored on  1000 rows, e3b0c44298fc\n\
             \n\
             GATE                  METRIC  VALUE   NEEDED     VERDICT     DETAIL\n\
             auc floor             auc     0.9123  >= 0.7500  passed\n\
             better than champion  auc     0.9123  > 0.9200   not passed\n\
             \n\
             METRIC  3 (CANDIDATE)  2 (CHAMPION)\n\
             auc     0.9123         0.9200\n\
             f1      0.8000         -\n\
             churn 2 stays champion\n"
        );
    }

    #[test]
    fn the_first_version_is_judged_alone() {
        let report = Report {
            report_id: "rep-1".to_owned(),
            model: "churn".to_owned(),
            number: 1,
            passed: true,
            gates: vec![gate("auc floor", 0.75, ">=", true)],
            metrics: BTreeMap::from([("auc".to_owned(), 0.9123)]),
            ..Report::default()
        };
        let text = render(&report, Style::default());
        assert!(text.ends_with("METRIC  VALUE\nauc     0.9123\nnext: lineal promote churn 1\n"), "{text}");
    }
}
