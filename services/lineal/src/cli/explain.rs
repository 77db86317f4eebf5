//! `lineal explain`

use std::collections::BTreeMap;

use lineal_proto::lineal::registry::v1::{
    ExplainVersionRequest, ExplainVersionResponse, GetLineageRequest, GetLineageResponse, Lineage, LineageRelation,
    Promotion, PromotionKind, PromotionState, Run, RunStatus, Taint, TracePredictionRequest, TracePredictionResponse,
    Validation, Version, lineage_service_client::LineageServiceClient,
};
use serde::Serialize;

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, Table, bad, cell},
    request::{SlotArgs, resolve_reference},
    versions,
};

/// `lineal explain`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal explain churn@champion")]
pub(super) struct Args {
    /// A version (churn@champion, churn/3, models:/churn/3) or the id of a prediction
    reference: String,
    #[command(flatten)]
    slot: SlotArgs,
}

/// What two calls said of one version.
#[derive(Serialize)]
struct Story {
    explanation: ExplainVersionResponse,
    lineage: GetLineageResponse,
}

/// Tells how a version or a prediction came to be.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    if is_prediction(&args.reference) { trace(args.reference, ctx).await } else { explain(args, ctx).await }
}

async fn trace(prediction_id: String, ctx: &Context) -> Result<Exit, CliError> {
    let request = TracePredictionRequest { prediction_id };
    let answer = ctx.registry.call(LineageServiceClient::new(ctx.registry.peer()).trace_prediction(request)).await?;
    ctx.output.print(&answer, |style| render_trace(&answer, style))?;
    Ok(Exit::Done)
}

async fn explain(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let model = args.reference.trim_start_matches("models:/").split(['/', '@']).next().unwrap_or_default().to_owned();
    let found = resolve_reference(ctx, args.reference, &args.slot.slot).await;
    let Version { model, number, .. } = found.map_err(|error| error.about(&model, ""))?;
    let mut client = LineageServiceClient::new(ctx.registry.peer());
    let request = ExplainVersionRequest { model: model.clone(), number };
    let explanation = ctx.registry.call(client.explain_version(request)).await?;
    let lineage = ctx
        .registry
        .call(client.get_lineage(GetLineageRequest { model, number, ..GetLineageRequest::default() }))
        .await?;
    let story = Story { explanation, lineage };
    ctx.output.print(&story, |style| render(&story, style))?;
    Ok(Exit::Done)
}

