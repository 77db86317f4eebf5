use lineal_db::StoreError;
use lineal_kernel::{RequestId, Timestamp};
use lineal_registry::domain::experiment::{CreateExperiment, Experiment, Stage};

use crate::{
    fixture::{NOW, Store, entry, every, tenant},
    runs::{open, words},
};

fn experiment(name: &str) -> Experiment {
    let wish = CreateExperiment {
        name: name.into(),
        description: "weekly retraining".into(),
        tags: words(&[("team", "growth")]),
        artifact_location: "s3://runs".into(),
        request_id: RequestId::random(),
    };
    wish.build(uuid::Uuid::now_v7().to_string(), NOW)
}

async fn create(store: &Store, experiment: &Experiment) -> Result<(), StoreError> {
    store.create_experiment(&tenant(), experiment, &entry("create_experiment")).await
}

pub(crate) async fn a_name_is_one_experiment(store: &Store) {
    let made = experiment("weekly");
    create(store, &made).await.unwrap();
    let taken = create(store, &experiment("weekly")).await;
    assert!(matches!(taken, Err(StoreError::Conflict)), "{taken:?}");
    assert_eq!(store.experiment(&tenant(), &made.experiment_id).await.unwrap(), Some(made.clone()));
    assert_eq!(store.experiment_named(&tenant(), "weekly").await.unwrap(), Some(made.clone()));
    assert_eq!(store.experiment_named(&tenant(), "Weekly").await.unwrap(), None);
    assert_eq!(open(store, "weekly", |_| {}).await.experiment_id, made.experiment_id);
    let on_the_way = open(store, "monthly", |_| {}).await.experiment_id;
    assert_eq!(store.experiment(&tenant(), &on_the_way).await.unwrap().unwrap().name, "monthly");
}

pub(crate) async fn an_experiment_changes_only_from_what_was_seen(store: &Store) {
    let made = experiment("weekly");
    create(store, &made).await.unwrap();
    let changed = Experiment {
        description: "other".into(),
        tags: words(&[("team", "risk")]),
        updated: Timestamp::from_micros(7),
        ..made.clone()
    };
    store.update_experiment(&tenant(), &changed, &entry("update_experiment")).await.unwrap();
    let late = store.update_experiment(&tenant(), &made, &entry("update_experiment")).await;
    assert!(matches!(late, Err(StoreError::Conflict)), "{late:?}");
    let found = store.experiment(&tenant(), &made.experiment_id).await.unwrap();
    assert_eq!(found, Some(Experiment { revision: 2, ..changed }));
}

pub(crate) async fn a_deleted_experiment_takes_no_runs(store: &Store) {
    let made = experiment("weekly");
    create(store, &made).await.unwrap();
    let run = open(store, "weekly", |_| {}).await;
    let deleted = Experiment { stage: Stage::Deleted, ..made };
    store.update_experiment(&tenant(), &deleted, &entry("delete_experiment")).await.unwrap();
    let other = lineal_registry::domain::run::Run { run_id: "another".into(), ..run.clone() };
    let refused = store.create_run(&tenant(), &other, &entry("create_run")).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    assert_eq!(store.run(&tenant(), &run.run_id).await.unwrap(), Some(run), "its runs stay");
}

pub(crate) async fn experiments_are_listed_by_name_and_stage(store: &Store) {
    for name in ["b", "B", "a", "ü", "c"] {
        let stage = if name == "c" { Stage::Deleted } else { Stage::Active };
        let made = experiment(name);
        create(store, &made).await.unwrap();
        store.update_experiment(&tenant(), &Experiment { stage, ..made }, &entry("update_experiment")).await.unwrap();
    }
    for (stage, expected) in [
        (None, vec!["B", "a", "b", "c", "ü"]),
        (Some(Stage::Active), vec!["B", "a", "b", "ü"]),
        (Some(Stage::Deleted), vec!["c"]),
    ] {
        for size in [1, 2, 5] {
            let found = every(size, |page| async move { store.experiments(&tenant(), stage, &page).await }).await;
            assert_eq!(found.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), expected, "{stage:?}");
        }
    }
}
