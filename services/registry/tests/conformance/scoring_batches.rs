use lineal_db::StoreError;
use lineal_kernel::{Digest, Name, RequestId, Slot};
use lineal_registry::domain::scoring_batch::{Distribution, Previous, Scored, ScoringBatch};

use crate::fixture::{NOW, Store, entry, every, model, number, register_many, tenant};

fn batch(id: &str, slot: &str) -> ScoringBatch {
    ScoringBatch {
        model: model("churn"),
        batch_id: Name::new(id).unwrap(),
        record_id: RequestId::random().as_str().to_owned(),
        slot: Slot::parse(slot).unwrap(),
        number: number(1),
        manifest: Digest::of(id.as_bytes()),
        scored: Scored {
            generation: 3,
            replica: "r-0".into(),
            input: "s3://rows/january.parquet".into(),
            input_digest: Digest::of(b"rows"),
            output: "s3://scores/churn/january".into(),
            rows: 10,
            parts: 2,
            label_counts: [("stays".into(), 9), ("leaves".into(), 1)].into(),
            distribution: Distribution {
                quantiles: vec![(0.0, 0.1), (0.5, 0.1 + 0.2), (1.0, 5e-324)],
                mean: 0.25,
                edges: vec![0.2],
                counts: vec![4, 6],
            },
            previous: Some(Previous { batch_id: "december".into(), counts: vec![5, 5] }),
            started_us: 1,
            finished_us: 2,
        },
        psi: Some(1e-300),
        actor: "service:inference".into(),
        created: NOW,
    }
}

pub(crate) async fn a_batch_is_kept_once_and_reads_back_as_it_was_written(store: &Store) {
    // F132
    register_many(store, "churn", 1).await;
    let made = batch("january", "region=eu");
    let about = entry("record_scoring_batch");
    store.record_scoring_batch(&tenant(), &made, &about).await.unwrap();
    let again = store.record_scoring_batch(&tenant(), &batch("january", ""), &about).await.unwrap_err();
    assert!(matches!(again, StoreError::Conflict), "{again:?}");
    let read = store.scoring_batch(&tenant(), &made.model, &made.batch_id).await.unwrap();
    assert_eq!(read, Some(made));
    let unknown = Name::new("february").unwrap();
    assert_eq!(store.scoring_batch(&tenant(), &model("churn"), &unknown).await.unwrap(), None);
}

pub(crate) async fn batches_are_listed_newest_first_and_by_slot(store: &Store) {
    // F132
    register_many(store, "churn", 1).await;
    for (id, slot) in [("b-1", ""), ("b-2", "region=eu"), ("b-3", "")] {
        store.record_scoring_batch(&tenant(), &batch(id, slot), &entry("record_scoring_batch")).await.unwrap();
    }
    let (eu, none) = (Slot::parse("region=eu").unwrap(), Slot::default());
    let churn = &model("churn");
    for (slot, expected) in [(None, &["b-3", "b-2", "b-1"][..]), (Some(&none), &["b-3", "b-1"]), (Some(&eu), &["b-2"])]
    {
        let list = |page| async move { store.scoring_batches(&tenant(), churn, slot, &page).await };
        let found = every(2, list).await;
        let ids: Vec<&str> = found.iter().map(|batch| batch.batch_id.as_str()).collect();
        assert_eq!(ids, expected, "{slot:?}");
    }
}
