//! Files in and out.

use std::path::Path;

use futures::{SinkExt, channel::mpsc};
use lineal_kernel::Digest;
use lineal_proto::lineal::registry::v1::{self as pb, upload_artifact_request::Part};
use tonic::Code;

use crate::fixture::{Bench, Refusal, create_version, until};

fn message(part: Part) -> pb::UploadArtifactRequest {
    pb::UploadArtifactRequest { part: Some(part) }
}

async fn send(bench: &Bench, parts: Vec<Part>) -> Result<pb::UploadArtifactResponse, tonic::Status> {
    let messages = futures::stream::iter(parts.into_iter().map(message));
    Ok(bench.artifact_service().upload_artifact(messages).await?.into_inner())
}

/// Files below a folder, finished or not.
fn files(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

#[tokio::test]
async fn a_file_of_many_pieces_comes_back_whole() {
    // F21, F41
    let bench = Bench::start().await;
    let content: Vec<u8> = (0..20_u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let digest = bench.upload(content.clone()).await;
    assert!(bench.download(&digest.to_string()).await.unwrap() == content, "20 MiB");
    let empty = bench.upload("").await;
    assert!(bench.download(&empty.to_string()).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_upload_that_lies_about_its_digest_leaves_nothing() {
    // F21
    let bench = Bench::start().await;
    let truth = Digest::of(b"champion").to_string();
    let refused = send(&bench, vec![Part::Digest(truth.clone()), Part::Chunk("challenger".into())]).await;
    let refused = Refusal::from(refused.unwrap_err());
    assert_eq!((refused.code, refused.reason.as_str()), (Code::InvalidArgument, "DIGEST_MISMATCH"));
    assert_eq!(refused.value("expected"), truth);
    assert_eq!(refused.value("found"), Digest::of(b"challenger").to_string());
    assert_eq!(files(&bench.artifacts()), 0);

    let kept = bench.upload("champion").await.to_string();
    assert!(send(&bench, vec![Part::Digest(truth), Part::Chunk("challenger".into())]).await.is_err());
    assert_eq!(bench.download(&kept).await.unwrap(), "champion", "a lie does not replace what is there");
}

#[tokio::test]
async fn an_upload_out_of_order_is_the_senders_mistake() {
    let bench = Bench::start().await;
    let digest = || Part::Digest(Digest::of(b"champion").to_string());
    let chunk = || Part::Chunk("champion".into());
    let cases: [(Vec<Part>, &str); 4] = [
        (vec![], "digest"),
        (vec![chunk(), digest()], "digest"),
        (vec![Part::Digest("sha1:0".into()), chunk()], "digest"),
        (vec![digest(), chunk(), digest()], "chunk"),
    ];
    for (parts, field) in cases {
        let refused = Refusal::from(send(&bench, parts).await.unwrap_err());
        assert_eq!((refused.code, refused.fields), (Code::InvalidArgument, vec![field.to_owned()]));
    }
    assert_eq!(files(&bench.artifacts()), 0);
}

#[tokio::test]
async fn an_interrupted_upload_leaves_nothing() {
    // F21, F61
    let bench = Bench::start().await;
    let (mut sender, messages) = mpsc::channel(0);
    let mut service = bench.artifact_service();
    let upload = tokio::spawn(async move { service.upload_artifact(messages).await });
    sender.send(message(Part::Digest(Digest::of(b"never finished").to_string()))).await.unwrap();
    for _ in 0..17 {
        sender.send(message(Part::Chunk(vec![7; 1 << 20].into()))).await.unwrap();
    }
    let folder = bench.artifacts();
    until("the upload reaches the disk", || async { files(&folder) > 0 }).await;
    upload.abort();
    until("the part file disappears", || async { files(&folder) == 0 }).await;
}

#[tokio::test]
async fn one_flipped_byte_is_data_loss() {
    // F21
    let bench = Bench::start().await;
    let digest = bench.upload("champion").await.to_string();
    std::fs::write(bench.file_of(&digest), b"chamqion").unwrap();
    let refused = Refusal::from(bench.download(&digest).await.unwrap_err());
    assert_eq!((refused.code, refused.reason.as_str()), (Code::DataLoss, "ARTIFACT_DAMAGED"));
    assert_eq!(refused.value("digest"), digest);
}

#[tokio::test]
async fn a_version_needs_every_file_of_its_bundle() {
    // F21
    let bench = Bench::start().await;
    let digest = bench.bundle("model").await;
    let file = Digest::of(b"model").to_string();
    let create = || async { bench.version_service().create_version(create_version("churn", digest)).await };
    std::fs::write(bench.file_of(&file), b"mode").unwrap();
    let shorter = Refusal::of(create().await);
    assert_eq!((shorter.reason.as_str(), shorter.value("file")), ("ARTIFACT_DAMAGED", "model.bin"));
    bench.upload("model").await;
    let miscounted = format!(r#"{{"files":{{"model.bin":{{"digest":"{file}","size":4}}}}}}"#);
    let miscounted = create_version("churn", bench.upload(miscounted).await);
    let miscounted = Refusal::of(bench.version_service().create_version(miscounted).await);
    assert_eq!(miscounted.reason, "MANIFEST_UNUSABLE");
    assert!(miscounted.message.contains("`model.bin` has 5 bytes, not 4"), "{}", miscounted.message);
    std::fs::remove_file(bench.file_of(&file)).unwrap();
    let missing = Refusal::of(create().await);
    assert_eq!((missing.reason.as_str(), missing.value("file")), ("ARTIFACT_MISSING", "model.bin"));
    assert_eq!(missing.value("digest"), file);
    std::fs::remove_file(bench.file_of(&digest.to_string())).unwrap();
    assert_eq!(Refusal::of(create().await).value("file"), "manifest.json");

    let snapshot = pb::CreateSnapshotRequest { dataset: "churn".into(), digest: file, ..Default::default() };
    let missing = Refusal::of(bench.dataset_service().create_snapshot(snapshot).await);
    assert_eq!((missing.reason.as_str(), missing.value("file")), ("ARTIFACT_MISSING", "snapshot of churn"));
    let lines = bench.audit().await;
    assert!(lines.iter().all(|line| line.done == (line.action == "upload_artifact")), "{lines:?}");
}
