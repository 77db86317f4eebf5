//! Experiments, runs and metrics as a client sees them.

use std::collections::BTreeMap;

use lineal_proto::{lineal::registry::v1 as pb, pbjson_types::Timestamp};
use tonic::Code;

use crate::fixture::{Bench, Refusal, create_run, labels, reason};

async fn open(bench: &Bench, request: pb::CreateRunRequest) -> pb::Run {
    bench.run_service().create_run(request).await.unwrap().into_inner().run.unwrap()
}

async fn search(bench: &Bench, filter: &str, order_by: &str) -> Vec<String> {
    let request = pb::SearchRunsRequest { filter: filter.into(), order_by: order_by.into(), ..Default::default() };
    let found = bench.run_service().search_runs(request).await.unwrap().into_inner().runs;
    found.into_iter().map(|run| run.name).collect()
}

fn point(key: &str, value: f64, step: i64) -> pb::MetricPoint {
    pb::MetricPoint { key: key.into(), value, step, timestamp: None }
}

#[tokio::test]
async fn bad_fields_of_tracking_are_named() {
    let bench = Bench::start().await;
    let (mut runs, mut experiments) = (bench.run_service(), bench.experiment_service());
    let many = (0..1001).map(|step| point("auc", 0.5, step)).collect();
    let batch = pb::LogBatchRequest { points: many, ..Default::default() };
    assert_eq!(Refusal::of(runs.log_batch(batch).await).fields, ["points"]);
    let late = Timestamp { seconds: i64::MAX, nanos: 0 };
    let points = vec![point("auc", f64::NAN, 0), pb::MetricPoint { timestamp: Some(late), ..point("a\nb", 0.0, 0) }];
    let batch = pb::LogBatchRequest { points, ..Default::default() };
    assert_eq!(Refusal::of(runs.log_batch(batch).await).fields, ["points[1].key", "points[1].timestamp"]);
    let wish = pb::SearchRunsRequest {
        filter: "metrics.auc > 0.8 or name = 'x'".into(),
        order_by: "tags.a".into(),
        statuses: vec![0],
        lifecycle_stage: 9,
        experiment_ids: vec![String::new(); 101],
        page_size: -1,
        ..Default::default()
    };
    let refusal = Refusal::of(runs.search_runs(wish).await);
    let paths = ["experiment_ids", "statuses[0]", "lifecycle_stage", "filter", "order_by", "page_size"];
    assert_eq!(refusal.fields, paths);
    assert!(refusal.message.contains("position 19: expected `and`, found `or`"), "{}", refusal.message);
    let update = pb::UpdateRunRequest { name: Some(String::new()), ..Default::default() };
    assert_eq!(Refusal::of(runs.update_run(update).await).fields, ["name"]);
    assert_eq!(Refusal::of(runs.get_metric_history(pb::GetMetricHistoryRequest::default()).await).fields, ["key"]);
    let experiment = pb::CreateExperimentRequest { name: "x".repeat(501), ..Default::default() };
    assert_eq!(Refusal::of(experiments.create_experiment(experiment).await).fields, ["name"]);
    assert_eq!(
        Refusal::of(experiments.get_experiment(pb::GetExperimentRequest::default()).await).fields,
        ["experiment_id"]
    );
}

