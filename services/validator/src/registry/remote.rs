//! The registry over gRPC.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use lineal_bundles::Source;
use lineal_kernel::{AliasName, Digest, FieldError, ModelName, Slot, VersionNumber};
use lineal_proto::lineal::registry::v1::{
    Comparison, ComparisonVerdict, GateResult, GetSettingsRequest, GetVersionRequest, RecordComparisonRequest,
    RecordValidationRequest, ResolveAliasRequest, Validation, alias_service_client::AliasServiceClient,
    comparison_service_client::ComparisonServiceClient, settings_service_client::SettingsServiceClient,
    version_service_client::VersionServiceClient,
};
use lineal_rpc::{Peer, timestamp};
use tonic::{Code, Request, Response, Status};

use super::{Pointer, Registry, RegistryError, Settings, Version};
use crate::domain::{Gate, Report, Verdict};

/// Longest time that any call but a download may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// The registry behind an address.
#[derive(Debug, Clone)]
pub(crate) struct RemoteRegistry {
    peer: Peer,
}

impl RemoteRegistry {
    pub(crate) fn new(peer: Peer) -> Self {
        Self { peer }
    }

    fn versions(&self) -> VersionServiceClient<Peer> {
        VersionServiceClient::new(self.peer.clone())
    }
}

#[async_trait]
impl Source for RemoteRegistry {
    type Error = RegistryError;

    async fn file(&self, digest: Digest, limit: usize) -> Result<Bytes, RegistryError> {
        self.peer.file(digest, limit).await.map_err(|status| match status.code() {
            Code::NotFound => RegistryError::Artifact { problem: format!("{digest} is not in the artifact store") },
            Code::DataLoss | Code::ResourceExhausted => {
                RegistryError::Artifact { problem: format!("{digest}: {}", status.message()) }
            }
            _ => failure(status),
        })
    }

    async fn signatures(&self, bundle: Digest) -> Result<Vec<String>, RegistryError> {
        self.peer.signatures(bundle).await.map_err(failure)
    }
}

#[async_trait]
impl Registry for RemoteRegistry {
    async fn version(&self, model: &ModelName, number: VersionNumber) -> Result<Option<Version>, RegistryError> {
        let request = GetVersionRequest { model: model.to_string(), number: number.get() };
        let Some(answer) = found(self.versions().get_version(timed(request)).await)? else { return Ok(None) };
        let version = answer.version.ok_or_else(|| absent("version"))?;
        let lineage = version.lineage.unwrap_or_default();
        let reference = match lineage.reference_digest.as_str() {
            "" => None,
            text => Some(digest("version.lineage.reference_digest", text)?),
        };
        Ok(Some(Version { digest: digest("version.digest", &version.digest)?, reference }))
    }

    async fn champion(&self, model: &ModelName, slot: &Slot) -> Result<Option<Pointer>, RegistryError> {
        let request = ResolveAliasRequest {
            model: model.to_string(),
            slot: slot.labels().clone(),
            alias: AliasName::champion().to_string(),
        };
        let mut aliases = AliasServiceClient::new(self.peer.clone());
        let Some(answer) = found(aliases.resolve_alias(timed(request)).await)? else { return Ok(None) };
        let alias = answer.alias.ok_or_else(|| absent("alias"))?;
        let number = VersionNumber::new(alias.number).map_err(|error| unreadable(error.under("alias.number")))?;
        Ok(Some(Pointer { number, digest: digest("alias.digest", &alias.digest)? }))
    }

    async fn settings(&self, model: &ModelName) -> Result<Option<Settings>, RegistryError> {
        let request = GetSettingsRequest { model: model.to_string(), ..GetSettingsRequest::default() };
        let answer = match SettingsServiceClient::new(self.peer.clone()).get_settings(timed(request)).await {
            // A registry of an earlier release keeps none.
            Err(status) if status.code() == Code::Unimplemented => return Ok(None),
            answer => found(answer)?,
        };
        let Some(answer) = answer else { return Ok(None) };
        let settings = answer.settings.ok_or_else(|| absent("settings"))?;
        let validation = settings.validation.unwrap_or_default();
        Ok(Some(Settings {
            digest: digest("settings.digest", &settings.digest)?,
            limits: validation.limits.into_iter().collect(),
            comparison_metric: validation.comparison_metric,
            skip_comparison: validation.skip_comparison,
        }))
    }

