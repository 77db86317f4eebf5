//! From a bundle to a version, with everything that is known of how it came to be.

use bytes::Bytes;
use lineal_models::Bundle;
use lineal_proto::lineal::registry::v1::{
    CreateRunRequest, CreateVersionRequest, DatasetReference, FinishRunRequest, Lineage, LogBatchRequest, RunStatus,
    Version, run_service_client::RunServiceClient, version_service_client::VersionServiceClient,
};
use lineal_rpc::artifacts;

use super::{CliError, Context};

/// A version that was not trained here, and the run that stands for its training.
pub(super) struct Registration<'a> {
    pub(super) bundle: &'a Bundle,
    /// Files that are kept besides the bundle's.
    pub(super) files: Vec<Bytes>,
    /// Without a run id, which is told here.
    pub(super) version: CreateVersionRequest,
    /// A tag of the run that says what it stands for.
    pub(super) tag: &'static str,
    pub(super) parameters: Vec<(&'static str, String)>,
    pub(super) datasets: Vec<DatasetReference>,
}

impl Registration<'_> {
    /// Uploads the files, the manifest last, and makes the version. A repetition with the same key changes nothing more.
    pub(super) async fn send(self, ctx: &Context) -> Result<Version, CliError> {
        let (model, request_id) = (self.version.model.clone(), self.version.request_id.clone());
        self.unnamed(ctx).await.map_err(|error| error.about(&model, "").of_request(&request_id))
    }

    async fn unnamed(self, ctx: &Context) -> Result<Version, CliError> {
        let files = self.bundle.files().values().map(|file| Bytes::copy_from_slice(file));
        let manifest = Bytes::copy_from_slice(self.bundle.manifest_bytes());
        for content in self.files.iter().cloned().chain(files).chain([manifest]) {
            artifacts::upload(&ctx.registry.peer(), content).await.map_err(|status| ctx.registry.failed(status))?;
        }
        let run_id = self.run(ctx).await?;
        let manifest = self.bundle.manifest();
        let lineage = Lineage {
            run_id: run_id.clone(),
            data_digest: manifest.training_data.to_string(),
            reference_digest: manifest.split.reference.to_string(),
            feature_digest: manifest.feature_set.to_string(),
            hyperparameters_digest: manifest.hyperparameters.to_string(),
            ..self.version.lineage.clone().unwrap_or_default()
        };
        let digest = self.bundle.digest().to_string();
        let request = CreateVersionRequest { digest, lineage: Some(lineage), ..self.version };
        let answer = ctx.registry.call(VersionServiceClient::new(ctx.registry.peer()).create_version(request)).await;
        let version = ctx.registry.present(answer?.version, "version")?;
        let end = FinishRunRequest { run_id, status: RunStatus::Finished.into(), error: String::new(), end_time: None };
        ctx.registry.call(RunServiceClient::new(ctx.registry.peer()).finish_run(end)).await?;
        Ok(version)
    }

    async fn run(&self, ctx: &Context) -> Result<String, CliError> {
        let request = CreateRunRequest {
            model: self.version.model.clone(),
            request_id: format!("{}:run", self.version.request_id),
            tags: [(self.tag.to_owned(), "true".to_owned())].into(),
            ..CreateRunRequest::default()
        };
        let mut runs = RunServiceClient::new(ctx.registry.peer());
        let run = ctx.registry.call(runs.create_run(request)).await?.run;
        let run_id = ctx.registry.present(run, "run")?.run_id;
        let log = LogBatchRequest {
            run_id: run_id.clone(),
            parameters: self.parameters.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            datasets: self.datasets.clone(),
            ..LogBatchRequest::default()
        };
        ctx.registry.call(runs.log_batch(log)).await?;
        Ok(run_id)
    }
}
