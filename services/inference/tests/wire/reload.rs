//! From generation to generation, over the wire: whole or not at all, never back, never a lost answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::fixture::{Champion, FakeRegistry, TestReplica, batch, request, version};
use lineal_inference::InferenceConfig;
use lineal_kernel::{Digest, Name};
use lineal_proto::lineal::inference::v1 as pb;
use lineal_rpc::reason_of;
use tonic::{Code, Status};

/// A file that only this version's bundle has.
fn model_file(champion: &Champion) -> Digest {
    champion.bundle.manifest().files["model.json"].digest
}

#[tokio::test]
async fn a_replica_starts_with_the_champion_and_follows_promotions() {
    // F124
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let (first, second) = (version("churn", 1), version("churn", 2));
    registry.promote(&first);
    let folder = tempfile::tempdir().unwrap();
    let replica = TestReplica::start(&listening.address, folder.path().into()).await;
    registry.until_served(1).await;
    assert!(replica.ready().await);
    let answer = replica.predict().await.unwrap();
    assert_eq!((answer.scores, answer.labels), (first.scores, first.labels));

    let generation = registry.promote(&second);
    assert_eq!(replica.reload(generation).await.unwrap(), 2);
    let serving = replica.control().get_serving(pb::GetServingRequest {}).await.unwrap().into_inner();
    assert_eq!((serving.replica.as_str(), serving.generation), ("r-0", 2));
    assert_eq!(serving.served.len(), 1);
    assert_eq!(serving.served[0].digest, second.bundle.digest().to_string());
    assert_eq!((serving.served[0].version, serving.served[0].requests), (2, 0));
    assert_eq!(replica.predict().await.unwrap().scores, second.scores);

    // A generation that leaves this champion where it is counts on.
    let generation = registry.promote(&version("fraud", 3));
    assert_eq!(replica.reload(generation).await.unwrap(), 3);
    let serving = replica.control().get_serving(pb::GetServingRequest {}).await.unwrap().into_inner();
    let served: Vec<_> = serving.served.iter().map(|served| (served.model.as_str(), served.requests)).collect();
    assert_eq!(served, [("churn", 1), ("fraud", 0)]);
}

#[tokio::test]
async fn repeated_reordered_and_concurrent_reloads_change_nothing() {
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let folder = tempfile::tempdir().unwrap();
    let replica = TestReplica::start(&listening.address, folder.path().into()).await;
    for number in 1..=3 {
        registry.promote(&version("churn", number));
    }
    // The heartbeat may be first; both together still read the table once.
    registry.until_served(3).await;
    let reads = registry.with(|state| state.table_reads);
    for generation in [3, 1, 2, 0, 3, 1] {
        assert_eq!(replica.reload(generation).await.unwrap(), 3, "asked for {generation}");
    }
    assert_eq!(registry.with(|state| state.table_reads), reads);

    let before = registry.with(|state| state.table_reads);
    registry.promote(&version("churn", 4));
    let hints = futures::future::join_all((0..10).map(|_| replica.reload(4))).await;
    assert!(hints.into_iter().all(|served| served.unwrap() == 4));
    assert_eq!(registry.with(|state| state.table_reads), before + 1);
}

#[tokio::test]
async fn one_flipped_byte_is_refused_and_the_old_version_keeps_serving() {
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let folder = tempfile::tempdir().unwrap();
    let replica = TestReplica::start(&listening.address, folder.path().into()).await;
    let (first, second, other) = (version("churn", 1), version("churn", 2), version("fraud", 3));
    registry.promote(&first);
    registry.until_served(1).await;

    registry.store(&second);
    registry.damage(model_file(&second));
    let refused = replica.prepare(&second).await.unwrap_err();
    assert_eq!((refused.code(), reason_of(&refused).as_deref()), (Code::FailedPrecondition, Some("BUNDLE_DAMAGED")));

    // An intact model beside it does not move either: a generation is whole.
    registry.promote(&other);
    registry.until_served(2).await;
    registry.with(|state| {
        state.entries = vec![second.entry.clone()];
        state.generation = 3;
    });
    let refused = replica.reload(3).await.unwrap_err();
    assert_eq!((refused.code(), reason_of(&refused).as_deref()), (Code::FailedPrecondition, Some("BUNDLE_DAMAGED")));
    assert!(refused.message().contains(&model_file(&second).to_string()), "{}", refused.message());
    assert_eq!(replica.predict().await.unwrap().scores, first.scores);
    assert!(replica.predictions().predict(request("fraud")).await.is_ok());
    let damaged = |beat: &str| beat.contains("damaged in the artifact store");
    registry.until("the problem is said", |state| damaged(&state.replicas["r-0"].problem)).await;

    registry.store(&second);
    registry.until_served(3).await;
    assert_eq!(replica.predict().await.unwrap().scores, second.scores);
}

