//! Bundles are loaded if a trusted key signed them, and not otherwise.

use std::path::Path;

use lineal_inference::InferenceConfig;
use lineal_kernel::Name;
use lineal_rpc::reason_of;
use lineal_signing::Policy;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::fixture::{Champion, FakeRegistry, Listening, TestReplica, key, signed, version, version_at};

/// A replica that trusts the key 1.
async fn replica(registry: &Listening, folder: &Path, required: bool) -> TestReplica {
    let advertise = "http://127.0.0.1:7400".to_owned();
    let mut config = InferenceConfig::new(Name::new("r-0").unwrap(), advertise, folder.into());
    config.signatures = Policy::new([key(1).public().clone()], required);
    TestReplica::start_with(&registry.address, config).await
}

async fn refused(replica: &TestReplica, champion: &Champion) -> Status {
    let status = replica.prepare(champion).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(status.message().contains(&champion.bundle.digest().to_string()), "{status}");
    status
}

fn reason(status: &Status) -> String {
    reason_of(status).unwrap()
}

fn key_named(status: &Status) -> String {
    status.get_details_error_info().unwrap().metadata["key"].clone()
}

#[tokio::test]
async fn what_nobody_signed_is_refused_until_somebody_does_and_the_champion_stays() {
    // X12
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let (first, second) = (version("churn", 1), version("churn", 2));
    registry.sign(&first, 1);
    registry.promote(&first);
    let folder = tempfile::tempdir().unwrap();
    let replica = replica(&listening, folder.path(), true).await;
    registry.until_served(1).await;

    registry.store(&second);
    let status = refused(&replica, &second).await;
    assert_eq!(reason(&status), "BUNDLE_UNSIGNED");
    assert!(status.message().contains("lineal sign"), "{status}");
    // Also if the registry has moved the alias all the same.
    let generation = registry.promote(&second);
    assert_eq!(reason(&replica.reload(generation).await.unwrap_err()), "BUNDLE_UNSIGNED");
    assert_eq!(replica.predict().await.unwrap().scores, first.scores);

    registry.sign(&second, 1);
    assert_eq!(replica.prepare(&second).await.unwrap().golden_rows, 16);
    assert_eq!(replica.reload(generation).await.unwrap(), generation);
    assert_eq!(replica.predict().await.unwrap().scores, second.scores);
}

#[tokio::test]
async fn an_unknown_key_or_a_flipped_byte_is_refused_also_where_nothing_must_be_signed() {
    // X12
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let (first, second) = (version("churn", 1), version("churn", 2));
    registry.promote(&first);
    let folder = tempfile::tempdir().unwrap();
    let replica = replica(&listening, folder.path(), false).await;
    // What nobody signed is served.
    registry.until_served(1).await;

    registry.store(&second);
    registry.sign(&second, 2);
    let status = refused(&replica, &second).await;
    assert_eq!(
        (reason(&status).as_str(), key_named(&status)),
        ("SIGNING_KEY_UNKNOWN", key(2).public().fingerprint().to_string())
    );

    let digest = second.bundle.digest();
    let good = signed(&second, 1);
    for place in [40, good.len() / 2, good.len() - 20] {
        let mut bytes = good.clone().into_bytes();
        bytes[place] ^= 1;
        registry.attach(digest, String::from_utf8(bytes).unwrap());
        assert!(
            ["SIGNATURE_INVALID", "SIGNING_KEY_UNKNOWN"].contains(&reason(&refused(&replica, &second).await).as_str()),
            "byte {place}"
        );
    }
    // A good signature of another bundle.
    registry.attach(digest, signed(&first, 1));
    let status = refused(&replica, &second).await;
    assert_eq!(
        (reason(&status).as_str(), key_named(&status)),
        ("SIGNATURE_INVALID", key(1).public().fingerprint().to_string())
    );

    registry.sign(&second, 1);
    for file in second.bundle.manifest().files.values().map(|file| file.digest).chain([digest]) {
        let another = tempfile::tempdir().unwrap();
        let replica = self::replica(&listening, another.path(), true).await;
        registry.damage(file);
        assert_eq!(reason(&refused(&replica, &second).await), "BUNDLE_DAMAGED");
        registry.store(&second);
        replica.listening.stop().await;
    }
    assert_eq!(replica.prepare(&second).await.unwrap().golden_rows, 16);
}

#[tokio::test]
async fn an_alias_on_what_is_not_signed_is_not_served_and_keeps_no_champion_from_it() {
    // X12
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let (first, other) = (version("churn", 1), version_at("candidate", "churn", 2));
    registry.sign(&first, 1);
    registry.promote(&first);
    registry.promote(&other);
    let folder = tempfile::tempdir().unwrap();
    let replica = replica(&listening, folder.path(), true).await;
    registry.until_served(2).await;
    assert!(replica.serving("candidate").await.problem.contains("it is not signed"));
    assert_eq!(replica.predict().await.unwrap().scores, first.scores);
}

#[tokio::test]
async fn a_start_without_the_registry_checks_the_signature_that_was_kept() {
    // X12
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let first = version("churn", 1);
    registry.sign(&first, 1);
    registry.promote(&first);
    let folder = tempfile::tempdir().unwrap();
    let started = replica(&listening, folder.path(), true).await;
    registry.until_served(1).await;
    started.listening.stop().await;
    registry.with(|state| state.signatures.clear());

    let kept = folder.path().join(format!("{}.sig", first.bundle.digest().hex()));
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), signed(&first, 1));
    let restarted = replica(&listening, folder.path(), true).await;
    assert_eq!(restarted.prepare(&first).await.unwrap().golden_rows, 16);
    restarted.listening.stop().await;

    // One that was tampered with is as good as none.
    std::fs::write(&kept, signed(&first, 2)).unwrap();
    let restarted = replica(&listening, folder.path(), true).await;
    assert_eq!(reason(&refused(&restarted, &first).await), "BUNDLE_UNSIGNED");
}