    async fn record(&self, report: &Report) -> Result<(), RegistryError> {
        self.versions().record_validation(timed(record(report))).await.map_err(failure)?;
        if let Some(comparison) = comparison(report) {
            let request = RecordComparisonRequest { comparison: Some(comparison), request_id: report.id.to_string() };
            let mut comparisons = ComparisonServiceClient::new(self.peer.clone());
            comparisons.record_comparison(timed(request)).await.map_err(failure)?;
        }
        Ok(())
    }
}

/// The report's id is the key: recording again is the same record.
fn record(report: &Report) -> RecordValidationRequest {
    let validation = Validation {
        report_id: report.id.to_string(),
        passed: report.passed(),
        champion_number: report.champion.as_ref().map_or(0, |champion| champion.number.get()),
        reference_digest: report.reference.digest.to_string(),
        metrics: report.metrics.clone(),
        failures: report.failures(),
        slot: report.slot.labels().clone(),
        create_time: Some(timestamp(report.create_time)),
        gates: report.gates.iter().map(gate).collect(),
    };
    RecordValidationRequest {
        model: report.model.to_string(),
        number: report.number.get(),
        validation: Some(validation),
        request_id: report.id.to_string(),
    }
}

/// What the report says of candidate and champion, if it compares them.
fn comparison(report: &Report) -> Option<Comparison> {
    let (champion, verdict) = report.comparison()?;
    let verdict = match verdict {
        Verdict::Better => ComparisonVerdict::Better,
        Verdict::NotBetter => ComparisonVerdict::NotBetter,
        Verdict::Inconclusive => ComparisonVerdict::Inconclusive,
    };
    let test = champion.test.as_ref();
    Some(Comparison {
        model: report.model.to_string(),
        slot: report.slot.labels().clone(),
        candidate_number: report.number.get(),
        champion_number: champion.number.get(),
        reference_digest: report.reference.digest.to_string(),
        reference_rows: report.reference.rows,
        candidate_metrics: report.metrics.clone(),
        champion_metrics: champion.metrics.clone(),
        metric: report.policy.comparison.name().to_owned(),
        test: test.map(|test| test.name.clone()).unwrap_or_default(),
        statistic: test.map(|test| test.statistic),
        p_value: test.map(|test| test.p_value),
        verdict: verdict.into(),
        report_id: report.id.to_string(),
        ..Comparison::default()
    })
}

fn gate(gate: &Gate) -> GateResult {
    GateResult {
        name: gate.name.clone(),
        metric: gate.metric.clone(),
        value: gate.value,
        limit: gate.limit,
        comparison: gate.comparison.symbol().to_owned(),
        passed: gate.passed,
        message: gate.message.clone(),
    }
}

fn timed<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(DEADLINE);
    request
}

/// `None` for what does not exist.
fn found<T>(answer: Result<Response<T>, Status>) -> Result<Option<T>, RegistryError> {
    match answer {
        Ok(answer) => Ok(Some(answer.into_inner())),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(failure(status)),
    }
}

/// A refusal stays one however often it is asked for; anything else may go away.
fn failure(status: Status) -> RegistryError {
    let problem = format!("{}: {}", status.code(), status.message());
    match status.code() {
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::Unauthenticated
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented => RegistryError::Answer { problem },
        _ => RegistryError::Unavailable { problem },
    }
}

fn digest(path: &str, text: &str) -> Result<Digest, RegistryError> {
    text.parse().map_err(|error: FieldError| unreadable(FieldError::new(path, error.problem)))
}

fn absent(field: &str) -> RegistryError {
    unreadable(FieldError::new(field, "is absent"))
}

fn unreadable(error: FieldError) -> RegistryError {
    RegistryError::Answer { problem: error.to_string() }
}
