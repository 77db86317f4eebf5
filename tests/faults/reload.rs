//! Reloads under load: every answer is whole and none is lost, however long or badly a version loads, and however often.

use std::{fs, path::Path};

use lineal_proto::lineal::{
    inference::v1::{GetServingResponse, PrepareRequest, control_service_client::ControlServiceClient},
    registry::v1::ReloadPolicy,
};
use lineal_rpc::{Peer, reason_of};
use tonic::Code;

use crate::{
    databases::Database,
    fleet::{Fleet, RegistryAt},
    load::Load,
    process::{Process, eventually},
    scenario,
};

/// Predictions a second on each of the connections.
const RATE: u32 = 200;
const CONNECTIONS: usize = 4;
/// Answers before and after what is watched.
const STRETCH: u64 = 200;

/// A registry with a trainer and a validator, and one replica.
struct World {
    folder: tempfile::TempDir,
    registry: Process,
    fleet: Fleet,
}

impl World {
    async fn start(more: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let registry = RegistryAt::new(folder.path(), Database::Sqlite).start("127.0.0.1:0", None).await;
        let fleet = Fleet::with(folder.path(), &registry.address, &["one"], more).await;
        Self { folder, registry, fleet }
    }

    fn peer(&self) -> Peer {
        self.registry.peer()
    }

    fn replica(&self) -> &Process {
        &self.fleet.replicas[0]
    }

    async fn candidate(&self, family: &str) -> u64 {
        self.fleet.candidate(&self.peer(), scenario::spec(family)).await
    }

    /// Waits until the replica serves `generation`.
    async fn served(&self, generation: u64) -> GetServingResponse {
        let replica = self.replica().peer();
        eventually("the generation is served", async || {
            Some(scenario::serving(&replica).await).filter(|serving| serving.generation == generation)
        })
        .await
    }

    async fn load(&self, rate: u32) -> Load {
        let load = Load::start((0..CONNECTIONS).map(|_| self.replica().peer()), rate);
        further(&load).await;
        load
    }
}

/// Waits until the load has had so many more answers.
async fn further(load: &Load) {
    let enough = load.answers() + STRETCH;
    eventually("the load goes on", async || (load.answers() >= enough).then_some(())).await;
}

/// Turns one bit of the model file of a bundle in the folder of the artifact store.
fn damage(artifacts: &Path, bundle: &str) {
    let file = |digest: &str| {
        let hex = digest.trim_start_matches("sha256:");
        artifacts.join("sha256").join(&hex[..2]).join(hex)
    };
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(file(bundle)).unwrap()).unwrap();
    let model = file(manifest["files"]["model.json"]["digest"].as_str().unwrap());
    let mut content = fs::read(&model).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs::write(&model, content).unwrap();
}

/// F126, F125
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_that_loads_for_three_seconds_costs_and_mixes_no_answer() {
    let world = World::start(&[("FAILPOINTS", "inference::load=sleep(3000)")]).await;
    let peer = world.peer();
    let first = world.candidate("logistic_regression").await;
    scenario::promote(&peer, first).await.unwrap();
    let second = world.candidate("gradient_boosting").await;

    let load = world.load(RATE).await;
    let before = load.answers();
    // Without a prepare, so that the reload itself loads.
    let promotion = scenario::promote_by(&peer, second, ReloadPolicy::None).await.unwrap();
    let during = load.answers() - before;
    let took = promotion.replicas[0].reload_duration.unwrap();
    assert!(promotion.replicas[0].reloaded && took.seconds >= 3, "{promotion:?}");
    further(&load).await;
    let seen = load.stop().await;
    seen.only(&[first, second]);
    assert!(during > STRETCH, "only {during} answers while the version was loaded");
    println!("{} answers, {during} of them during a reload of {took:?}, 0 errors", seen.answers);
}

