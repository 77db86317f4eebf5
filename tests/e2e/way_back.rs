//! The way back, damaged by hand: it is noticed, said, and gone around.

use std::{
    fs,
    path::{Path, PathBuf},
};

use lineal_kernel::Digest;
use lineal_proto::lineal::{registry::v1 as registry, trainer::v1::JobState};
use lineal_rpc::Peer;
use serde_json::Value;

use crate::{
    process::{Process, eventually},
    scenario,
};

/// Trains with a penalty of its own, so that no two champions share their model file.
async fn champion(peer: &Peer, c: f64) -> u64 {
    let mut spec = scenario::spec("logistic_regression");
    spec.hyperparameters.insert("c".to_owned(), c.into());
    let job = scenario::train(peer, spec).await.unwrap();
    assert_eq!(job.state(), JobState::Succeeded, "{}", job.error);
    assert!(scenario::validate(peer, job.version, false).await.unwrap().passed);
    scenario::promote(peer, job.version).await.unwrap();
    job.version
}

/// Where an artifact lies in the store's folder.
fn stored(folder: &Path, digest: &str) -> PathBuf {
    let hex = digest.parse::<Digest>().unwrap().hex();
    folder.join("artifacts/sha256").join(&hex[..2]).join(hex)
}

/// Where the model of a version lies.
async fn model_file(peer: &Peer, folder: &Path, number: u64) -> PathBuf {
    let request = registry::GetVersionRequest { model: "churn".to_owned(), number };
    let mut versions = registry::version_service_client::VersionServiceClient::new(peer.clone());
    let version = versions.get_version(request).await.unwrap().into_inner().version.unwrap();
    let manifest: Value = serde_json::from_slice(&fs::read(stored(folder, &version.digest)).unwrap()).unwrap();
    stored(folder, manifest["files"]["model.json"]["digest"].as_str().unwrap())
}

async fn json(lineal: &Process, words: &[&str]) -> Value {
    let told = lineal.cli(&[&["-o", "json"], words].concat()).await;
    assert_eq!(told.code, 0, "{words:?}: {}", told.stderr);
    serde_json::from_str(&told.stdout).unwrap()
}

async fn until_candidate(lineal: &Process, number: &str) -> Value {
    eventually("the candidate is ready on the replica", async || {
        let status = json(lineal, &["status"]).await;
        let way_back = status["way_back"][0].clone();
        (way_back["number"] == number && way_back["ready_replicas"] == 1).then_some(way_back)
    })
    .await
}

/// F7, F13, F26, F37, F113
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_goes_around_a_deleted_file_and_a_flipped_byte() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("LINEAL__REGISTRY__CHECK_EVERY_SECONDS", "1"), ("LINEAL__REGISTRY__LEASE_SECONDS", "1")];
    let lineal = Process::dev(folder.path(), &settings).await;
    let peer = lineal.peer();
    for c in [0.25, 0.5, 1.0, 2.0] {
        champion(&peer, c).await;
    }
    let whole = until_candidate(&lineal, "3").await;
    assert_eq!((&whole["live_replicas"], &whole["problems"]), (&1.into(), &Value::Array(vec![])));

    fs::remove_file(model_file(&peer, folder.path(), 3).await).unwrap();
    let flipped = model_file(&peer, folder.path(), 2).await;
    let mut content = fs::read(&flipped).unwrap();
    content[20] ^= 1;
    fs::write(&flipped, content).unwrap();
    let told = eventually("the keeper notices both", async || {
        let told = lineal.cli(&["status"]).await.stdout;
        let [gone, damaged] = [3, 2].map(|number| format!("passed over version {number}: `model.json`"));
        (told.contains(&gone) && told.contains(&damaged)).then_some(told)
    })
    .await;
    assert!(
        told.contains("is not in the artifact store") && told.contains("is damaged in the artifact store"),
        "{told}"
    );
    let versions = json(&lineal, &["versions", "churn", "--state", "archived"]).await;
    assert_eq!((&versions["versions"][0]["number"], &versions["versions"][1]["number"]), (&"3".into(), &"2".into()));
    assert!(versions["versions"][0]["check"]["problem"].as_str().unwrap().contains("model.json"));

    let back = lineal.cli(&["rollback", "churn", "--reason", "drill", "--evidence", "psi=0.31"]).await;
    assert_eq!(back.code, 0, "{}", back.stderr);
    assert!(back.stdout.starts_with("churn 1 is champion"), "{}", back.stdout);
    for number in [3, 2] {
        assert!(back.stdout.contains(&format!("passed over version {number}: `model.json`")), "{}", back.stdout);
    }
    assert_eq!(scenario::predict(&peer).await.unwrap().pedigree.unwrap().version, 1);
    let none = lineal.cli(&["rollback", "churn", "--reason", "drill"]).await;
    assert_eq!(none.code, 4, "{}", none.stdout);
    assert!(none.stderr.contains("version 3: `model.json`") && none.stderr.contains("version 2: `model.json`"));
    let history = json(&lineal, &["rollbacks", "churn"]).await;
    let [refused, done] = [&history["promotions"][0], &history["promotions"][1]];
    assert_eq!(
        (&refused["state"], &done["state"]),
        (&"PROMOTION_STATE_REFUSED".into(), &"PROMOTION_STATE_CONVERGED".into())
    );
    assert_eq!((&done["evidence"]["psi"], &done["skipped"][0]["number"]), (&0.31.into(), &"3".into()));
}
