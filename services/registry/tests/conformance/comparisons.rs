use lineal_kernel::{Digest, RequestId};
use lineal_registry::domain::comparison::{Comparison, ComparisonVerdict, Outcome, Pair, TestResult};

use crate::fixture::{NOW, Store, entry, every, model, number, register_many, tenant};

fn comparison(report: &str, candidate: u64, champion: u64) -> Comparison {
    Comparison {
        comparison_id: RequestId::random().as_str().to_owned(),
        model: model("churn"),
        candidate: number(candidate),
        champion: number(champion),
        report_id: report.into(),
        outcome: Outcome {
            slot: "regime=trending".into(),
            reference_digest: Digest::of(b"reference"),
            reference_rows: 500,
            candidate_metrics: [("auc".into(), 0.1 + 0.2)].into(),
            champion_metrics: [("auc".into(), 0.25)].into(),
            metric: "auc".into(),
            test: Some(TestResult { name: "delong".into(), statistic: 1.5, p_value: 1e-300 }),
            verdict: ComparisonVerdict::Better,
        },
        actor: "service:validator".into(),
        created: NOW,
    }
}

pub(crate) async fn a_report_has_one_comparison_which_reads_back_as_it_was_written(store: &Store) {
    // F28
    register_many(store, "churn", 2).await;
    let made = comparison("r-1", 2, 1);
    let about = entry("record_comparison");
    store.record_comparison(&tenant(), &made, &about).await.unwrap();
    store.record_comparison(&tenant(), &comparison("r-1", 2, 1), &about).await.unwrap_err();
    assert_eq!(store.comparison(&tenant(), &made.comparison_id).await.unwrap(), Some(made));
    assert_eq!(store.comparison(&tenant(), "nobody").await.unwrap(), None);
}

pub(crate) async fn comparisons_are_listed_newest_first_and_by_pair(store: &Store) {
    // F28
    register_many(store, "churn", 3).await;
    for (report, candidate, champion) in [("r-1", 2, 1), ("r-2", 3, 1), ("r-3", 3, 2), ("r-4", 3, 1)] {
        let about = entry("record_comparison");
        store.record_comparison(&tenant(), &comparison(report, candidate, champion), &about).await.unwrap();
    }
    let pair = |candidate: u64, champion: u64| Pair {
        candidate: (candidate > 0).then(|| number(candidate)),
        champion: (champion > 0).then(|| number(champion)),
    };
    let churn = &model("churn");
    for (wanted, expected) in [
        (pair(0, 0), &["r-4", "r-3", "r-2", "r-1"][..]),
        (pair(3, 0), &["r-4", "r-3", "r-2"]),
        (pair(3, 1), &["r-4", "r-2"]),
        (pair(0, 2), &["r-3"]),
    ] {
        let list = |page| async move { store.comparisons(&tenant(), churn, wanted, &page).await };
        let found = every(2, list).await;
        let reports: Vec<&str> = found.iter().map(|comparison| comparison.report_id.as_str()).collect();
        assert_eq!(reports, expected, "{wanted:?}");
    }
}
