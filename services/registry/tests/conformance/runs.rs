use std::collections::BTreeMap;

use lineal_db::StoreError;
use lineal_kernel::{Digest, RequestId};
use lineal_registry::domain::{
    audit::AuditSearch,
    experiment::Stage,
    metric::MetricPoint,
    run::{CreateRun, DatasetReference, LogBatch, Run, RunStatus, Source},
    search::Search,
    tags::TagChange,
};

use crate::fixture::{NOW, Store, entry, every, first_page, tenant};

pub(crate) fn words(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

pub(crate) fn point(key: &str, value: f64, step: i64) -> MetricPoint {
    MetricPoint { key: key.into(), value, step, time: NOW }
}

/// Opens a run.
pub(crate) async fn open(store: &Store, experiment: &str, change: impl FnOnce(&mut CreateRun)) -> Run {
    let mut wish = CreateRun {
        model: "churn".into(),
        name: String::new(),
        experiment: experiment.into(),
        parameters: BTreeMap::new(),
        tags: BTreeMap::new(),
        parent_run_id: String::new(),
        description: String::new(),
        source: Source::default(),
        started: None,
        status: RunStatus::Running,
        request_id: RequestId::random(),
    };
    change(&mut wish);
    let id = || uuid::Uuid::now_v7().to_string();
    let run = wish.open(id(), id(), NOW);
    let experiment_id = store.create_run(&tenant(), &run, &entry("create_run")).await.unwrap();
    Run { experiment_id, ..run }
}

/// Logs to a run as it stands now.
pub(crate) async fn log(store: &Store, run_id: &str, batch: LogBatch) {
    let news = read(store, run_id).await.news(batch).unwrap();
    store.log_batch(&tenant(), &read(store, run_id).await, &news, &entry("log_batch")).await.unwrap();
}

pub(crate) async fn measure(store: &Store, run_id: &str, points: Vec<MetricPoint>) {
    log(store, run_id, LogBatch { points, ..LogBatch::default() }).await;
}

pub(crate) async fn read(store: &Store, run_id: &str) -> Run {
    store.run(&tenant(), run_id).await.unwrap().unwrap()
}

fn dataset(name: &str) -> DatasetReference {
    DatasetReference {
        name: name.into(),
        role: "training".into(),
        digest: Some(Digest::of(b"data")),
        rows: 800,
        foreign_digest: "md5:1".into(),
        source_type: "s3".into(),
        source: "{\"uri\":\"s3://rows\"}".into(),
        schema: "age: long".into(),
        profile: "{}".into(),
        tags: words(&[("context", "training")]),
    }
}

pub(crate) async fn a_run_reads_back_as_it_was_written(store: &Store) {
    // F32, F33, F34
    let parent = open(store, "weekly", |_| {}).await;
    let opened = open(store, "weekly", |wish| {
        wish.parent_run_id.clone_from(&parent.run_id);
        wish.description = "with \"quotes\" and ü".into();
        wish.source =
            Source { name: "train.py".into(), kind: "JOB".into(), entry_point: "main".into(), user: "ana".into() };
        wish.parameters = words(&[("trees", "100"), ("empty", "")]);
        wish.tags = words(&[("git_sha", "abc")]);
        wish.started = Some(lineal_kernel::Timestamp::from_micros(-7));
    })
    .await;
    assert_eq!(read(store, &opened.run_id).await, opened);
    assert_eq!(opened.experiment_id, parent.experiment_id, "one name is one experiment");

    let batch = LogBatch {
        parameters: words(&[("trees", "100"), ("depth", "6")]),
        points: vec![point("auc", 0.1 + 0.2, 0), point("tiny", f64::MIN_POSITIVE, 0), point("huge", f64::MAX, 0)],
        tags: words(&[("git_sha", "def"), ("status", "trained")]),
        datasets: vec![dataset("churn"), dataset("churn"), dataset("more")],
    };
    log(store, &opened.run_id, batch).await;
    let expected = Run {
        parameters: words(&[("trees", "100"), ("depth", "6"), ("empty", "")]),
        metrics: BTreeMap::from([
            ("auc".into(), 0.1 + 0.2),
            ("tiny".into(), f64::MIN_POSITIVE),
            ("huge".into(), f64::MAX),
        ]),
        tags: words(&[("git_sha", "def"), ("status", "trained")]),
        datasets: vec![dataset("churn"), dataset("more")],
        revision: 2,
        ..opened
    };
    assert_eq!(read(store, &expected.run_id).await, expected);
    assert_eq!(store.run(&tenant(), "unknown").await.unwrap(), None);
    assert_eq!(store.audit(&tenant(), &AuditSearch::default(), &first_page()).await.unwrap().items.len(), 3);
}

pub(crate) async fn a_run_changes_only_from_what_was_seen(store: &Store) {
    // F32
    let opened = open(store, "weekly", |_| {}).await;
    let mut ended = opened.clone();
    ended.finish(RunStatus::Failed, "out of memory".into(), NOW).unwrap();
    store.update_run(&tenant(), &ended, &TagChange::default(), &entry("finish_run")).await.unwrap();

    let mut late = opened.clone();
    late.finish(RunStatus::Finished, String::new(), NOW).unwrap();
    let refused = store.update_run(&tenant(), &late, &TagChange::default(), &entry("finish_run")).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    let news = LogBatch { points: vec![point("auc", 1.0, 0)], tags: words(&[("a", "b")]), ..LogBatch::default() };
    let refused = store.log_batch(&tenant(), &opened, &news, &entry("log_batch")).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    assert_eq!(read(store, &opened.run_id).await, Run { revision: 2, ..ended });
    assert_eq!(store.audit(&tenant(), &AuditSearch::default(), &first_page()).await.unwrap().items.len(), 2);
}

pub(crate) async fn a_batch_is_kept_whole_or_not_at_all(store: &Store) {
    let run = open(store, "weekly", |_| {}).await;
    log(store, &run.run_id, LogBatch { parameters: words(&[("trees", "100")]), ..LogBatch::default() }).await;
    let news = LogBatch {
        parameters: words(&[("depth", "6"), ("trees", "200")]),
        points: vec![point("auc", 1.0, 0)],
        tags: words(&[("a", "b")]),
        datasets: vec![dataset("churn")],
    };
    // Decided on before the other writer set `trees`.
    let refused = store.log_batch(&tenant(), &run, &news, &entry("log_batch")).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    let expected = Run { parameters: words(&[("trees", "100")]), ..run };
    assert_eq!(read(store, &expected.run_id).await, expected);
}

pub(crate) async fn concurrent_batches_of_one_run_lose_nothing(store: &Store) {
    let run = open(store, "weekly", |_| {}).await;
    let writers = (0..16).map(|writer: i64| {
        let (store, run) = (store.clone(), run.clone());
        tokio::spawn(async move {
            for round in 0..3 {
                let step = writer * 3 + round;
                let news = LogBatch {
                    parameters: words(&[(&format!("p{step}"), "1")]),
                    points: vec![point("loss", 0.5, step), point(&format!("m{step}"), 1.0, 0)],
                    tags: words(&[(&format!("t{step}"), "1")]),
                    ..LogBatch::default()
                };
                store.log_batch(&tenant(), &run, &news, &entry("log_batch")).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let found = read(store, &run.run_id).await;
    assert_eq!((found.parameters.len(), found.metrics.len(), found.tags.len()), (48, 49, 48));
    let (store, id) = (&store, run.run_id.as_str());
    let history = every(7, |page| async move { store.metric_history(&tenant(), id, "loss", &page).await }).await;
    assert_eq!(history.iter().map(|point| point.step).collect::<Vec<_>>(), (0..48).collect::<Vec<_>>());
}

pub(crate) async fn a_deleted_run_is_kept_and_comes_back(store: &Store) {
    let run = open(store, "weekly", |wish| wish.tags = words(&[("a", "b")])).await;
    let deleted = Run { stage: Stage::Deleted, ..run.clone() };
    store.update_run(&tenant(), &deleted, &TagChange::default(), &entry("delete_run")).await.unwrap();
    let listed = |stage| {
        let search = Search { stage, ..Search::default() };
        async move { store.search_runs(&tenant(), &search, &first_page()).await.unwrap().items }
    };
    assert!(listed(Some(Stage::Active)).await.is_empty());
    let deleted = Run { revision: 2, ..deleted };
    assert_eq!(listed(Some(Stage::Deleted)).await, std::slice::from_ref(&deleted));
    assert_eq!(listed(None).await, std::slice::from_ref(&deleted));
    let restored = Run { stage: Stage::Active, ..deleted };
    store.update_run(&tenant(), &restored, &TagChange::default(), &entry("restore_run")).await.unwrap();
    assert_eq!(listed(Some(Stage::Active)).await, [Run { revision: 3, ..run }]);
}

pub(crate) async fn runs_are_listed_newest_first(store: &Store) {
    let mut weekly = Vec::new();
    for i in 0..9 {
        let run = open(store, if i % 3 == 0 { "monthly" } else { "weekly" }, |_| {}).await;
        if i % 3 != 0 {
            weekly.insert(0, run);
        }
    }
    let search = &Search { experiments: vec![weekly[0].experiment_id.clone()], ..Search::default() };
    for size in [1, 2, 6] {
        let found = every(size, |page| async move { store.search_runs(&tenant(), search, &page).await }).await;
        assert_eq!(found, weekly, "in pages of {size}");
    }
    let all = &Search::default();
    assert_eq!(every(4, |page| async move { store.search_runs(&tenant(), all, &page).await }).await.len(), 9);
}

pub(crate) async fn tags_of_a_finished_run_are_set_and_taken_away(store: &Store) {
    let mut run = open(store, "weekly", |wish| wish.tags = words(&[("a", "1"), ("b", "2"), ("c", "3")])).await;
    run.finish(RunStatus::Finished, String::new(), NOW).unwrap();
    store.update_run(&tenant(), &run, &TagChange::default(), &entry("finish_run")).await.unwrap();
    let run = read(store, &run.run_id).await;
    let tags = TagChange { set: words(&[("b", "5"), ("d", "4")]), removed: vec!["c".into(), "none".into()] };
    store.update_run(&tenant(), &run, &tags, &entry("update_run")).await.unwrap();
    let tags = TagChange { removed: vec!["a".into()], ..tags };
    let late = store.update_run(&tenant(), &run, &tags, &entry("update_run")).await;
    assert!(matches!(late, Err(StoreError::Conflict)), "{late:?}");
    assert_eq!(read(store, &run.run_id).await.tags, words(&[("a", "1"), ("b", "5"), ("d", "4")]));
}
