//! Replicas hear of a changed alias at once, and no caller waits for them.

use std::time::{Duration, Instant};

use tokio::{net::TcpListener, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::fixture::{Answer, Bench, Call, FakeReplica, Gate, Refusal, SOON, set_alias, set_traffic, take_lease};

#[tokio::test]
async fn replicas_hear_of_an_alias_and_of_its_traffic_whoever_is_mute() {
    // F125, F140
    let bench = Bench::start().await;
    let replica = FakeReplica::join(&bench, "r1").await;
    // Takes connections and says nothing.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    take_lease(&bench, "r2", &format!("http://{}", mute.local_addr().unwrap())).await;
    bench.register("churn").await;
    let begun = Instant::now();
    bench.alias_service().set_alias(set_alias("churn", "canary", 1)).await.unwrap();
    replica.until_called(Call::Reload(1)).await;
    bench.alias_service().set_traffic(set_traffic("churn", "canary", 100)).await.unwrap();
    replica.until_called(Call::Reload(2)).await;
    assert!(begun.elapsed() < SOON, "nobody waited for the mute one: {:?}", begun.elapsed());

    // What was refused is nothing to hear of.
    assert_eq!(
        Refusal::of(bench.alias_service().set_alias(set_alias("churn", "prod", 1)).await).reason,
        "ALIAS_RESERVED"
    );
    assert_eq!(replica.calls(), [Call::Reload(1), Call::Reload(2)]);

    // Nor does the end wait.
    let ending = CancellationToken::new();
    ending.cancel();
    bench.registry.reconcile(ending).await;
    timeout(SOON / 2, bench.registry.close()).await.unwrap();
}

#[tokio::test]
async fn a_slow_replica_has_one_call_at_a_time_and_hears_the_last_word() {
    let bench = Bench::with_timeouts(SOON, SOON).await;
    let (slow, quick) = (FakeReplica::join(&bench, "r1").await, FakeReplica::join(&bench, "r2").await);
    let gate = Gate::closed();
    slow.on_reload(Answer::Late(gate.clone()));
    bench.register("churn").await;
    for generation in 1..=5 {
        bench.alias_service().set_alias(set_alias("churn", &format!("a{generation}"), 1)).await.unwrap();
        quick.until_called(Call::Reload(generation)).await;
    }
    slow.until_called(Call::Reload(1)).await;
    assert_eq!(slow.calls(), [Call::Reload(1)]);
    gate.open();
    slow.until_called(Call::Reload(5)).await;
    assert_eq!(slow.calls(), [Call::Reload(1), Call::Reload(5)], "whoever has the last one needs none before it");
}

#[tokio::test]
async fn a_replica_that_failed_once_hears_of_the_next_change() {
    let bench = Bench::with_timeouts(SOON, Duration::from_millis(200)).await;
    let replica = FakeReplica::join(&bench, "r1").await;
    bench.register("churn").await;
    for (generation, answer) in [(1, Answer::Refuse("disk full")), (2, Answer::Never), (3, Answer::Accept)] {
        replica.on_reload(answer);
        // Asked again where the call before was still under way.
        bench.alias_service().set_alias(set_alias("churn", &format!("a{generation}"), 1)).await.unwrap();
        replica.until_called(Call::Reload(generation)).await;
    }
}
