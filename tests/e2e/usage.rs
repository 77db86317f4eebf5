//! What three replicas did, as the registry sums it up.

use std::path::Path;

use lineal_proto::lineal::{inference::v1::Served, registry::v1 as registry};
use lineal_rpc::Peer;
use tokio::task::JoinSet;

use crate::{
    process::{Process, eventually},
    scenario,
};

fn replica(folder: &Path, at: &str, name: &str) -> Process {
    let cache = folder.join(name).display().to_string();
    let own = [
        ("LINEAL__PEERS__REGISTRY", at),
        ("LINEAL__INFERENCE__REPLICA", name),
        ("LINEAL__INFERENCE__CACHE_DIR", cache.as_str()),
    ];
    Process::spawn(&["serve", "--roles", "inference", "--data-dir", &folder.display().to_string()], &own)
}

/// Asks so often at once; so many of the requests lack a column.
async fn ask(peer: &Peer, requests: u64, bad: u64) {
    let mut asked = JoinSet::new();
    for i in 0..requests {
        let peer = peer.clone();
        asked.spawn(async move {
            if i >= bad {
                return scenario::predict(&peer).await.is_ok();
            }
            let mut request = scenario::customer();
            request.columns.pop();
            let mut predictions =
                lineal_proto::lineal::inference::v1::prediction_service_client::PredictionServiceClient::new(peer);
            predictions.predict(request).await.is_err()
        });
    }
    assert!(asked.join_all().await.into_iter().all(|expected| expected));
}

async fn usage(peer: &Peer, number: u64) -> registry::Usage {
    let mut client = registry::usage_service_client::UsageServiceClient::new(peer.clone());
    let request = registry::GetUsageRequest { model: "churn".to_owned(), number };
    client.get_usage(request).await.unwrap().into_inner().usage.unwrap()
}

/// What a replica says of the one version that it serves.
async fn own(peer: &Peer) -> Served {
    scenario::serving(peer).await.served.into_iter().next().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_requests_over_three_replicas_are_counted_exactly() {
    // F23, F24, F134
    let folder = tempfile::tempdir().unwrap();
    let lineal = Process::dev(folder.path(), &[]).await;
    let hub = lineal.peer();
    let number = scenario::champion(&hub, "logistic_regression").await;
    let (one, two) = (replica(folder.path(), &lineal.address, "one"), replica(folder.path(), &lineal.address, "two"));
    one.ready().await;
    two.ready().await;

    ask(&hub, 300, 2).await;
    ask(&one.peer(), 200, 1).await;
    // The first process of this replica ends here; its last counts come with the end.
    let gone = own(&one.peer()).await;
    assert!(one.stop().await.success());
    let one = replica(folder.path(), &lineal.address, "one");
    one.ready().await;
    ask(&one.peer(), 150, 1).await;
    ask(&two.peer(), 350, 3).await;

    let exact = eventually("every request is counted", async || {
        let usage = usage(&hub, number).await;
        (usage.requests >= 1000).then_some(usage)
    })
    .await;
    assert_eq!((exact.requests, exact.errors, exact.rows), (1000, 7, 993));
    let processes = [gone, own(&hub).await, own(&one.peer()).await, own(&two.peer()).await];
    let micros: u64 = processes.iter().map(|served| served.inference_micros).sum();
    assert_eq!(processes.iter().map(|served| served.requests).sum::<u64>(), 1000);
    assert_eq!(exact.inference_micros, micros);
    assert!((exact.mean_milliseconds - micros as f64 / 1000.0 / 1000.0).abs() < 1e-9 && micros > 0);
    let seconds = |time: &Option<lineal_proto::pbjson_types::Timestamp>| time.as_ref().map(|time| time.seconds);
    assert!(seconds(&exact.last_use_time) >= seconds(&exact.deploy_time), "{exact:?}");
    assert!(exact.deploy_time.is_some());
}
