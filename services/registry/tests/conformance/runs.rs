use std::collections::BTreeMap;

use lineal_db::StoreError;
use lineal_kernel::{Digest, RequestId};
use lineal_registry::domain::run::{CreateRun, DatasetReference, LogBatch, Run, RunStatus};

use crate::fixture::{NOW, Store, entry, every, first_page, tenant};

fn run(experiment: &str) -> Run {
    let wish = CreateRun {
        model: "churn".into(),
        name: String::new(),
        experiment: experiment.into(),
        parameters: BTreeMap::from([("trees".into(), "100".into())]),
        tags: BTreeMap::from([("git_sha".into(), "abc".into())]),
        request_id: RequestId::random(),
    };
    wish.open(uuid::Uuid::now_v7().to_string(), NOW)
}

pub(crate) async fn a_run_changes_only_from_what_was_seen(store: &Store) {
    // F32, F33
    let opened = run("weekly");
    store.create_run(&tenant(), &opened, &entry("create_run")).await.unwrap();
    let mut logged = opened.clone();
    let dataset =
        DatasetReference { name: "churn".into(), role: "training".into(), digest: Digest::of(b"data"), rows: 800 };
    let metrics = BTreeMap::from([("auc".into(), 0.1 + 0.2), ("tiny".into(), f64::MIN_POSITIVE)]);
    logged.log(LogBatch { metrics, datasets: vec![dataset], ..LogBatch::default() }).unwrap();
    store.update_run(&tenant(), &logged, &entry("log_batch")).await.unwrap();

    let mut late = opened.clone();
    late.finish(RunStatus::Failed, "out of memory".into(), NOW).unwrap();
    let refused = store.update_run(&tenant(), &late, &entry("finish_run")).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    assert_eq!(store.run(&tenant(), &opened.run_id).await.unwrap(), Some(Run { revision: 2, ..logged }));
    assert_eq!(store.run(&tenant(), "unknown").await.unwrap(), None);
    assert_eq!(store.audit(&tenant(), None, &first_page()).await.unwrap().items.len(), 2);
}

pub(crate) async fn runs_are_listed_newest_first(store: &Store) {
    let mut weekly = Vec::new();
    for i in 0..9 {
        let run = run(if i % 3 == 0 { "monthly" } else { "weekly" });
        store.create_run(&tenant(), &run, &entry("create_run")).await.unwrap();
        if i % 3 != 0 {
            weekly.insert(0, run.run_id);
        }
    }
    for size in [1, 2, 6] {
        let found = every(size, |page| async move { store.runs(&tenant(), Some("weekly"), &page).await }).await;
        let found: Vec<String> = found.into_iter().map(|run| run.run_id).collect();
        assert_eq!(found, weekly, "in pages of {size}");
    }
    assert_eq!(every(4, |page| async move { store.runs(&tenant(), None, &page).await }).await.len(), 9);
}
