//! Whichever call of the store is lost, or the answer to it: the caller is told to try again, and the same request again makes
//! the change once.

use lineal_proto::{lineal::registry::v1 as pb, pbjson_types::Struct};
use tonic::Code;

use crate::{
    comparisons::comparison,
    fixture::{
        Bench, FakeReplica, create_run, create_version, demote, fail_version, promote, record_validation, rollback,
        set_alias,
    },
    unsteady::Loss,
};

/// What was done, newest first, without the keys and moments in which two registries differ.
async fn done(bench: &Bench) -> Vec<(String, String, u64, String, String)> {
    let lines = bench.audit().await.into_iter().filter(|line| line.done);
    lines.map(|line| (line.action, line.model, line.number, line.from_stage, line.to_stage)).collect()
}

/// What stays of a promotion, whenever it is read.
fn moved(promotion: Option<pb::Promotion>) -> Option<(String, u64, u64)> {
    promotion.map(|it| (it.promotion_id, it.generation, it.to_number))
}

/// Loses each call that `$method` makes of the store in turn, until it makes no more. `$request` prepares a registry and says what
/// to ask of it.
macro_rules! steadfast {
    ($service:ident.$method:ident, $request:expr) => {
        steadfast!($service.$method, $request, |answer| answer)
    };
    ($service:ident.$method:ident, $request:expr, |$answer:ident| $same:expr) => {{
        let (steady, _) = Bench::unsteady().await;
        let (mut request, _replica) = $request(&steady).await;
        request.request_id = "once".into();
        steady.$service().$method(request).await.unwrap();
        let expected = done(&steady).await;
        for loss in [Loss::Call, Loss::Answer] {
            for nth in 1..100 {
                let (bench, faults) = Bench::unsteady().await;
                let (mut request, _replica) = $request(&bench).await;
                request.request_id = "once".into();
                faults.arm(nth, loss);
                let first = bench.$service().$method(request.clone()).await;
                let Some(struck) = faults.disarm() else {
                    assert!(nth > 2, "{} asks its store for something", stringify!($method));
                    break;
                };
                let told = format!("{}: {struck} lost its {loss:?}", stringify!($method));
                if let Err(status) = &first {
                    assert_eq!(status.code(), Code::Unavailable, "{told}: {status:?}");
                }
                let again = bench.$service().$method(request.clone()).await.expect(&told);
                let third = bench.$service().$method(request).await.expect(&told);
                let [first, again, third] = [first.ok(), Some(again), Some(third)].map(|answer| {
                    let $answer = answer?.into_inner();
                    Some($same)
                });
                assert!(first.is_none() || first == again, "{told}: {first:?} and {again:?}");
                assert_eq!(third, again, "{told}");
                assert_eq!(done(&bench).await, expected, "{told}");
            }
        }
    }};
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_made_once() {
    steadfast!(model_service.create_model, async |_: &Bench| {
        (pb::CreateModelRequest { name: "churn".into(), ..Default::default() }, ())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_description_changes_once() {
    steadfast!(model_service.update_model, async |bench: &Bench| {
        bench.register("churn").await;
        let description = Some("who leaves".into());
        (pb::UpdateModelRequest { name: "churn".into(), description, ..Default::default() }, ())
    });
    steadfast!(version_service.update_version, async |bench: &Bench| {
        bench.register("churn").await;
        let description = Some("weekly".into());
        (pb::UpdateVersionRequest { model: "churn".into(), number: 1, description, ..Default::default() }, ())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn an_experiment_begins_once() {
    steadfast!(
        experiment_service.create_experiment,
        async |_: &Bench| (pb::CreateExperimentRequest { name: "weekly".into(), ..Default::default() }, ()),
        |answer| answer.experiment.map(|it| (it.name, it.experiment_id))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_logged_once() {
    // A point that is there already is not added again, so a batch needs no key.
    for loss in [Loss::Call, Loss::Answer] {
        for nth in 1..100 {
            let (bench, faults) = Bench::unsteady().await;
            let run = bench.run_service().create_run(create_run("churn")).await.unwrap().into_inner().run.unwrap();
            let timestamp = bench.minute(1, 0.8).time;
            let point = pb::MetricPoint { key: "auc".into(), value: 0.8, step: 1, timestamp };
            let batch = pb::LogBatchRequest { run_id: run.run_id.clone(), points: vec![point], ..Default::default() };
            faults.arm(nth, loss);
            let first = bench.run_service().log_batch(batch.clone()).await;
            let Some(struck) = faults.disarm() else {
                assert!(nth > 1, "a batch asks the store for something");
                break;
            };
            if let Err(status) = first {
                assert_eq!(status.code(), Code::Unavailable, "{struck} lost its {loss:?}: {status:?}");
            }
            bench.run_service().log_batch(batch).await.unwrap();
            let history = pb::GetMetricHistoryRequest { run_id: run.run_id, key: "auc".into(), ..Default::default() };
            let history = bench.run_service().get_metric_history(history).await.unwrap().into_inner();
            assert_eq!(history.points.len(), 1, "{struck} lost its {loss:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_production_tells_is_kept_once() {
    steadfast!(block_service.record_block, async |bench: &Bench| {
        bench.register("churn").await;
        let (stage, body) = (pb::BlockStage::Drift.into(), Some(Struct::default()));
        (pb::RecordBlockRequest { model: "churn".into(), number: 1, stage, body, ..Default::default() }, ())
    });
    steadfast!(performance_service.record_performance, async |bench: &Bench| {
        bench.register("churn").await;
        let points = vec![bench.minute(1, 0.8)];
        (pb::RecordPerformanceRequest { model: "churn".into(), number: 1, points, ..Default::default() }, ())
    });
    steadfast!(
        comparison_service.record_comparison,
        async |bench: &Bench| {
            bench.register("churn").await;
            bench.register("churn").await;
            (comparison("r-1"), ())
        },
        |answer| answer.comparison.map(|it| it.report_id)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_opened_once() {
    steadfast!(run_service.create_run, async |_: &Bench| (create_run("churn"), ()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_fails_once() {
    steadfast!(version_service.fail_version, async |bench: &Bench| {
        bench.register("churn").await;
        (fail_version("churn", 1), ())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_takes_one_number() {
    steadfast!(version_service.create_version, async |bench: &Bench| {
        (create_version("churn", bench.bundle("one").await), ())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_is_kept_once() {
    steadfast!(version_service.record_validation, async |bench: &Bench| {
        bench.register("churn").await;
        (record_validation("churn", 1, 0), ())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_moves_once() {
    steadfast!(alias_service.set_alias, async |bench: &Bench| {
        bench.register("churn").await;
        (set_alias("churn", "candidate", 1), ())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_champion_moves_once() {
    steadfast!(
        promotion_service.promote,
        async |bench: &Bench| {
            let replica = FakeReplica::join(bench, "r-0").await;
            bench.crown("churn").await;
            (promote("churn", bench.candidate("churn").await), replica)
        },
        |answer| moved(answer.promotion)
    );
    steadfast!(
        promotion_service.rollback,
        async |bench: &Bench| {
            let replica = FakeReplica::join(bench, "r-0").await;
            bench.crown("churn").await;
            bench.crown("churn").await;
            (rollback("churn"), replica)
        },
        |answer| moved(answer.promotion)
    );
    steadfast!(
        promotion_service.demote,
        async |bench: &Bench| {
            bench.crown("churn").await;
            (demote("churn"), ())
        },
        |answer| moved(answer.promotion)
    );
}
