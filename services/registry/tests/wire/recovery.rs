//! What a process leaves behind when it dies.

use std::collections::BTreeMap;

use lineal_db::DatabaseUrl;
use lineal_kernel::TenantId;
use lineal_proto::lineal::registry::v1 as pb;
use lineal_registry::{
    domain::promotion::{Promotion, PromotionKind, PromotionState, ReloadPolicy},
    store::{PromotionStore, RegistryStore, SqliteStore},
};

use crate::fixture::{Bench, reason};

fn under_way() -> Promotion {
    Promotion {
        promotion_id: "0190".into(),
        kind: PromotionKind::Promote,
        state: PromotionState::Preparing,
        model: "churn".into(),
        slot: String::new(),
        from_number: 1,
        to_number: 2,
        members: Vec::new(),
        generation: 0,
        report_id: "report".into(),
        policy: ReloadPolicy::All,
        actor: "ada".into(),
        reason: "better".into(),
        replicas: Vec::new(),
        refusal: String::new(),
        created_us: 1,
        committed_us: None,
        converged_us: None,
        process: "a process that is gone".into(),
        trigger: None,
        evidence: BTreeMap::new(),
        skipped: Vec::new(),
        prepare_timeout_us: 1,
        under_way: true,
        request_id: "asked-once".into(),
        bake: None,
        card: None,
    }
}

#[tokio::test]
async fn a_promotion_that_a_dead_process_left_is_cancelled_with_an_audit_entry() {
    // F6, F35
    let bench = Bench::start().await;
    bench.crown("churn").await;
    bench.candidate("churn").await;
    let store = SqliteStore::open(&DatabaseUrl::Sqlite(bench.database())).await.unwrap();
    store.begin_promotion(&TenantId::default(), &under_way(), &[]).await.unwrap();
    store.close().await;
    assert_eq!(bench.promotion("0190").await.state(), pb::PromotionState::Preparing);

    let bench = bench.restart().await;
    let cancelled = bench.promotion("0190").await;
    assert_eq!((cancelled.state(), cancelled.generation), (pb::PromotionState::Cancelled, 0));
    assert_eq!(cancelled.refusal, "the registry stopped before the commit");
    let lines = bench.audit().await;
    assert_eq!((lines[0].action.as_str(), lines[0].number, lines[0].done), ("promote", 2, false));
    assert_eq!((lines[0].actor.as_str(), lines[0].model.as_str()), ("service:registry", "churn"));
    assert_eq!((bench.champion("churn").await, bench.generation().await), (1, 1));

    let bench = bench.restart().await;
    assert_eq!(bench.audit().await, lines, "it is cancelled once");
    bench.promote("churn", 2).await.unwrap();
    assert_eq!(reason(bench.promote("churn", 2).await).1, "ALREADY_CHAMPION");
}