#[tokio::test]
async fn a_prepared_bundle_is_fetched_once_and_served_without_the_artifact_store() {
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let folder = tempfile::tempdir().unwrap();
    let replica = TestReplica::start(&listening.address, folder.path().into()).await;
    let champion = version("churn", 1);
    registry.store(&champion);
    let prepared = futures::future::join_all((0..8).map(|_| replica.prepare(&champion))).await;
    assert!(prepared.into_iter().all(|answer| answer.unwrap().golden_rows == 16));
    let downloads = registry.with(|state| state.downloads.clone());
    assert_eq!(downloads.len(), 4, "{downloads:?}");
    assert!(downloads.values().all(|&times| times == 1), "{downloads:?}");

    registry.with(|state| {
        state.blobs.clear();
        state.entries = vec![champion.entry.clone()];
        state.generation = 1;
    });
    std::fs::remove_dir_all(folder.path()).unwrap();
    assert_eq!(replica.reload(1).await.unwrap(), 1);
    assert_eq!(replica.version().await, 1);
}

#[tokio::test]
async fn a_prepared_bundle_is_forgotten_when_released_or_out_of_time() {
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let champion = version("churn", 1);
    let folder = tempfile::tempdir().unwrap();
    let name = Name::new("r-0").unwrap();
    let mut config = InferenceConfig::new(name, "http://127.0.0.1:7400".to_owned(), folder.path().join("cache"));
    let gone = |refused: Result<pb::PrepareResponse, Status>| refused.unwrap_err().code() == Code::FailedPrecondition;

    let replica = TestReplica::start_with(&listening.address, config.clone()).await;
    registry.store(&champion);
    replica.prepare(&champion).await.unwrap();
    registry.with(|state| state.blobs.clear());
    std::fs::remove_dir_all(&config.cache_dir).unwrap();
    let beats = registry.with(|state| state.beats);
    registry.until("two more beats", |state| state.beats > beats + 1).await;
    assert_eq!(replica.prepare(&champion).await.unwrap().golden_rows, 16, "still loaded");
    replica.control().release(pb::ReleaseRequest { digest: champion.entry.digest.clone() }).await.unwrap();
    assert!(gone(replica.prepare(&champion).await));
    replica.listening.stop().await;

    config.prepared_ttl = Duration::ZERO;
    let replica = TestReplica::start_with(&listening.address, config.clone()).await;
    registry.store(&champion);
    replica.prepare(&champion).await.unwrap();
    registry.with(|state| state.blobs.clear());
    std::fs::remove_dir_all(&config.cache_dir).unwrap();
    assert!(gone(replica.prepare(&champion).await));
}

#[tokio::test]
async fn a_damaged_cached_file_is_fetched_again() {
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let champion = version("churn", 1);
    registry.promote(&champion);
    let folder = tempfile::tempdir().unwrap();
    let replica = TestReplica::start(&listening.address, folder.path().into()).await;
    registry.until_served(1).await;
    replica.listening.stop().await;

    let file = model_file(&champion);
    let path = folder.path().join(file.hex());
    let mut content = std::fs::read(&path).unwrap();
    content[10] ^= 1;
    std::fs::write(&path, content).unwrap();
    let replica = TestReplica::start(&listening.address, folder.path().into()).await;
    registry.until_served(1).await;
    assert_eq!(replica.predict().await.unwrap().scores, champion.scores);
    assert_eq!(registry.with(|state| state.downloads[&file.to_string()]), 2);
    assert_eq!(Digest::of(&std::fs::read(&path).unwrap()), file);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_during_reloads_comes_from_exactly_one_version_and_none_is_lost() {
    // F126
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let champions: Arc<Vec<Champion>> = Arc::new((1..=4).map(|number| version("churn", number)).collect());
    registry.promote(&champions[0]);
    let folder = tempfile::tempdir().unwrap();
    let replica = Arc::new(TestReplica::start(&listening.address, folder.path().into()).await);
    registry.until_served(1).await;

    let (done, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(1)));
    // One row goes the short way, three thousand wait for a thread of their own while generations pass.
    let clients: Vec<_> = [1, 1, 1500, 1500]
        .map(|times| {
            let (replica, champions) = (replica.clone(), champions.clone());
            let (done, acknowledged) = (done.clone(), acknowledged.clone());
            tokio::spawn(async move {
                let (mut answers, mut newest) = (0_u64, 0);
                while !done.load(Ordering::SeqCst) {
                    newest = acknowledged.load(Ordering::SeqCst).max(newest);
                    let answer = replica.predictions().predict(batch("churn", times)).await.unwrap().into_inner();
                    let pedigree = answer.pedigree.unwrap();
                    let champion = &champions[pedigree.version as usize - 1];
                    assert!(answer.scores.chunks(2).all(|scores| scores == champion.scores));
                    assert!(answer.labels.chunks(2).all(|labels| labels == champion.labels));
                    assert_eq!(answer.scores.len(), 2 * times);
                    assert_eq!(pedigree.digest, champion.entry.digest);
                    assert_eq!(pedigree.run_id, champion.entry.run_id);
                    assert!(pedigree.generation >= newest, "went back from {newest} to {}", pedigree.generation);
                    newest = pedigree.generation;
                    answers += 1;
                }
                answers
            })
        })
        .into();
    for turn in 1..=50 {
        let generation = registry.promote(&champions[turn % champions.len()]);
        assert_eq!(replica.reload(generation).await.unwrap(), generation);
        acknowledged.store(generation, Ordering::SeqCst);
    }
    done.store(true, Ordering::SeqCst);
    for client in clients {
        assert!(client.await.unwrap() > 0);
    }
}
