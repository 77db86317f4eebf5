//! From a bundle to a version, with everything that is known of how it came to be.

use bytes::Bytes;
use lineal_kernel::Digest;
use lineal_proto::lineal::registry::v1::{
    CreateRunRequest, CreateVersionRequest, DatasetReference, FinishRunRequest, Lineage, LogBatchRequest, RunStatus,
    Version, run_service_client::RunServiceClient, version_service_client::VersionServiceClient,
};
use lineal_rpc::artifacts;

use super::{Args, CliError, Context, Packed, Source, pack::IMPORTED};

/// Uploads the file and its bundle, the manifest last, and makes the version. A repetition with the same key changes
/// nothing more.
pub(super) async fn send(
    ctx: &Context,
    args: &Args,
    model: &Source,
    source: Bytes,
    packed: Packed,
) -> Result<Version, CliError> {
    let request_id = args.change.request_id();
    let about = |error: CliError| error.about(&args.model, "").of_request(&request_id);
    let digest = Digest::of(&source);
    let bundle = &packed.bundle;
    let sample = packed.sample.iter().map(|sample| sample.bytes.clone());
    let files = bundle.files().values().map(|file| Bytes::copy_from_slice(file));
    let manifest = Bytes::copy_from_slice(bundle.manifest_bytes());
    for content in [source].into_iter().chain(sample).chain(files).chain([manifest]) {
        let stored = artifacts::upload(&ctx.registry.peer(), content).await;
        stored.map_err(|status| about(ctx.registry.failed(status)))?;
    }
    let run_id = run(ctx, args, model, digest, &packed, &request_id).await.map_err(about)?;
    let request = CreateVersionRequest {
        model: args.model.clone(),
        family: model.family().to_owned(),
        digest: bundle.digest().to_string(),
        lineage: Some(lineage(args, model, digest, &packed, &run_id)),
        description: args.description.clone(),
        tags: [("source_digest".to_owned(), digest.to_string())].into(),
        source: args.file.display().to_string(),
        request_id: request_id.clone(),
        ..CreateVersionRequest::default()
    };
    let answer = ctx.registry.call(VersionServiceClient::new(ctx.registry.peer()).create_version(request)).await;
    let version = ctx.registry.present(answer.map_err(about)?.version, "version")?;
    let end = FinishRunRequest { run_id, status: RunStatus::Finished.into(), error: String::new(), end_time: None };
    ctx.registry.call(RunServiceClient::new(ctx.registry.peer()).finish_run(end)).await.map_err(about)?;
    Ok(version)
}

/// The run that stands for the training: what the file says of it, and the rows that came along.
async fn run(
    ctx: &Context,
    args: &Args,
    model: &Source,
    source: Digest,
    packed: &Packed,
    request_id: &str,
) -> Result<String, CliError> {
    let request = CreateRunRequest {
        model: args.model.clone(),
        request_id: format!("{request_id}:run"),
        tags: [("imported".to_owned(), "true".to_owned())].into(),
        ..CreateRunRequest::default()
    };
    let mut runs = RunServiceClient::new(ctx.registry.peer());
    let run = ctx.registry.call(runs.create_run(request)).await?.run;
    let run_id = ctx.registry.present(run, "run")?.run_id;
    let parameters = [
        ("library", model.family().to_owned()),
        ("library_version", model.version().to_owned()),
        ("objective", model.objective()),
        ("features", model.features().to_string()),
        ("source_file", args.file.file_name().unwrap_or_default().to_string_lossy().into_owned()),
        ("source_digest", source.to_string()),
    ];
    let sample = packed.sample.iter().map(|sample| DatasetReference {
        name: args.stem(),
        role: "reference".to_owned(),
        digest: sample.digest.to_string(),
        rows: sample.rows as u64,
        ..DatasetReference::default()
    });
    let log = LogBatchRequest {
        run_id: run_id.clone(),
        parameters: parameters.map(|(name, value)| (name.to_owned(), value)).into(),
        datasets: sample.collect(),
        ..LogBatchRequest::default()
    };
    ctx.registry.call(runs.log_batch(log)).await?;
    Ok(run_id)
}

/// The training data are unknown: the file itself stands in their place.
fn lineage(args: &Args, model: &Source, source: Digest, packed: &Packed, run_id: &str) -> Lineage {
    let library = model.family();
    Lineage {
        run_id: run_id.to_owned(),
        data_digest: source.to_string(),
        reference_digest: packed.sample.as_ref().map_or(source, |sample| sample.digest).to_string(),
        feature_digest: packed.bundle.manifest().feature_set.to_string(),
        hyperparameters_digest: packed.bundle.manifest().hyperparameters.to_string(),
        code_version: format!("{library} {}", model.version()),
        dataset: args.stem(),
        split_version: IMPORTED.to_owned(),
        feature_version: IMPORTED.to_owned(),
        model_version: IMPORTED.to_owned(),
        validation_rows: packed.sample.as_ref().map_or(0, |sample| sample.rows as u64),
        environment: [(library.to_owned(), model.version().to_owned())].into(),
        ..Lineage::default()
    }
}
