//! The registry over gRPC.

use std::{fs::File, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use lineal_bundles::Source;
use lineal_kernel::{Digest, ModelName, Slot};
use lineal_proto::lineal::registry::v1::{
    self as pb, alias_service_client::AliasServiceClient, dataset_service_client::DatasetServiceClient,
    promotion_service_client::PromotionServiceClient, run_service_client::RunServiceClient,
    settings_service_client::SettingsServiceClient, signature_service_client::SignatureServiceClient,
    version_service_client::VersionServiceClient,
};
use lineal_rpc::{Peer, artifacts, reason_of};
use tonic::{Code, Request, Status};

use super::{
    Defaults, KnownVersion, NewRun, NewSignature, Promoted, Promotion, Registry, RegistryError, RunEnd, RunLog,
    SnapshotRecord, known,
    retry::{patiently, retry},
};
use crate::domain::{ModelSettings, NewVersion, ReloadPolicy, Upstream};

/// Longest wait for the answer to a call without content.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Longest wait for a promotion: replicas have to load the version.
const PROMOTION: Duration = Duration::from_mins(6);

/// One try of a call, with its own copies of client and message.
macro_rules! call {
    ($client:ident.$rpc:ident($message:ident)) => {{
        let (mut client, message) = ($client.clone(), $message.clone());
        async move { client.$rpc(request(message)).await }
    }};
}

/// The registry at an address.
pub(crate) struct RegistryClient {
    peer: Peer,
}

impl RegistryClient {
    /// Speaks to `peer`.
    pub(crate) fn new(peer: Peer) -> Self {
        Self { peer }
    }
}

#[async_trait]
impl Source for RegistryClient {
    type Error = RegistryError;

    async fn file(&self, digest: Digest, limit: usize) -> Result<Bytes, RegistryError> {
        retry(|| self.peer.file(digest, limit)).await
    }

    async fn signatures(&self, bundle: Digest) -> Result<Vec<String>, RegistryError> {
        retry(|| self.peer.signatures(bundle)).await
    }
}

#[async_trait]
impl Registry for RegistryClient {
    async fn fetch(&self, digest: Digest, to: &File) -> Result<(), RegistryError> {
        retry(|| artifacts::fetch(&self.peer, digest, to)).await
    }

    async fn verify(&self, digest: Digest) -> Result<(), RegistryError> {
        retry(|| artifacts::verify(&self.peer, digest)).await
    }

    async fn send(&self, digest: Digest, from: &File) -> Result<(), RegistryError> {
        retry(|| artifacts::send(&self.peer, digest, from)).await
    }

    async fn upload(&self, content: Bytes) -> Result<Digest, RegistryError> {
        retry(|| artifacts::upload(&self.peer, content.clone())).await
    }

    async fn record_snapshot(&self, snapshot: &SnapshotRecord) -> Result<(), RegistryError> {
        let message = pb::CreateSnapshotRequest {
            dataset: snapshot.dataset.to_string(),
            digest: snapshot.digest.to_string(),
            rows: snapshot.rows,
            columns: snapshot.columns.clone(),
        };
        let client = DatasetServiceClient::new(self.peer.clone());
        retry(|| call!(client.create_snapshot(message))).await.map(drop)
    }

    async fn defaults(&self, model: &ModelName, slot: &Slot) -> Result<Option<Defaults>, RegistryError> {
        let message = pb::GetDefaultsRequest { model: model.to_string(), slot: slot.labels().clone() };
        let client = PromotionServiceClient::new(self.peer.clone());
        let answer = retry(|| call!(client.get_defaults(message))).await;
        let defaults = found(answer)?.and_then(|answer| answer.into_inner().defaults);
        Ok(defaults.map(|defaults| Defaults {
            split: defaults.split_version,
            features: defaults.feature_version,
            model: defaults.model_version,
        }))
    }

    async fn champion(&self, model: &ModelName, slot: &Slot) -> Result<u64, RegistryError> {
        let message = pb::ResolveAliasRequest {
            model: model.to_string(),
            slot: slot.labels().clone(),
            alias: "champion".to_owned(),
        };
        let client = AliasServiceClient::new(self.peer.clone());
        let answer = retry(|| call!(client.resolve_alias(message))).await;
        Ok(found(answer)?.and_then(|answer| answer.into_inner().alias).map_or(0, |alias| alias.number))
    }

    async fn settings(
        &self,
        model: &ModelName,
        digest: Option<Digest>,
    ) -> Result<Option<ModelSettings>, RegistryError> {
        let digest = digest.map(|digest| digest.to_string()).unwrap_or_default();
        let message = pb::GetSettingsRequest { model: model.to_string(), revision: 0, digest };
        let client = SettingsServiceClient::new(self.peer.clone());
        let answer = match patiently(|| call!(client.get_settings(message))).await {
            // A registry of an earlier release keeps none.
            Err(status) if status.code() == Code::Unimplemented => return Ok(None),
            answer => found(answer.map_err(RegistryError::from))?,
        };
        let Some(answer) = answer else { return Ok(None) };
        let settings = answer.into_inner().settings.and_then(known::settings);
        settings.map(Some).ok_or_else(|| empty_answer("GetSettings"))
    }

    async fn version(&self, model: &ModelName, number: u64) -> Result<KnownVersion, RegistryError> {
        let message = pb::GetVersionRequest { model: model.to_string(), number };
        let client = VersionServiceClient::new(self.peer.clone());
        let version = retry(|| call!(client.get_version(message))).await?.into_inner().version;
        version.and_then(known::version).ok_or_else(|| empty_answer("GetVersion"))
    }

    async fn run(&self, run_id: &str) -> Result<RunLog, RegistryError> {
        let message = pb::GetRunRequest { run_id: run_id.to_owned() };
        let client = RunServiceClient::new(self.peer.clone());
        let run = retry(|| call!(client.get_run(message))).await?.into_inner().run;
        run.map(known::run).ok_or_else(|| empty_answer("GetRun"))
    }

    async fn create_run(&self, run: &NewRun) -> Result<String, RegistryError> {
        let message = pb::CreateRunRequest {
            model: run.model.to_string(),
            experiment: run.experiment.clone(),
            tags: run.tags.clone(),
            request_id: run.request_id.clone(),
            ..Default::default()
        };
        let client = RunServiceClient::new(self.peer.clone());
        let answer = retry(|| call!(client.create_run(message))).await?;
        answer.into_inner().run.map(|run| run.run_id).ok_or_else(|| empty_answer("CreateRun"))
    }

    async fn log(&self, run_id: &str, log: &RunLog) -> Result<(), RegistryError> {
        let reference = |dataset: &super::RunDataset| pb::DatasetReference {
            name: dataset.name.to_string(),
            role: dataset.role.to_owned(),
            digest: dataset.digest.to_string(),
            rows: dataset.rows,
            ..Default::default()
        };
        let message = pb::LogBatchRequest {
            run_id: run_id.to_owned(),
            parameters: log.parameters.clone(),
            metrics: log.metrics.clone(),
            tags: log.tags.clone(),
            datasets: log.datasets.iter().map(reference).collect(),
            ..Default::default()
        };
        let client = RunServiceClient::new(self.peer.clone());
        retry(|| call!(client.log_batch(message))).await.map(drop)
    }

    async fn taint(&self, run_id: &str, reason: &str) -> Result<(), RegistryError> {
        let message = pb::TaintRunRequest { run_id: run_id.to_owned(), reason: reason.to_owned() };
        let client = RunServiceClient::new(self.peer.clone());
        retry(|| call!(client.taint_run(message))).await.map(drop)
    }

    async fn finish_run(&self, run_id: &str, end: &RunEnd) -> Result<(), RegistryError> {
        let (status, error) = match end {
            RunEnd::Finished => (pb::RunStatus::Finished, String::new()),
            RunEnd::Failed(error) => (pb::RunStatus::Failed, error.clone()),
            RunEnd::Killed => (pb::RunStatus::Killed, String::new()),
        };
        let message = pb::FinishRunRequest { run_id: run_id.to_owned(), status: status.into(), error, end_time: None };
        let client = RunServiceClient::new(self.peer.clone());
        retry(|| call!(client.finish_run(message))).await.map(drop)
    }

    async fn attach_signature(&self, signature: &NewSignature) -> Result<(), RegistryError> {
        let message = pb::AttachSignatureRequest {
            model: signature.model.to_string(),
            digest: signature.digest.to_string(),
            envelope: signature.envelope.clone(),
            public_key: signature.public_key.clone(),
            request_id: String::new(),
        };
        let client = SignatureServiceClient::new(self.peer.clone());
        retry(|| call!(client.attach_signature(message))).await.map(drop)
    }

    async fn create_version(&self, version: &NewVersion, request_id: &str) -> Result<u64, RegistryError> {
        let message = pb::CreateVersionRequest {
            model: version.model.to_string(),
            family: version.family.clone(),
            digest: version.digest.to_string(),
            metrics: version.metrics.clone(),
            lineage: Some(lineage(version)),
            description: version.description.clone(),
            tags: version.tags.clone(),
            upstreams: version.upstreams.iter().map(reference).collect(),
            request_id: request_id.to_owned(),
            ..Default::default()
        };
        let client = VersionServiceClient::new(self.peer.clone());
        let answer = retry(|| call!(client.create_version(message))).await?;
        answer.into_inner().version.map(|version| version.number).ok_or_else(|| empty_answer("CreateVersion"))
    }

    async fn promote(&self, promotion: &Promotion) -> Result<Promoted, RegistryError> {
        let (policy, quorum) = match promotion.terms.policy {
            ReloadPolicy::All => (pb::ReloadPolicy::All, 0),
            ReloadPolicy::None => (pb::ReloadPolicy::None, 0),
            ReloadPolicy::Quorum(needed) => (pb::ReloadPolicy::Quorum, needed),
        };
        let message = pb::PromoteRequest {
            model: promotion.model.to_string(),
            slot: promotion.slot.labels().clone(),
            number: promotion.number,
            expected_champion: Some(promotion.expected_champion),
            report_id: promotion.report_id.clone(),
            policy: policy.into(),
            quorum,
            reason: promotion.terms.reason.clone(),
            request_id: promotion.request_id.clone(),
            ..Default::default()
        };
        let client = PromotionServiceClient::new(self.peer.clone());
        let answer = patiently(|| {
            let (mut client, mut request) = (client.clone(), Request::new(message.clone()));
            request.set_timeout(PROMOTION);
            async move { client.promote(request).await }
        })
        .await;
        let promoted = answer.map_err(refusal)?.into_inner().promotion.ok_or_else(|| empty_answer("Promote"))?;
        Ok(Promoted { promotion_id: promoted.promotion_id, generation: promoted.generation })
    }
}

/// Someone else's promotion in between is an answer, and so is a fault of the registry: neither is over after a while.
fn refusal(status: Status) -> RegistryError {
    let message = status.message().to_owned();
    match status.code() {
        _ if reason_of(&status).as_deref() == Some("ALREADY_CHAMPION") => RegistryError::AlreadyChampion { message },
        Code::Aborted | Code::Internal => RegistryError::Refused { message },
        _ => status.into(),
    }
}

fn reference(upstream: &Upstream) -> pb::VersionReference {
    pb::VersionReference { model: upstream.model.to_string(), number: upstream.number }
}

fn lineage(version: &NewVersion) -> pb::Lineage {
    pb::Lineage {
        lineage_id: String::new(),
        run_id: version.run_id.clone(),
        parent_number: version.parent_number,
        data_digest: version.data_digest.to_string(),
        reference_digest: version.reference_digest.to_string(),
        feature_digest: version.feature_digest.to_string(),
        hyperparameters_digest: version.hyperparameters_digest.to_string(),
        code_version: version.code_version.clone(),
        dataset: version.dataset.to_string(),
        split_version: version.split_version.to_string(),
        feature_version: version.feature_version.to_string(),
        model_version: version.model_version.to_string(),
        training_duration: Some(lineal_rpc::duration(version.training_duration)),
        training_rows: version.training_rows,
        validation_rows: version.validation_rows,
        environment: version.environment.clone(),
        create_time: None,
    }
}

fn request<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(TIMEOUT);
    request
}

/// The answer, or nothing if there is no such thing.
fn found<T>(answer: Result<T, RegistryError>) -> Result<Option<T>, RegistryError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(RegistryError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn empty_answer(rpc: &str) -> RegistryError {
    Status::internal(format!("{rpc} answered without a result")).into()
}

#[cfg(test)]
mod tests {
    use lineal_rpc::Problem;

    use super::*;

    #[test]
    fn a_champion_that_is_promoted_again_is_told_from_a_refusal() {
        let told = |code, reason| refusal(Problem::new(code, reason, "no".to_owned()).status("registry.lineal"));
        let message = "no".to_owned();
        assert_eq!(
            told(Code::FailedPrecondition, "ALREADY_CHAMPION"),
            RegistryError::AlreadyChampion { message: message.clone() }
        );
        for (code, reason) in [(Code::FailedPrecondition, "GATE_NOT_PASSED"), (Code::Aborted, "CHAMPION_MOVED")] {
            assert_eq!(told(code, reason), RegistryError::Refused { message: message.clone() });
        }
    }
}
