//! Between a report and its row.

use lineal_db::StoreError;
use lineal_kernel::{Digest, FieldError, ModelName, Slot, TenantId, Timestamp, VersionNumber};
use serde::{Deserialize, Serialize};

use crate::domain::{Champion, Gate, Metrics, Policy, Reference, Report, TestResult};

/// One row of `reports`.
#[derive(sqlx::FromRow)]
pub(super) struct Row {
    pub(super) sequence: i64,
    report_id: String,
    tenant: String,
    model: String,
    slot: String,
    number: i64,
    champion_number: Option<i64>,
    actor: String,
    create_time: i64,
    body: String,
}

/// The part of a report that nobody looks for.
#[derive(Serialize, Deserialize)]
pub(super) struct Body {
    digest: Digest,
    champion_digest: Option<Digest>,
    champion_metrics: Metrics,
    /// Absent in what the first release wrote.
    #[serde(default)]
    champion_test: Option<TestResult>,
    reference: Reference,
    gates: Vec<Gate>,
    metrics: Metrics,
    policy: Policy,
    /// Absent where the policy comes from no settings.
    #[serde(default)]
    settings: Option<Digest>,
}

impl Body {
    pub(super) fn of(report: &Report) -> Self {
        let champion = report.champion.as_ref();
        Self {
            digest: report.digest,
            champion_digest: champion.map(|champion| champion.digest),
            champion_metrics: champion.map(|champion| champion.metrics.clone()).unwrap_or_default(),
            champion_test: champion.and_then(|champion| champion.test.clone()),
            reference: report.reference,
            gates: report.gates.clone(),
            metrics: report.metrics.clone(),
            policy: report.policy.clone(),
            settings: report.settings,
        }
    }

    pub(super) fn to_json(&self) -> Result<String, StoreError> {
        serde_json::to_string(self).map_err(|error| StoreError::Backend(error.into()))
    }
}

impl Row {
    pub(super) fn report(self) -> Result<Report, StoreError> {
        let id = self.report_id.clone();
        self.read().map_err(|problem| StoreError::corrupt(format!("report {id} cannot be read: {problem}")))
    }

    fn read(self) -> Result<Report, String> {
        let body: Body = serde_json::from_str(&self.body).map_err(|error| error.to_string())?;
        let champion = match (self.champion_number, body.champion_digest) {
            (Some(champion), Some(digest)) => {
                let (metrics, test) = (body.champion_metrics, body.champion_test);
                Some(Champion { number: number(champion)?, digest, metrics, test })
            }
            (None, None) => None,
            _ => return Err("half a champion".to_owned()),
        };
        Ok(Report {
            id: self.report_id.parse().map_err(text)?,
            tenant: TenantId::new(&self.tenant).map_err(text)?,
            model: ModelName::new(&self.model).map_err(text)?,
            slot: Slot::parse(&self.slot).map_err(text)?,
            number: number(self.number)?,
            digest: body.digest,
            champion,
            reference: body.reference,
            gates: body.gates,
            metrics: body.metrics,
            policy: body.policy,
            settings: body.settings,
            actor: self.actor,
            create_time: Timestamp::from_micros(self.create_time),
        })
    }
}

fn number(number: i64) -> Result<VersionNumber, String> {
    VersionNumber::new(u64::try_from(number).unwrap_or(0)).map_err(text)
}

fn text(error: FieldError) -> String {
    error.to_string()
}
