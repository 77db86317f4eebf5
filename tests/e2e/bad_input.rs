//! Bad input gets an error that names the field or column, and changes nothing.

use std::{fs, path::Path};

use lineal_proto::lineal::{
    inference::v1::{NumberColumn, column::Values, prediction_service_client::PredictionServiceClient},
    registry::v1 as registry,
    trainer::v1::{self as trainer, JobState, job_service_client::JobServiceClient},
};
use lineal_rpc::{Peer, artifacts, reason_of};
use tonic::{Code, Status};

use crate::{process::Process, scenario};

/// Trains on other rows than the churn table's.
async fn trained_on(peer: &Peer, rows: &str) -> Result<trainer::Job, Status> {
    let mut spec = scenario::spec("logistic_regression");
    let digest = artifacts::upload(peer, rows.to_owned().into()).await?;
    spec.source = Some(trainer::DataSource {
        dataset: "odd".to_owned(),
        digest: digest.to_string(),
        format: trainer::SourceFormat::Csv.into(),
    });
    scenario::train(peer, spec).await
}

async fn versions(peer: &Peer) -> u64 {
    let mut models = registry::model_service_client::ModelServiceClient::new(peer.clone());
    let found = models.get_model(registry::GetModelRequest { name: "churn".to_owned() }).await;
    found.map_or(0, |found| found.into_inner().model.unwrap().latest_version)
}

/// F63, F69, F85
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_table_or_specification_makes_no_version() {
    let folder = tempfile::tempdir().unwrap();
    let lineal = Process::dev(folder.path(), &[]).await;
    let peer = lineal.peer();
    let table = std::str::from_utf8(scenario::CHURN).unwrap();
    let unlabelled = table.replacen(",churn\n", ",left\n", 1);
    let texts_for_numbers = table.replacen("KS,128,", "KS,many,", 1);
    for (rows, words) in [
        (unlabelled.as_str(), ["churn", "left"]),
        ("", ["header", ""]),
        ("a,b\n", ["row", ""]),
        ("a,churn\n1,yes\n2\n", ["line 3", ""]),
    ] {
        let job = trained_on(&peer, rows).await.unwrap();
        assert_eq!(job.state(), JobState::Failed);
        assert!(words.iter().all(|word| job.error.contains(word)), "{words:?}: {}", job.error);
    }

    // The column becomes a text with thousands of values: no feature, and the error names it.
    let job = trained_on(&peer, &texts_for_numbers).await.unwrap();
    assert_eq!(job.state(), JobState::Failed);
    assert!(job.error.contains("account_length"), "{}", job.error);

    let mut odd = scenario::spec("astrology");
    odd.threshold = 7.0;
    let status = scenario::train(&peer, odd).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    for word in ["spec.family", "spec.threshold"] {
        assert!(status.message().contains(word), "{word}: {}", status.message());
    }
    let mut steep = scenario::spec("gradient_boosting");
    steep.hyperparameters.insert("learning_rate".to_owned(), 50.0.into());
    let status = scenario::train(&peer, steep).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("learning_rate"), "{}", status.message());
    assert_eq!(versions(&peer).await, 0);
    let jobs = JobServiceClient::new(peer).list_jobs(trainer::ListJobsRequest::default()).await.unwrap().into_inner();
    assert_eq!(jobs.jobs.len(), 5, "a refused specification makes no job");
}

/// F63
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_prediction_request_names_its_column() {
    let folder = tempfile::tempdir().unwrap();
    let lineal = Process::dev(folder.path(), &[]).await;
    scenario::champion(&lineal.peer(), "logistic_regression").await;
    let mut predictions = PredictionServiceClient::new(lineal.peer());

    let mut missing = scenario::customer();
    missing.columns.retain(|column| column.name != "state");
    let status = predictions.predict(missing).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("state"), "{}", status.message());

    let mut uneven = scenario::customer();
    uneven.columns[1].values = Some(Values::Numbers(NumberColumn { values: vec![1.0, 2.0] }));
    let status = predictions.predict(uneven).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("account_length"), "{}", status.message());

    let mut unknown = scenario::customer();
    unknown.model = "nobody".to_owned();
    let status = predictions.predict(unknown).await.unwrap_err();
    assert_eq!((status.code(), reason_of(&status).as_deref()), (Code::NotFound, Some("MODEL_NOT_SERVED")));
}

/// Flips one byte of a stored artifact.
fn flip(folder: &Path, digest: &str) {
    let hex = digest.trim_start_matches("sha256:");
    let path = folder.join("artifacts/sha256").join(&hex[..2]).join(hex);
    let mut content = fs::read(&path).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs::write(&path, content).unwrap();
}

/// F21, F38
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_bundle_is_neither_judged_nor_served() {
    let folder = tempfile::tempdir().unwrap();
    let lineal = Process::dev(folder.path(), &[]).await;
    let peer = lineal.peer();
    let first = scenario::champion(&peer, "logistic_regression").await;
    let second = scenario::version(&peer, "gradient_boosting").await;
    assert!(scenario::validate(&peer, second, true).await.unwrap().passed);
    let request = registry::GetVersionRequest { model: "churn".to_owned(), number: second };
    let found = registry::version_service_client::VersionServiceClient::new(peer.clone()).get_version(request).await;
    let manifest = found.unwrap().into_inner().version.unwrap().digest.parse().unwrap();
    let manifest = artifacts::download(&peer, manifest, 1 << 20).await.unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    flip(folder.path(), manifest["files"]["model.json"]["digest"].as_str().unwrap());

    let status = scenario::promote(&peer, second).await.unwrap_err();
    assert_eq!(reason_of(&status).as_deref(), Some("ARTIFACT_DAMAGED"), "{status:?}");
    assert!(status.message().contains("model.json"), "names the file: {}", status.message());
    let status = scenario::validate(&peer, second, true).await.unwrap_err();
    assert_eq!(reason_of(&status).as_deref(), Some("BUNDLE_DAMAGED"), "{status:?}");
    assert_eq!(scenario::alias(&peer).await.unwrap().number, first);
    assert_eq!(scenario::predict(&peer).await.unwrap().pedigree.unwrap().version, first);
}