#[tokio::test]
async fn concurrent_batches_of_one_run_lose_nothing() {
    let bench = Bench::start().await;
    let run = open(&bench, create_run("churn")).await;
    let writers = (0..20).map(|step| {
        let (mut service, run_id) = (bench.run_service(), run.run_id.clone());
        tokio::spawn(async move {
            let batch = pb::LogBatchRequest {
                run_id,
                parameters: labels(&[("same", "1"), (&format!("p{step}"), "1")]),
                points: vec![point("loss", 1.0, step)],
                metrics: BTreeMap::from([(format!("m{step}"), 1.0)]),
                ..Default::default()
            };
            service.log_batch(batch).await.unwrap()
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let run_id = run.run_id;
    let found = bench.run_service().get_run(pb::GetRunRequest { run_id: run_id.clone() }).await.unwrap();
    let found = found.into_inner().run.unwrap();
    assert_eq!((found.parameters.len(), found.metrics.len()), (22, 21));
    let history = pb::GetMetricHistoryRequest { run_id, key: "loss".into(), ..Default::default() };
    let history = bench.run_service().get_metric_history(history).await.unwrap().into_inner().points;
    assert_eq!(history.iter().map(|point| point.step).collect::<Vec<_>>(), (0..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_metric_that_is_not_finite_is_read_back_and_never_wins() {
    let bench = Bench::start().await;
    for (name, value) in [("a", 0.8), ("b", f64::NAN), ("c", f64::INFINITY), ("d", 0.9)] {
        let run = open(&bench, pb::CreateRunRequest { name: name.into(), ..create_run("churn") }).await;
        let metrics = BTreeMap::from([("auc".into(), value)]);
        let batch = pb::LogBatchRequest { run_id: run.run_id, metrics, ..Default::default() };
        let logged = bench.run_service().log_batch(batch).await.unwrap().into_inner().run.unwrap().metrics["auc"];
        assert!(logged.to_bits() == value.to_bits() || (logged.is_nan() && value.is_nan()), "{logged} is not {value}");
    }
    assert_eq!(search(&bench, "metrics.auc > 0", "metrics.auc desc").await, ["d", "a"]);
    assert_eq!(search(&bench, "", "metrics.auc desc").await, ["d", "a", "c", "b"]);
    assert_eq!(search(&bench, "", "metrics.auc asc").await, ["a", "d", "c", "b"]);
}

#[tokio::test]
async fn a_run_is_nested_described_deleted_and_restored() {
    let bench = Bench::start().await;
    let mut service = bench.run_service();
    let orphan = pb::CreateRunRequest { parent_run_id: "nobody".into(), ..create_run("churn") };
    assert_eq!(reason(service.create_run(orphan).await), (Code::NotFound, "RUN_NOT_FOUND".into()));
    let parent = open(&bench, create_run("churn")).await;
    assert_eq!(parent.experiment, "default");
    let parent_run_id = parent.run_id.clone();
    let child = open(&bench, pb::CreateRunRequest { parent_run_id, name: "child".into(), ..create_run("churn") }).await;
    assert_eq!(search(&bench, &format!("parent = '{}'", parent.run_id), "").await, ["child"]);

    let run_id = || child.run_id.clone();
    let deleted =
        service.delete_run(pb::DeleteRunRequest { run_id: run_id() }).await.unwrap().into_inner().run.unwrap();
    assert_eq!(deleted.lifecycle_stage(), pb::LifecycleStage::Deleted);
    assert!(search(&bench, "name = 'child'", "").await.is_empty());
    let batch = pb::LogBatchRequest { run_id: run_id(), tags: labels(&[("a", "b")]), ..Default::default() };
    assert_eq!(reason(service.log_batch(batch.clone()).await), (Code::FailedPrecondition, "RUN_DELETED".into()));
    let update = pb::UpdateRunRequest { run_id: run_id(), name: Some("fold 1".into()), ..Default::default() };
    assert_eq!(reason(service.update_run(update.clone()).await), (Code::FailedPrecondition, "RUN_DELETED".into()));
    service.restore_run(pb::RestoreRunRequest { run_id: run_id() }).await.unwrap();
    service.log_batch(batch).await.unwrap();
    let found = service.update_run(update).await.unwrap().into_inner().run.unwrap();
    assert_eq!((found.name.as_str(), found.tags), ("fold 1", labels(&[("a", "b")])));
}

#[tokio::test]
async fn an_experiment_lives_by_its_stage() {
    let bench = Bench::start().await;
    let mut service = bench.experiment_service();
    let wish = pb::CreateExperimentRequest { name: "weekly".into(), request_id: "e-1".into(), ..Default::default() };
    let made = service.create_experiment(wish.clone()).await.unwrap().into_inner().experiment.unwrap();
    let again = service.create_experiment(wish.clone()).await.unwrap().into_inner().experiment.unwrap();
    assert_eq!(made, again);
    let taken = service.create_experiment(pb::CreateExperimentRequest { request_id: "e-2".into(), ..wish }).await;
    assert_eq!(reason(taken), (Code::AlreadyExists, "EXPERIMENT_EXISTS".into()));
    let unknown =
        service.get_experiment(pb::GetExperimentRequest { name: "nobody".into(), ..Default::default() }).await;
    assert_eq!(reason(unknown), (Code::NotFound, "EXPERIMENT_NOT_FOUND".into()));

    let experiment_id = || made.experiment_id.clone();
    service.delete_experiment(pb::DeleteExperimentRequest { experiment_id: experiment_id() }).await.unwrap();
    let run = || pb::CreateRunRequest { experiment: "weekly".into(), ..create_run("churn") };
    let refused = bench.run_service().create_run(run()).await;
    assert_eq!(reason(refused), (Code::FailedPrecondition, "EXPERIMENT_DELETED".into()));
    let listed = service.list_experiments(pb::ListExperimentsRequest::default()).await.unwrap().into_inner();
    assert!(listed.experiments.is_empty());
    service.restore_experiment(pb::RestoreExperimentRequest { experiment_id: experiment_id() }).await.unwrap();
    assert_eq!(open(&bench, run()).await.experiment_id, experiment_id());
    let tags = labels(&[("team", "growth")]);
    let update =
        pb::UpdateExperimentRequest { experiment_id: experiment_id(), tags: tags.clone(), ..Default::default() };
    let changed = service.update_experiment(update).await.unwrap().into_inner().experiment.unwrap();
    assert_eq!((changed.lifecycle_stage(), changed.tags), (pb::LifecycleStage::Active, tags));
}
