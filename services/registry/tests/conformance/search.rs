use lineal_kernel::Timestamp;
use lineal_registry::domain::{
    experiment::Stage,
    run::{Run, RunStatus},
    search::Search,
    tags::TagChange,
};

use crate::{
    fixture::{NOW, Store, entry, every, tenant},
    runs::{measure, open, point, words},
};

/// Names of the runs that a search finds, in its order, the same in pages of every size.
async fn found(store: &Store, search: &Search) -> Vec<String> {
    let all = store.search_runs(&tenant(), search, &crate::fixture::first_page()).await.unwrap().items;
    if !all.is_empty() {
        for size in [1, 2, 3] {
            let paged = every(size, |page| async move { store.search_runs(&tenant(), search, &page).await }).await;
            let ids = |runs: &[Run]| runs.iter().map(|run| run.run_id.clone()).collect::<Vec<_>>();
            assert_eq!(ids(&paged), ids(&all), "{search:?} in pages of {size}");
        }
    }
    all.into_iter().map(|run| run.name).collect()
}

async fn by_filter(store: &Store, filter: &str) -> String {
    let mut names = found(store, &Search { filter: filter.parse().unwrap(), ..Search::default() }).await;
    names.sort();
    names.join(" ")
}

async fn by_order(store: &Store, order: &str) -> String {
    found(store, &Search { order: order.parse().unwrap(), ..Search::default() }).await.join(" ")
}

/// Runs `a` to `f`, opened in this order: five with an AUC, of which two are not finite, and one without.
async fn filled(store: &Store) -> Vec<Run> {
    let mut runs = Vec::new();
    for (name, auc, family) in [
        ("a", Some(0.7), "forest"),
        ("b", Some(0.9), "boosting"),
        ("c", Some(f64::NAN), "boosting"),
        ("d", Some(0.8), ""),
        ("e", None, "it's"),
        ("f", Some(f64::INFINITY), "forest"),
    ] {
        let run = open(store, "weekly", |wish| {
            wish.name = name.into();
            if !family.is_empty() {
                wish.parameters = words(&[("family", family)]);
                wish.tags = words(&[("kind", family)]);
            }
        })
        .await;
        if let Some(auc) = auc {
            // An earlier point that would win everything does not count.
            measure(store, &run.run_id, vec![point("auc", 1.0, 0), point("auc", auc, 1)]).await;
        }
        runs.push(run);
    }
    runs
}

pub(crate) async fn every_comparison_of_numbers_finds_its_runs(store: &Store) {
    filled(store).await;
    for (filter, expected) in [
        ("metrics.auc = 0.8", "d"),
        ("metrics.auc != 0.8", "a b"),
        ("metrics.auc < 0.8", "a"),
        ("metrics.auc <= 0.8", "a d"),
        ("metrics.auc > 0.8", "b"),
        ("metrics.auc >= 0.8", "b d"),
        ("metrics.auc > -1e300", "a b d"),
        ("metrics.auc > 0.7 and metrics.auc < 0.9", "d"),
        ("metrics.nothing != 1", ""),
    ] {
        assert_eq!(by_filter(store, filter).await, expected, "{filter}");
    }
}

