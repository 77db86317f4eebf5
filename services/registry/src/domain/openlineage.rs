//! OpenLineage: runs and promotions as RunEvents of the specification 2-0-2 (openlineage.io/spec/2-0-2/OpenLineage.json).

use lineal_kernel::{Name, Timestamp};
use serde_json::{Value, json};

use super::{
    lineage::VersionName,
    outbox::Message,
    promotion::{Promotion, PromotionKind},
    run::{DatasetReference, Run, RunStatus},
};

/// How these messages are told from others in the outbox.
pub const KIND: &str = "openlineage";
const SCHEMA: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/";
const FACETS: &str = "https://openlineage.io/spec/facets/";
/// No address of its own belongs to the program, so its name stands for it.
const PRODUCER: &str = concat!("urn:lineal:", env!("CARGO_PKG_VERSION"));

/// Makes events of one environment.
#[derive(Debug, Clone)]
pub struct OpenLineage {
    environment: String,
    /// Of jobs and datasets.
    namespace: String,
}

/// A dataset reference and the columns of its snapshot, as far as they are known.
pub type Input<'a> = (&'a DatasetReference, Vec<String>);

impl OpenLineage {
    /// Events of `environment`; its namespace is `lineal.ENVIRONMENT`.
    pub fn new(environment: &Name) -> Self {
        Self { environment: environment.to_string(), namespace: format!("lineal.{environment}") }
    }

    /// A run has begun; `None` for one that has not.
    pub fn started(&self, run: &Run) -> Option<Message> {
        let started = Timestamp::from_micros(run.started_us);
        (run.status == RunStatus::Running).then(|| self.of_run(run, "START", started, json!([]), json!([])))
    }

    /// A run has ended with what it used and made; `None` for one that has not.
    pub fn ended(&self, run: &Run, inputs: &[Input<'_>], made: &[VersionName]) -> Option<Message> {
        let event_type = match run.status {
            RunStatus::Scheduled | RunStatus::Running => return None,
            RunStatus::Finished => "COMPLETE",
            RunStatus::Failed => "FAIL",
            RunStatus::Killed => "ABORT",
        };
        let inputs = inputs.iter().map(|(dataset, columns)| self.input(dataset, columns)).collect();
        let outputs = made.iter().map(|(model, number)| self.version(model.as_str(), number.get())).collect();
        let ended = Timestamp::from_micros(run.ended_us.unwrap_or(run.started_us));
        Some(self.of_run(run, event_type, ended, inputs, outputs))
    }

    /// A champion has moved.
    pub fn moved(&self, promotion: &Promotion, committed: Timestamp) -> Message {
        let word = promotion.kind.word();
        let slot = if promotion.slot.is_empty() { String::new() } else { format!("[{}]", promotion.slot) };
        let members = promotion.members.iter().map(|member| (member.model.as_str(), member.to_number));
        let moved = members.chain([(promotion.model.as_str(), promotion.to_number)]);
        let inputs: Value =
            moved.clone().filter(|(_, to)| *to > 0).map(|(model, to)| self.version(model, to)).collect();
        let outputs: Value = match promotion.kind {
            PromotionKind::Demote => json!([]),
            PromotionKind::Promote | PromotionKind::Rollback => {
                moved.map(|(model, _)| self.dataset(format!("{model}@champion{slot}"), json!({}))).collect()
            }
        };
        let own = json!({ "reason": promotion.reason, "actor": promotion.actor, "slot": promotion.slot,
            "fromVersion": promotion.from_number, "toVersion": promotion.to_number });
        let facets = json!({ "lineal_promotion": facet(&format!("{SCHEMA}RunFacet"), own) });
        let job = format!("{word}.{}", promotion.model);
        self.event(&promotion.promotion_id, "COMPLETE", committed, (&job, facets), inputs, outputs)
    }

    fn of_run(&self, run: &Run, event_type: &str, time: Timestamp, inputs: Value, outputs: Value) -> Message {
        let mut facets = json!({});
        if !run.error.is_empty() {
            let own = json!({ "message": run.error, "programmingLanguage": "Rust" });
            let schema = format!("{FACETS}1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet");
            facets["errorMessage"] = facet(&schema, own);
        }
        let job = format!("run.{}", run.experiment);
        self.event(&run.run_id, event_type, time, (&job, facets), inputs, outputs)
    }

    fn event(
        &self,
        run_id: &str,
        event_type: &str,
        time: Timestamp,
        (job, mut facets): (&str, Value),
        inputs: Value,
        outputs: Value,
    ) -> Message {
        let id = format!("{run_id}:{event_type}");
        let own = json!({ "eventId": id, "environment": self.environment });
        facets["lineal_event"] = facet(&format!("{SCHEMA}RunFacet"), own);
        let body = json!({
            "eventType": event_type,
            "eventTime": time.to_string(),
            "run": { "runId": run_id, "facets": facets },
            "job": { "namespace": self.namespace, "name": job },
            "inputs": inputs,
            "outputs": outputs,
            "producer": PRODUCER,
            "schemaURL": format!("{SCHEMA}RunEvent"),
        });
        Message { kind: KIND, subject: run_id.to_owned(), id, body: body.to_string() }
    }

    fn input(&self, dataset: &DatasetReference, columns: &[String]) -> Value {
        let mut facets = json!({});
        let digest = dataset.digest.map_or_else(|| dataset.foreign_digest.clone(), |digest| digest.to_string());
        if !digest.is_empty() {
            let schema = format!("{FACETS}1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet");
            facets["version"] = facet(&schema, json!({ "datasetVersion": digest }));
        }
        if !columns.is_empty() {
            let fields: Value = columns.iter().map(|name| json!({ "name": name })).collect();
            let schema = format!("{FACETS}1-1-1/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet");
            facets["schema"] = facet(&schema, json!({ "fields": fields }));
        }
        let schema = format!(
            "{FACETS}1-0-2/DataQualityMetricsInputDatasetFacet.json#/$defs/DataQualityMetricsInputDatasetFacet"
        );
        let mut input = self.dataset(dataset.name.clone(), facets);
        let rows = json!({ "rowCount": dataset.rows, "columnMetrics": {} });
        input["inputFacets"] = json!({ "dataQualityMetrics": facet(&schema, rows) });
        input
    }

    fn version(&self, model: &str, number: u64) -> Value {
        self.dataset(format!("{model}/{number}"), json!({}))
    }

    fn dataset(&self, name: String, facets: Value) -> Value {
        json!({ "namespace": self.namespace, "name": name, "facets": facets })
    }
}

/// A facet says who made it and what describes it.
fn facet(schema: &str, mut own: Value) -> Value {
    own["_producer"] = PRODUCER.into();
    own["_schemaURL"] = schema.into();
    own
}
