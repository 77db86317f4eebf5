//! Models that take too long to load: answered in time, while everything else goes on.

use std::time::Duration;

use crate::fixture::{Champion, FakeRegistry, TestReplica, slow, version};
use lineal_inference::InferenceConfig;
use lineal_kernel::Name;
use lineal_proto::lineal::inference::v1 as pb;
use lineal_rpc::reason_of;
use tonic::{Code, Status};

fn reason(refused: &Result<pb::PrepareResponse, Status>) -> (Code, Option<String>) {
    let status = refused.as_ref().unwrap_err();
    (status.code(), reason_of(status))
}

/// Prepares until no load is over its time any more.
async fn prepare_at_last(replica: &TestReplica, champion: &Champion) -> pb::PrepareResponse {
    loop {
        match replica.prepare(champion).await {
            Ok(prepared) => return prepared,
            Err(status) => {
                let reason = reason_of(&status).unwrap_or_default();
                assert!(["LOADER_BUSY", "LOAD_TIMED_OUT"].contains(&reason.as_str()), "{status}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_takes_too_long_is_refused_and_holds_up_nothing_but_other_loads() {
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let folder = tempfile::tempdir().unwrap();
    let advertise = "http://127.0.0.1:7400".to_owned();
    let mut config = InferenceConfig::new(Name::new("r-0").unwrap(), advertise, folder.path().into());
    let replica = TestReplica::start_with(&listening.address, config.clone()).await;
    let (first, second, slow) = (version("churn", 1), version("churn", 2), slow("churn", 3));
    for champion in [&second, &slow] {
        registry.store(champion);
    }
    registry.promote(&first);
    registry.until_served(1).await;
    // Fetched before the clock matters.
    assert_eq!(replica.prepare(&slow).await.unwrap().golden_rows, 16);
    replica.listening.stop().await;

    config.load_deadline = Duration::from_millis(20);
    let replica = TestReplica::start_with(&listening.address, config).await;
    registry.until_served(1).await;
    // The second caller waits for the same load, and finds it over its time.
    let (one, other) = tokio::join!(replica.prepare(&slow), replica.prepare(&slow));
    let timed_out = (Code::FailedPrecondition, Some("LOAD_TIMED_OUT".to_owned()));
    let busy = (Code::ResourceExhausted, Some("LOADER_BUSY".to_owned()));
    let mut reasons = [reason(&one), reason(&other)];
    reasons.sort_by_key(|(code, _)| *code == busy.0);
    assert_eq!(reasons, [timed_out, busy.clone()]);
    assert_eq!(reason(&replica.prepare(&second).await), busy);
    assert!(replica.ready().await);
    assert_eq!(replica.predict().await.unwrap().scores, first.scores);

    assert_eq!(prepare_at_last(&replica, &second).await.golden_rows, 16);
    assert_eq!(replica.predict().await.unwrap().scores, first.scores);
}
