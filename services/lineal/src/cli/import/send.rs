//! What is recorded of an imported version.

use bytes::Bytes;
use lineal_kernel::Digest;
use lineal_proto::lineal::registry::v1::{CreateVersionRequest, DatasetReference, Lineage, Version};

use super::{Args, CliError, Context, Packed, Source, pack::IMPORTED};
use crate::cli::registration::Registration;

/// Makes the version. The run stands for the training: what the file says of it, and the rows that came along.
pub(super) async fn send(
    ctx: &Context,
    args: &Args,
    model: &Source,
    source: Bytes,
    packed: Packed,
) -> Result<Version, CliError> {
    let digest = Digest::of(&source);
    let version = CreateVersionRequest {
        model: args.model.clone(),
        family: model.family().to_owned(),
        lineage: Some(lineage(args, model, &packed)),
        description: args.description.clone(),
        tags: [("source_digest".to_owned(), digest.to_string())].into(),
        source: args.file.display().to_string(),
        request_id: args.change.request_id(),
        ..CreateVersionRequest::default()
    };
    let sample = packed.sample.iter().map(|sample| DatasetReference {
        name: args.stem(),
        role: "reference".to_owned(),
        digest: sample.digest.to_string(),
        rows: sample.rows as u64,
        ..DatasetReference::default()
    });
    let parameters = [
        ("library", model.family().to_owned()),
        ("library_version", model.version().to_owned()),
        ("objective", model.objective()),
        ("features", model.features().to_string()),
        ("source_file", args.file.file_name().unwrap_or_default().to_string_lossy().into_owned()),
        ("source_digest", digest.to_string()),
    ];
    let registration = Registration {
        bundle: &packed.bundle,
        files: [source].into_iter().chain(packed.sample.iter().map(|sample| sample.bytes.clone())).collect(),
        version,
        tag: "imported",
        parameters: parameters.into(),
        datasets: sample.collect(),
    };
    registration.send(ctx).await
}

/// The training data are unknown: the file itself stands in their place.
fn lineage(args: &Args, model: &Source, packed: &Packed) -> Lineage {
    let library = model.family();
    Lineage {
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
