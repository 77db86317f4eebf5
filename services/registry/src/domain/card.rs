//! Model cards: what was known of a version when it became champion, as facts for programs and as text for people.
//!
//! A card holds nothing that was not recorded, and says what was not. The same records make the same card.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::Serialize;

use super::{
    bundle::Column,
    history::Tenure,
    lineage::{Recipe, Relation, origins},
    run::{DatasetReference, Run, Taint},
    validation::{Gate, Validation},
    version::VersionView,
};

/// The facts of a card.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Card {
    /// Layout of this document.
    format: u64,
    environment: String,
    model: String,
    number: u64,
    label: String,
    family: String,
    digest: String,
    size_bytes: u64,
    description: String,
    tags: BTreeMap<String, String>,
    promotion: Move,
    data: Data,
    features: Features,
    training: Training,
    /// Absent if it was not validated for the slot.
    validation: Option<Evaluation>,
    lineage: Vec<Origin>,
    hyperparameters: Hyperparameters,
    code: String,
    run_environment: BTreeMap<String, String>,
    taint: Option<Taint>,
    /// What is not known, one sentence each.
    limits: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Move {
    promotion_id: String,
    kind: &'static str,
    slot: String,
    generation: u64,
    time: String,
    actor: String,
    reason: String,
    replaced: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Data {
    dataset: String,
    training_digest: String,
    training_rows: u64,
    reference_digest: String,
    reference_rows: u64,
    split: String,
    logged: Vec<DatasetReference>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Features {
    digest: String,
    version: String,
    /// The raw columns that the bundle reads.
    inputs: Vec<Column>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Training {
    run_id: String,
    seconds: f64,
    metrics: BTreeMap<String, f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Evaluation {
    report_id: String,
    passed: bool,
    champion: u64,
    reference_digest: String,
    metrics: BTreeMap<String, f64>,
    gates: Vec<Gate>,
    failures: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Hyperparameters {
    digest: String,
    version: String,
    /// Everything that the run logged; empty if the run is not known.
    logged: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Origin {
    relation: &'static str,
    model: String,
    number: u64,
}

/// What a card is made of.
#[derive(Debug)]
pub struct Sources<'a> {
    /// The environment of the registry.
    pub environment: &'a str,
    /// The champion.
    pub view: &'a VersionView,
    /// Its reign.
    pub tenure: &'a Tenure,
    /// The run that made it, if the registry knows it.
    pub run: Option<&'a Run>,
    /// The raw columns that its bundle reads.
    pub inputs: Vec<Column>,
}

impl Card {
    /// Gathers what is known.
    pub fn of(sources: Sources<'_>) -> Self {
        let Sources { environment, view, tenure, run, inputs } = sources;
        let (version, lineage) = (&view.version, &view.version.lineage);
        let slot = tenure.reign.slot.to_string();
        let verdict = view.validations.iter().find(|validation| validation.slot == slot);
        let limits = limits(view, verdict, run, &inputs);
        let Recipe { split_version, feature_version, model_version } = lineage.recipe.clone();
        let begun_by = &tenure.begun_by;
        let origin = |edge: super::lineage::Edge| Origin {
            relation: Relation::word(edge.relation),
            model: edge.to.0.to_string(),
            number: edge.to.1.get(),
        };
        Self {
            format: 1,
            environment: environment.to_owned(),
            model: version.model.to_string(),
            number: version.number.get(),
            label: version.label.clone(),
            family: version.family.clone(),
            digest: version.digest.to_string(),
            size_bytes: version.size_bytes,
            description: version.description.clone(),
            tags: version.tags.clone(),
            promotion: Move {
                promotion_id: begun_by.promotion_id.clone(),
                kind: begun_by.kind.word(),
                generation: tenure.reign.from_generation,
                time: tenure.reign.started.to_string(),
                actor: begun_by.actor.clone(),
                reason: begun_by.reason.clone(),
                replaced: replaced(tenure),
                slot,
            },
            data: Data {
                dataset: lineage.dataset.clone(),
                training_digest: lineage.data_digest.to_string(),
                training_rows: lineage.training_rows,
                reference_digest: lineage.reference_digest.to_string(),
                reference_rows: lineage.validation_rows,
                split: split_version,
                logged: run.map(|run| run.datasets.clone()).unwrap_or_default(),
            },
            features: Features { digest: lineage.feature_digest.to_string(), version: feature_version, inputs },
            training: Training {
                run_id: lineage.run_id.clone(),
                seconds: lineage.training_micros as f64 / 1e6,
                metrics: version.metrics.clone(),
            },
            validation: verdict.cloned().map(Evaluation::from),
            lineage: origins(version).into_iter().map(origin).collect(),
            hyperparameters: Hyperparameters {
                digest: lineage.hyperparameters_digest.to_string(),
                version: model_version,
                logged: run.map(|run| run.parameters.clone()).unwrap_or_default(),
            },
            code: lineage.code_version.clone(),
            run_environment: lineage.environment.clone(),
            taint: view.taint().cloned(),
            limits,
        }
    }

    /// The card for people, in Markdown.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "# {} {}\n", plain(&self.model), self.number);
        let kept = if self.description.is_empty() { &self.label } else { &self.description };
        let _ = writeln!(text, "{}", plain(kept));
        self.identity(&mut text);
        self.origins(&mut text);
        self.measured(&mut text);
        section(&mut text, "Limits");
        for limit in &self.limits {
            let _ = writeln!(text, "- {}", plain(limit));
        }
        text
    }

    fn identity(&self, text: &mut String) {
        let Move { promotion_id, kind, slot, generation, time, actor, reason, replaced } = &self.promotion;
        section(text, "Champion");
        let slot = if slot.is_empty() { "default" } else { slot };
        let before = if *replaced == 0 { "nobody".to_owned() } else { format!("version {replaced}") };
        facts(
            text,
            [
                ("environment", self.environment.clone()),
                ("slot", slot.to_owned()),
                ("since", format!("{time}, generation {generation}")),
                ("by", format!("{kind} {promotion_id}, {actor}")),
                ("reason", reason.clone()),
                ("replaced", before),
                ("family", self.family.clone()),
                ("label", self.label.clone()),
                ("bundle", format!("{}, {} bytes", self.digest, self.size_bytes)),
                ("tags", pairs(&self.tags)),
                ("tainted", self.taint.as_ref().map(|taint| taint.reason.clone()).unwrap_or_default()),
            ],
        );
    }

    fn origins(&self, text: &mut String) {
        section(text, "Data");
        let Data { dataset, training_digest, training_rows, reference_digest, reference_rows, split, .. } = &self.data;
        facts(
            text,
            [
                ("dataset", dataset.clone()),
                ("training rows", format!("{training_rows}, {training_digest}")),
                ("reference rows", format!("{reference_rows}, {reference_digest}")),
                ("split", split.clone()),
                ("features", format!("{} {}", self.features.version, self.features.digest)),
                ("columns", self.features.inputs.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(", ")),
            ],
        );
        section(text, "Training");
        facts(
            text,
            [
                ("run", self.training.run_id.clone()),
                ("took", format!("{:.3} s", self.training.seconds)),
                ("code", self.code.clone()),
                ("environment", pairs(&self.run_environment)),
                ("hyperparameters", format!("{} {}", self.hyperparameters.version, self.hyperparameters.digest)),
            ],
        );
        if !self.hyperparameters.logged.is_empty() {
            table(text, ["parameter", "value"]);
            for (name, value) in &self.hyperparameters.logged {
                row(text, [name, value]);
            }
        }
        section(text, "Lineage");
        for Origin { relation, model, number } in &self.lineage {
            let _ = writeln!(text, "- {relation} {} {number}", plain(model));
        }
        if self.lineage.is_empty() {
            let _ = writeln!(text, "It comes from no other version.");
        }
    }

    fn measured(&self, text: &mut String) {
        section(text, "Metrics");
        let validated = self.validation.as_ref().map(|validation| &validation.metrics);
        let names: std::collections::BTreeSet<&String> =
            self.training.metrics.keys().chain(validated.into_iter().flat_map(BTreeMap::keys)).collect();
        table(text, ["metric", "training", "reference rows"]);
        for name in names {
            let value = |metrics: Option<&BTreeMap<String, f64>>| number(metrics.and_then(|it| it.get(name).copied()));
            row(text, [name, &value(Some(&self.training.metrics)), &value(validated)]);
        }
        let Some(validation) = &self.validation else { return };
        section(text, "Gates");
        let verdict = if validation.passed { "passed" } else { "did not pass" };
        let rival = if validation.champion == 0 {
            "no champion".to_owned()
        } else {
            format!("version {}", validation.champion)
        };
        let _ = writeln!(text, "Report {} {verdict}, against {rival}.", plain(&validation.report_id));
        if validation.gates.is_empty() {
            return;
        }
        table(text, ["gate", "value", "limit", "verdict", "message"]);
        for gate in &validation.gates {
            let limit = gate.limit.map(|limit| format!("{} {limit}", gate.comparison)).unwrap_or_default();
            let verdict = if gate.passed { "passed" } else { "not passed" };
            row(text, [&gate.name, &number(gate.value), &limit, verdict, &gate.message]);
        }
    }
}

impl From<Validation> for Evaluation {
    fn from(validation: Validation) -> Self {
        Self {
            report_id: validation.report_id,
            passed: validation.passed,
            champion: validation.champion_number,
            reference_digest: validation.reference_digest.to_string(),
            metrics: validation.metrics,
            gates: validation.gates,
            failures: validation.failures,
        }
    }
}

/// The champion that gave way: the move's own, or that of the chain's member.
fn replaced(tenure: &Tenure) -> u64 {
    let (reign, begun_by) = (&tenure.reign, &tenure.begun_by);
    let member = begun_by.members.iter().find(|member| member.model == reign.model.as_str());
    member.map_or(begun_by.from_number, |member| member.from_number)
}

/// What the records do not say.
fn limits(view: &VersionView, verdict: Option<&Validation>, run: Option<&Run>, inputs: &[Column]) -> Vec<String> {
    let mut limits = Vec::new();
    let mut say = |so: bool, sentence: &str| {
        if so {
            limits.push(sentence.to_owned());
        }
    };
    let code = &view.version.lineage.code_version;
    let metrics = || verdict.into_iter().flat_map(|it| it.metrics.keys()).chain(view.version.metrics.keys());
    let measured = |word: &str| metrics().any(|name| name.contains(word));
    say(view.taint().is_some(), "The inputs of its run are not what was logged, so it cannot be reproduced.");
    say(run.is_none(), "Its run is not in the registry: parameters are known by digest only.");
    say(verdict.is_none(), "It was not validated for this slot.");
    say(verdict.is_some_and(|it| it.gates.is_empty()), "Values and limits of the gates were not recorded.");
    say(verdict.is_some_and(|it| !it.passed), "Its latest validation for this slot did not pass.");
    say(!measured("slice"), "Slices of the reference rows were not measured.");
    say(!measured("drift"), "Drift of the data since training was not measured.");
    say(!measured("fairness"), "Differences between groups of people were not measured.");
    let described = run.is_some_and(|run| run.datasets.iter().any(|dataset| !dataset.profile.is_empty()));
    say(!described, "Statistics of the training rows were not logged.");
    say(inputs.is_empty(), "Its bundle does not say which columns it reads.");
    let commit = code.len() >= 7 && code.bytes().all(|byte| byte.is_ascii_hexdigit());
    say(!commit, "Its code is known by a release, not by a commit.");
    limits
}

fn section(text: &mut String, title: &str) {
    let _ = writeln!(text, "\n## {title}\n");
}

/// A list of names and values; what is empty is left out.
fn facts<const N: usize>(text: &mut String, facts: [(&str, String); N]) {
    for (name, value) in facts.iter().filter(|(_, value)| !value.trim().is_empty()) {
        let _ = writeln!(text, "- {name}: {}", plain(value));
    }
}

fn table<const N: usize>(text: &mut String, header: [&str; N]) {
    if !text.ends_with("\n\n") {
        text.push('\n');
    }
    row(text, header);
    row(text, header.map(|_| "---"));
}

fn row<const N: usize>(text: &mut String, cells: [&str; N]) {
    let cells = cells.map(plain);
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

fn number(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn pairs(words: &BTreeMap<String, String>) -> String {
    words.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
}

/// Text of others, which must make neither markup nor a line of its own.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '\\' | '`' | '*' | '[' | ']' | '<' | '#' => plain.extend(['\\', c]),
            c if c.is_control() => plain.push(' '),
            c => plain.push(c),
        }
    }
    plain
}
