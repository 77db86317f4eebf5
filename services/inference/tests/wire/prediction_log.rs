//! A prediction log that cannot keep up: callers do not notice, and what was not written is counted.

use std::{sync::mpsc, time::Duration};

use crate::fixture::{FakeRegistry, TestReplica, version};
use lineal_inference::{InferenceConfig, PredictionLogConfig};
use lineal_kernel::Name;
use lineal_proto::lineal::inference::v1 as pb;
use tokio::runtime::Builder;

/// Rows of [`crate::fixture::request`].
const ROWS: u64 = 2;

async fn until(replica: &TestReplica, what: &str, holds: impl Fn(&pb::PredictionLogState) -> bool) {
    let asking = async {
        loop {
            let serving = replica.control().get_serving(pb::GetServingRequest {}).await.unwrap().into_inner();
            let state = serving.prediction_log.unwrap();
            if holds(&state) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asking).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// F133
#[test]
fn a_full_queue_drops_and_counts_and_no_caller_notices() {
    // Files are written on the one thread for what blocks, which the test can keep busy.
    let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let registry = FakeRegistry::default();
        let listening = registry.listen(0).await;
        let champion = version("churn", 1);
        registry.promote(&champion);
        let folder = tempfile::tempdir().unwrap();
        let mut log = PredictionLogConfig::new(&folder.path().join("log").display().to_string(), 1.0).unwrap();
        log.rotate_bytes = 1;
        log.queue_rows = 2 * ROWS as usize;
        let name = Name::new("r-0").unwrap();
        let config = InferenceConfig::new(name, "http://127.0.0.1:7400".to_owned(), folder.path().join("cache"));
        let config = InferenceConfig { prediction_log: Some(log), ..config };
        let replica = TestReplica::start_with(&listening.address, config).await;
        registry.until_served(1).await;
        replica.predict().await.unwrap();
        until(&replica, "the first answer is written", |state| state.logged_rows == ROWS).await;

        let (release, busy) = mpsc::channel::<()>();
        let blocking = tokio::task::spawn_blocking(move || busy.recv());
        replica.predict().await.unwrap();
        until(&replica, "the second one is taken", |state| state.queued_rows == 0).await;
        for _ in 0..5 {
            assert_eq!(replica.predict().await.unwrap().scores, champion.scores);
        }
        until(&replica, "two wait and three are dropped", |state| {
            (state.queued_rows, state.dropped_rows) == (2 * ROWS, 3 * ROWS)
        })
        .await;
        release.send(()).unwrap();
        blocking.await.unwrap().unwrap();
        until(&replica, "those that waited are written", |state| state.logged_rows == 4 * ROWS).await;
        replica.predict().await.unwrap();
        until(&replica, "there is room again", |state| state.logged_rows == 5 * ROWS).await;
        until(&replica, "nothing else was dropped", |state| state.dropped_rows == 3 * ROWS).await;
    });
}