pub(crate) async fn every_comparison_of_texts_finds_its_runs(store: &Store) {
    let runs = filled(store).await;
    let child = open(store, "weekly", |wish| {
        wish.name = "g".into();
        wish.parent_run_id.clone_from(&runs[0].run_id);
        wish.parameters = words(&[("long", &"ü".repeat(300)), ("x' OR 1=1 --", "1")]);
    })
    .await;
    let mut ended = child.clone();
    ended.finish(RunStatus::Failed, String::new(), NOW).unwrap();
    store.update_run(&tenant(), &ended, &TagChange::default(), &entry("finish_run")).await.unwrap();
    for (filter, expected) in [
        ("params.family = 'boosting'", "b c"),
        ("params.family != 'boosting'", "a e f"),
        ("params.family = 'it''s'", "e"),
        ("params.family = 'Boosting'", ""),
        ("params.family = ''' OR 1=1 --'", ""),
        ("params.\"x' OR 1=1 --\" = '1'", "g"),
        ("tags.kind = 'forest'", "a f"),
        ("tags.kind != 'forest'", "b c e"),
        ("tags.family = 'forest'", ""),
        ("name = 'd'", "d"),
        ("name != 'd'", "a b c e f g"),
        ("status = 'failed'", "g"),
        ("status != 'failed' and params.family = 'forest' and metrics.auc > 0.5", "a"),
    ] {
        assert_eq!(by_filter(store, filter).await, expected, "{filter}");
    }
    // F25: nested runs
    assert_eq!(by_filter(store, &format!("parent = '{}'", runs[0].run_id)).await, "g");
    assert_eq!(by_filter(store, &format!("parent != '{}'", runs[0].run_id)).await, "a b c d e f");
    // Past what the index holds.
    assert_eq!(by_filter(store, &format!("params.long = '{}'", "ü".repeat(300))).await, "g");
    assert_eq!(by_filter(store, &format!("params.long = '{}'", "ü".repeat(299))).await, "");
}

pub(crate) async fn every_order_is_whole_in_pages(store: &Store) {
    let runs = filled(store).await;
    for (i, ended) in [(1, 50), (3, 70), (4, 60)] {
        let mut run = runs[i].clone();
        run.finish(RunStatus::Finished, String::new(), Timestamp::from_micros(ended)).unwrap();
        store.update_run(&tenant(), &run, &TagChange::default(), &entry("finish_run")).await.unwrap();
    }
    open(store, "weekly", |wish| {
        wish.name = "old".into();
        wish.started = Some(Timestamp::from_micros(5));
    })
    .await;
    // Among equals and among those without a value the newest id comes first.
    for (order, expected) in [
        ("", "f e d c b a old"),
        ("start_time asc", "old f e d c b a"),
        ("end_time", "b e d old f c a"),
        ("end_time desc", "d e b old f c a"),
        ("metrics.auc desc", "b d a old f e c"),
        ("metrics.auc asc", "a d b old f e c"),
        ("metrics.nothing desc", "old f e d c b a"),
        ("params.family asc", "c b f a e old d"),
        ("params.family desc", "e f a c b old d"),
    ] {
        assert_eq!(by_order(store, order).await, expected, "{order}");
    }
}

pub(crate) async fn experiments_statuses_and_stages_narrow_a_search(store: &Store) {
    let runs = filled(store).await;
    let other = open(store, "monthly", |wish| wish.name = "m".into()).await;
    let mut failed = runs[0].clone();
    failed.finish(RunStatus::Failed, String::new(), NOW).unwrap();
    store.update_run(&tenant(), &failed, &TagChange::default(), &entry("finish_run")).await.unwrap();
    let deleted = Run { stage: Stage::Deleted, ..runs[1].clone() };
    store.update_run(&tenant(), &deleted, &TagChange::default(), &entry("delete_run")).await.unwrap();
    let both = vec![runs[0].experiment_id.clone(), other.experiment_id.clone()];
    for (search, expected) in [
        (Search { experiments: vec![other.experiment_id], ..Search::default() }, "m"),
        (Search { experiments: both, ..Search::default() }, "m f e d c a"),
        (Search { experiments: vec!["unknown".into()], ..Search::default() }, ""),
        (Search { statuses: vec![RunStatus::Failed], ..Search::default() }, "a"),
        (Search { statuses: vec![RunStatus::Failed, RunStatus::Running], ..Search::default() }, "m f e d c a"),
        (Search { stage: Some(Stage::Deleted), ..Search::default() }, "b"),
        (Search { stage: None, ..Search::default() }, "m f e d c b a"),
    ] {
        assert_eq!(found(store, &search).await.join(" "), expected, "{search:?}");
    }
}
