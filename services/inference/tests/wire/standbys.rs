//! The way back on a replica's disk.

use std::{path::Path, time::Duration};

use crate::fixture::{Champion, FakeRegistry, TestReplica, version};
use lineal_inference::InferenceConfig;
use lineal_kernel::Name;
use lineal_proto::lineal::registry::v1::StandbyReport;

/// A replica that tries its standbys all the time.
async fn eager(registry: &str, folder: &Path) -> TestReplica {
    let advertise = "http://127.0.0.1:7400".to_owned();
    let mut config = InferenceConfig::new(Name::new("r-0").unwrap(), advertise, folder.into());
    config.standby_every = Duration::from_millis(10);
    TestReplica::start_with(registry, config).await
}

fn is_ready(report: &StandbyReport) -> bool {
    report.ready_time.is_some() && report.problem.is_empty()
}

/// The files of a bundle, by name of their digest on the disk.
fn files(champion: &Champion) -> Vec<String> {
    let files = champion.bundle.manifest().files.values().map(|file| file.digest.hex());
    files.chain([champion.bundle.digest().hex()]).collect()
}

#[tokio::test]
async fn a_rollback_is_prepared_without_a_download() {
    // F13, F113
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let (first, second) = (version("churn", 1), version("churn", 2));
    registry.store(&first);
    registry.stand_by(&first);
    registry.promote(&second);
    let folder = tempfile::tempdir().unwrap();
    let replica = TestReplica::start(&listening.address, folder.path().into()).await;
    registry.until_served(1).await;
    let digest = first.entry.digest.clone();
    let ready = |report: &StandbyReport| is_ready(report) && report.digest == digest;
    registry.until_standby("the standby is ready", ready).await;
    assert_eq!(replica.version().await, 2, "a standby serves nothing");

    registry.with(|state| state.blobs.clear());
    let downloads = registry.with(|state| state.downloads.clone());
    let prepared = replica.prepare(&first).await.unwrap();
    assert!(prepared.golden_rows > 0);
    registry.with(|state| {
        state.entries = vec![first.entry.clone()];
        state.generation = 2;
    });
    assert_eq!(replica.reload(2).await.unwrap(), 2);
    assert_eq!(replica.predict().await.unwrap().scores, first.scores);
    assert_eq!(registry.with(|state| state.downloads.clone()), downloads, "every file was on the disk");
}

#[tokio::test]
async fn the_former_champion_is_looked_after_as_soon_as_it_has_left() {
    // F13
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let (first, second) = (version("churn", 1), version("churn", 2));
    registry.promote(&first);
    let folder = tempfile::tempdir().unwrap();
    let _replica = TestReplica::start(&listening.address, folder.path().into()).await;
    registry.until_served(1).await;
    registry.stand_by(&first);
    registry.promote(&second);
    registry.until_standby("the standby is ready", is_ready).await;
}

#[tokio::test]
async fn a_damaged_copy_is_fetched_again_and_a_hopeless_one_is_said() {
    // F13, F113
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let first = version("churn", 1);
    registry.store(&first);
    registry.stand_by(&first);
    let folder = tempfile::tempdir().unwrap();
    let _replica = eager(&listening.address, folder.path()).await;
    registry.until_standby("the standby is ready", is_ready).await;

    let damaged = folder.path().join(&files(&first)[0]);
    let content = std::fs::read(&damaged).unwrap();
    std::fs::write(&damaged, b"rust").unwrap();
    registry.until("it is fetched again", |_| std::fs::read(&damaged).is_ok_and(|now| now == content)).await;

    registry.with(|state| state.blobs.clear());
    std::fs::remove_file(&damaged).unwrap();
    let hopeless =
        |report: &StandbyReport| report.ready_time.is_none() && report.problem.contains("is not in the artifact store");
    registry.until_standby("the problem is said", hopeless).await;

    registry.store(&first);
    registry.until_standby("it is ready again", is_ready).await;
    registry.with(|state| state.standbys.clear());
    registry.until("it is forgotten", |state| state.replicas["r-0"].standbys.is_empty()).await;
}
