//! Changes that need no key, because the same call again says the same: whichever call of the store is lost, or the answer to it, the
//! caller is told to try again, and what stands afterwards is what stands after one call.

use lineal_proto::lineal::registry::v1 as pb;
use tonic::Code;

use crate::{
    fixture::{Bench, FakeReplica, create_run},
    unsteady::Loss,
    usage::counts,
};

/// Loses each call that `$method` makes of the store in turn, until it makes no more. `$request` prepares a registry and says what to
/// ask of it, and `$state` what stands afterwards, without the ids in which two registries differ.
macro_rules! repeatable {
    ($service:ident.$method:ident, $request:expr, $state:expr) => {{
        let (steady, _) = Bench::unsteady().await;
        let request = $request(&steady).await;
        steady.$service().$method(request).await.unwrap();
        let expected = $state(&steady).await;
        for loss in [Loss::Call, Loss::Answer] {
            for nth in 1..100 {
                let (bench, faults) = Bench::unsteady().await;
                let request = $request(&bench).await;
                faults.arm(nth, loss);
                let first = bench.$service().$method(request.clone()).await;
                let Some(struck) = faults.disarm() else {
                    assert!(nth > 1, "{} asks its store for something", stringify!($method));
                    break;
                };
                let told = format!("{}: {struck} lost its {loss:?}", stringify!($method));
                if let Err(status) = &first {
                    assert_eq!(status.code(), Code::Unavailable, "{told}: {status:?}");
                }
                bench.$service().$method(request).await.expect(&told);
                assert_eq!($state(&bench).await, expected, "{told}");
            }
        }
    }};
}

async fn opened(bench: &Bench) -> String {
    bench.run_service().create_run(create_run("churn")).await.unwrap().into_inner().run.unwrap().run_id
}

/// The only run, without its id.
async fn run(bench: &Bench) -> pb::Run {
    let found = bench.run_service().search_runs(pb::SearchRunsRequest::default()).await.unwrap().into_inner();
    let [run] = <[pb::Run; 1]>::try_from(found.runs).unwrap();
    pb::Run { run_id: String::new(), experiment_id: String::new(), ..run }
}

async fn replicas(bench: &Bench) -> Vec<pb::Replica> {
    let request = pb::ListReplicasRequest::default();
    let found = bench.replica_service().list_replicas(request).await.unwrap().into_inner().replicas;
    found.into_iter().map(|replica| pb::Replica { address: String::new(), ..replica }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_changed_and_ended() {
    repeatable!(
        run_service.update_run,
        async |bench: &Bench| {
            let tags = [("team".to_owned(), "growth".to_owned())].into();
            pb::UpdateRunRequest {
                run_id: opened(bench).await,
                name: Some("weekly".into()),
                tags,
                ..Default::default()
            }
        },
        run
    );
    repeatable!(
        run_service.finish_run,
        async |bench: &Bench| {
            let status = pb::RunStatus::Finished.into();
            pb::FinishRunRequest { run_id: opened(bench).await, status, ..Default::default() }
        },
        run
    );
    repeatable!(
        run_service.taint_run,
        async |bench: &Bench| pb::TaintRunRequest { run_id: opened(bench).await, reason: "rows moved".into() },
        run
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_replicas_count_is_counted_once() {
    // F24
    repeatable!(
        usage_service.report_usage,
        async |bench: &Bench| {
            bench.register("churn").await;
            counts(1, 1000, 7)
        },
        async |bench: &Bench| {
            let request = pb::GetUsageRequest { model: "churn".into(), number: 1 };
            bench.usage_service().get_usage(request).await.unwrap().into_inner().usage
        }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_takes_and_keeps_one_lease() {
    repeatable!(
        replica_service.register_replica,
        async |_: &Bench| pb::RegisterReplicaRequest { name: "r-1".into(), address: "http://127.0.0.1:1".into() },
        replicas
    );
    repeatable!(
        replica_service.heartbeat,
        async |bench: &Bench| {
            FakeReplica::join(bench, "r-1").await;
            pb::HeartbeatRequest { name: "r-1".into(), problem: "no disk".into(), ..Default::default() }
        },
        replicas
    );
    repeatable!(
        replica_service.deregister_replica,
        async |bench: &Bench| {
            FakeReplica::join(bench, "r-1").await;
            pb::DeregisterReplicaRequest { name: "r-1".into() }
        },
        replicas
    );
}