/// Ids of predictions carry their generation, e.g. `:g7:`, or their batch, e.g. `:bdaily:`; no name of a version does.
fn is_prediction(reference: &str) -> bool {
    let parts: Vec<&str> = reference.split(':').collect();
    let is_generation = |part: &&str| {
        let digits = part.strip_prefix('g').unwrap_or_default();
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    match parts.as_slice() {
        [_, _, origin, _, _, _] if origin.starts_with('b') => true,
        [_, middle @ .., _] => middle.iter().any(is_generation),
        _ => false,
    }
}

fn render(story: &Story, style: Style) -> String {
    let Story { explanation: ExplainVersionResponse { version, run, promotions, validations }, lineage } = story;
    let mut parts = vec![];
    if let Some(version) = version {
        parts.push(identity(version, style));
        parts.extend(version.lineage.as_ref().map(|lineage| origin(lineage, style)));
        parts.extend(run.as_ref().map(|run| execution(run, style)));
        parts.extend(measured(&version.metrics, style));
        if validations.is_empty() {
            parts.push(section(style, "not validated", ""));
        }
        parts.extend(validations.iter().map(|it| validation(it, style)));
    }
    parts.push(moves(promotions, style));
    parts.extend(ancestors(lineage, style));
    parts.join("\n")
}

fn section(style: Style, title: &str, body: &str) -> String {
    format!("{}\n{body}", style.heading(title))
}

fn identity(version: &Version, style: Style) -> String {
    let mut table = Table::headless(style);
    table.fact("label", &version.label);
    table.fact("state", &version.display_state);
    table.fact("aliases", version.aliases.iter().map(versions::pointer).collect::<Vec<_>>().join(" "));
    table.fact("family", &version.family);
    table.fact("digest", &version.digest);
    table.fact("size", format::size(version.size_bytes));
    table.fact("created", format::time(version.create_time.as_ref()));
    table.fact("environment", &version.environment);
    table.fact("description", &version.description);
    table.fact("tags", format::pairs(&version.tags));
    if let Some(taint) = &version.taint {
        table.add([cell("tainted"), bad(tainted(taint))]);
    }
    section(style, &format!("{} {}", version.model, version.number), &table.render())
}

fn origin(lineage: &Lineage, style: Style) -> String {
    let mut table = Table::headless(style);
    table.fact("data", &lineage.data_digest);
    table.fact("dataset", &lineage.dataset);
    table.fact("reference set", &lineage.reference_digest);
    table.fact("features", &lineage.feature_digest);
    table.fact("hyperparameters", &lineage.hyperparameters_digest);
    table.fact("code", &lineage.code_version);
    table.fact("split version", &lineage.split_version);
    table.fact("feature version", &lineage.feature_version);
    table.fact("model version", &lineage.model_version);
    table.fact("rows", format!("{} training, {} validation", lineage.training_rows, lineage.validation_rows));
    table.fact("took", format::millis(lineage.training_duration.as_ref()));
    table.fact("environment", format::pairs(&lineage.environment));
    section(style, "made from", &table.render())
}

/// A run and what was noted of it.
pub(super) fn execution(run: &Run, style: Style) -> String {
    let status = RunStatus::try_from(run.status).unwrap_or_default();
    let mut table = Table::headless(style);
    table.fact("id", &run.run_id);
    table.fact("name", &run.name);
    table.fact("experiment", &run.experiment);
    table.fact("status", format::word(status.as_str_name(), "RUN_STATUS_"));
    table.fact("started", format::time(run.start_time.as_ref()));
    table.fact("ended", format::time(run.end_time.as_ref()));
    table.fact("parameters", format::pairs(&run.parameters));
    table.fact("tags", format::pairs(&run.tags));
    for data in &run.datasets {
        table.fact(&data.role, format!("{} {}, {} rows", data.name, format::digest(&data.digest), data.rows));
    }
    table.fact("error", &run.error);
    if let Some(taint) = &run.taint {
        table.add([cell("tainted"), bad(tainted(taint))]);
    }
    section(style, "by run", &table.render())
}

/// Why nothing of a run may be promoted, and who says so.
fn tainted(taint: &Taint) -> String {
    format!("{} ({}, {})", taint.reason, taint.actor, format::time(taint.create_time.as_ref()))
}

/// The metrics of a run, if it has any.
pub(super) fn measured(metrics: &BTreeMap<String, f64>, style: Style) -> Option<String> {
    (!metrics.is_empty()).then(|| section(style, "measured while training", &format::metrics(style, metrics)))
}

fn validation(validation: &Validation, style: Style) -> String {
    let mut table = Table::headless(style);
    table.fact("report", &validation.report_id);
    table.fact("at", format::time(validation.create_time.as_ref()));
    table.fact("slot", format::slot(&validation.slot));
    table.fact("against champion", format::number(validation.champion_number));
    table.fact("reference set", &validation.reference_digest);
    for (name, value) in &validation.metrics {
        table.fact(name, format::metric(*value));
    }
    for gate in &validation.gates {
        table.add([cell(&gate.name), if gate.passed { cell(&gate.message) } else { bad(&gate.message) }]);
    }
    // Verdicts of earlier releases name only the gates that did not pass.
    for failure in validation.failures.iter().filter(|_| validation.gates.is_empty()) {
        table.add([cell("not passed"), bad(failure)]);
    }
    let title = if validation.passed { "validation: passed" } else { "validation: not passed" };
    section(style, title, &table.render())
}

fn moves(promotions: &[Promotion], style: Style) -> String {
    if promotions.is_empty() {
        return section(style, "never promoted", "");
    }
    section(style, "promotions", &promotion_table(promotions, style))
}

/// Moves of champions, one a line.
pub(super) fn promotion_table(promotions: &[Promotion], style: Style) -> String {
    let mut table =
        Table::new(style, &["TIME", "MOVE", "MODEL", "SLOT", "VERSION", "STATE", "GENERATION", "ACTOR", "REASON"]);
    for promotion in promotions {
        let state = format::word(promotion.state().as_str_name(), "PROMOTION_STATE_");
        let stopped = matches!(promotion.state(), PromotionState::Refused | PromotionState::Cancelled);
        let kind = PromotionKind::try_from(promotion.kind).unwrap_or_default();
        table.add([
            cell(format::time(promotion.create_time.as_ref())),
            cell(format::word(kind.as_str_name(), "PROMOTION_KIND_")),
            cell(&promotion.model),
            cell(format::slot(&promotion.slot)),
            cell(format!("{} -> {}", format::number(promotion.from_number), format::number(promotion.to_number))),
            if stopped { bad(state) } else { cell(state) },
            cell(format::number(promotion.generation)),
            cell(&promotion.actor),
            cell(if promotion.refusal.is_empty() { &promotion.reason } else { &promotion.refusal }),
        ]);
    }
    table.render()
}

fn ancestors(lineage: &GetLineageResponse, style: Style) -> Option<String> {
    if lineage.edges.is_empty() {
        return None;
    }
    let mut table = Table::new(style, &["VERSION", "RELATION", "TO"]);
    for edge in &lineage.edges {
        let relation = LineageRelation::try_from(edge.relation).unwrap_or_default();
        let name = |reference: Option<&lineal_proto::lineal::registry::v1::VersionReference>| {
            reference.map(|reference| format!("{} {}", reference.model, reference.number)).unwrap_or_default()
        };
        table.add([
            cell(name(edge.from.as_ref())),
            cell(format::word(relation.as_str_name(), "LINEAGE_RELATION_")),
            cell(name(edge.to.as_ref())),
        ]);
    }
    let more = if lineage.truncated { "older ones are left out\n" } else { "" };
    Some(section(style, "lineage", &(table.render() + more)))
}

fn render_trace(trace: &TracePredictionResponse, style: Style) -> String {
    let version = trace.version.clone().unwrap_or_default();
    let name = format!("{} {}", version.model, version.number);
    let mut table = Table::headless(style);
    table.fact("label", &version.label);
    table.fact("digest", &version.digest);
    table.fact("run", &trace.run_id);
    table.fact("code", &trace.git_sha);
    table.fact("trained", format::time(trace.trained_time.as_ref()));
    table.fact("scored", format::time(trace.scored_time.as_ref()));
    table.fact("generation", trace.generation.to_string());
    table.fact("batch", &trace.score_batch_id);
    table.fact("replica", &trace.replica);
    let facts = section(style, &format!("answered by {name}"), &table.render());
    format!("{facts}next: lineal explain {}/{}\n", version.model, version.number)
}

#[cfg(test)]
mod tests {
    use lineal_proto::lineal::registry::v1::{LineageEdge, VersionReference};

    use super::*;

    #[test]
    fn ids_of_predictions_are_told_from_names_of_versions() {
        for id in ["churn:3:g7:1736951422000001:r-0:0000beef", "a:g0:b"] {
            assert!(is_prediction(id), "{id}");
        }
        for name in
            ["churn@champion", "churn/3", "models:/churn/3", "churn/sha256:ab", "models:/g7", "g7:x", "a:g7", "a:g:b"]
        {
            assert!(!is_prediction(name), "{name}");
        }
    }

    #[test]
    fn a_prediction_is_traced_to_its_version() {
        // F133
        let trace = TracePredictionResponse {
            version: Some(Version { model: "churn".to_owned(), number: 3, ..Version::default() }),
            git_sha: "abc".to_owned(),
            generation: 7,
            replica: "r-0".to_owned(),
            run_id: "run-1".to_owned(),
            ..TracePredictionResponse::default()
        };
        assert_eq!(
            render_trace(&trace, Style::default()),
            "answered by churn 3\n\
             run         run-1\n\
             code        abc\n\
             generation  7\n\
             replica     r-0\n\
             next: lineal explain churn/3\n"
        );
    }

    #[test]
    fn a_version_tells_its_story_in_order() {
        // F42
        let reference = |number| Some(VersionReference { model: "churn".to_owned(), number });
        let version = Version {
            model: "churn".to_owned(),
            number: 3,
            display_state: "production".to_owned(),
            lineage: Some(Lineage { code_version: "abc".to_owned(), training_rows: 4000, ..Lineage::default() }),
            ..Version::default()
        };
        let promotion = Promotion {
            kind: PromotionKind::Promote.into(),
            state: PromotionState::Converged.into(),
            model: "churn".to_owned(),
            from_number: 2,
            to_number: 3,
            generation: 7,
            actor: "ana".to_owned(),
            reason: "better".to_owned(),
            ..Promotion::default()
        };
        let edge = LineageEdge { from: reference(3), to: reference(2), relation: LineageRelation::Parent.into() };
        let story = Story {
            explanation: ExplainVersionResponse {
                version: Some(version),
                run: Some(Run { run_id: "run-1".to_owned(), status: RunStatus::Finished.into(), ..Run::default() }),
                promotions: vec![promotion],
                validations: vec![Validation { passed: true, champion_number: 2, ..Validation::default() }],
            },
            lineage: GetLineageResponse { edges: vec![edge], ..GetLineageResponse::default() },
        };
        assert_eq!(
            render(&story, Style::default()),
            "churn 3\n\
             state  production\n\
             size   0 bytes\n\
             \n\
             made from\n\
             code  abc\n\
             rows  4000 training, 0 validation\n\
             \n\
             by run\n\
             id      run-1\n\
             status  finished\n\
             \n\
             validation: passed\n\
             slot              default\n\
             against champion  2\n\
             \n\
             promotions\n\
             TIME  MOVE     MODEL  SLOT     VERSION  STATE      GENERATION  ACTOR  REASON\n      \
             promote  churn  default  2 -> 3   converged  7           ana    better\n\
             \n\
             lineage\n\
             VERSION  RELATION  TO\n\
             churn 3  parent    churn 2\n"
        );
        let json = serde_json::to_value(&story).unwrap();
        assert_eq!(json["explanation"]["version"]["number"], "3", "64-bit numbers are texts in protobuf's JSON");
    }
}