/// F126, F39
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_damaged_version_no_caller_sees_anything() {
    let world = World::start(&[]).await;
    let peer = world.peer();
    let first = world.candidate("logistic_regression").await;
    scenario::promote(&peer, first).await.unwrap();
    let second = world.candidate("gradient_boosting").await;
    let damaged = scenario::alias_to(&peer, "candidate", second).await.unwrap();
    world.served(damaged.generation).await;
    // What was whole when it was loaded is so no more, in the store as on the replica's disk.
    let left = scenario::alias_to(&peer, "candidate", first).await.unwrap();
    world.served(left.generation).await;
    fs::remove_dir_all(world.folder.path().join("one")).unwrap();
    damage(&world.folder.path().join("artifacts"), &damaged.digest);

    let load = world.load(RATE).await;
    for policy in [ReloadPolicy::All, ReloadPolicy::None] {
        assert!(scenario::promote_by(&peer, second, policy).await.is_err(), "{policy:?}");
    }
    let prepare = PrepareRequest { model: "churn".to_owned(), version: second, digest: damaged.digest.clone() };
    let refused = ControlServiceClient::new(world.replica().peer()).prepare(prepare).await.unwrap_err();
    assert_eq!((refused.code(), reason_of(&refused).as_deref()), (Code::FailedPrecondition, Some("BUNDLE_DAMAGED")));
    let generation = scenario::alias_to(&peer, "candidate", second).await.unwrap().generation;
    let serving = world.served(generation).await;
    let [champion, candidate] = serving.served.as_slice() else { panic!("{serving:?}") };
    assert_eq!((champion.version, champion.problem.as_str()), (first, ""));
    assert!(candidate.version == second && candidate.problem.contains("damaged"), "{candidate:?}");
    further(&load).await;
    load.stop().await.only(&[first]);
}

/// F126
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_reloads_leave_memory_as_it_was() {
    const WARM_UP: usize = 40;
    const RELOADS: usize = 100;
    const MIB: f64 = 1_048_576.0;
    let world = World::start(&[]).await;
    let peer = world.peer();
    let mut versions = [0; 2];
    for (version, family) in versions.iter_mut().zip(["logistic_regression", "gradient_boosting"]) {
        *version = world.candidate(family).await;
        scenario::promote(&peer, *version).await.unwrap();
    }
    let load = world.load(RATE / 8).await;
    let loads = scenario::serving(&world.replica().peer()).await.loads;
    let mut held = Vec::new();
    for turn in 0..WARM_UP + RELOADS {
        let [to, from] = [versions[turn % 2], versions[1 - turn % 2]];
        let done = scenario::rollback(&peer, to, from).await.unwrap();
        assert!(done.replicas[0].prepared && done.replicas[0].reloaded, "{done:?}");
        if turn + 1 >= WARM_UP && (turn + 1 - WARM_UP).is_multiple_of(10) {
            held.push(world.replica().forget_peak_memory());
        }
    }
    further(&load).await;
    load.stop().await.only(&versions);
    let loaded = scenario::serving(&world.replica().peer()).await.loads - loads;
    assert_eq!(loaded, (WARM_UP + RELOADS) as u64, "every reload has loaded its version anew");
    let (first, most) = (held[0] as f64, *held.iter().max().unwrap() as f64);
    println!("{RELOADS} reloads: {:.1} MiB before, at most {:.1} MiB", first / MIB, most / MIB);
    assert!(most <= 1.1 * first, "{held:?}");
}

/// F139
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shadow_that_panics_is_seen_by_no_caller() {
    let world = World::start(&[("FAILPOINTS", "inference::shadow=20*panic"), ("RUST_BACKTRACE", "0")]).await;
    let peer = world.peer();
    let first = world.candidate("logistic_regression").await;
    scenario::promote(&peer, first).await.unwrap();
    let second = world.candidate("gradient_boosting").await;
    scenario::alias_to(&peer, "shadow", second).await.unwrap();
    let generation = scenario::mirror_to(&peer, "shadow", 1000).await.unwrap().generation;
    world.served(generation).await;
    let replica = world.replica().peer();
    let load = world.load(RATE / 4).await;
    further(&load).await;
    let seen = load.stop().await;
    seen.only(&[first]);
    let shadow = eventually("every copy has come to its end", async || {
        let shadow = scenario::shadows(&replica).await.pop()?;
        let compared: u64 = shadow.agreements.iter().map(|agreement| agreement.requests).sum();
        (shadow.chosen == seen.answers && compared + shadow.failed == seen.answers).then_some(shadow)
    })
    .await;
    assert_eq!((shadow.failed, shadow.dropped), (20, 0), "it goes on after each panic: {shadow:?}");
    let served = scenario::serving(&replica).await.served;
    assert_eq!(served.iter().map(|seat| seat.errors).sum::<u64>(), 0, "{served:?}");
}
