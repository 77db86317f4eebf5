//! Who was champion when.

use lineal_kernel::Timestamp;
use lineal_registry::domain::{
    history::{Occupant, Vacancy},
    promotion::{Promotion, PromotionKind},
};

use crate::fixture::{NOW, Store, entry, every, intent, model, register_many, slot, tenant};

/// Moves the champion of churn's default slot, `seconds` after the beginning.
async fn carry_out(store: &Store, kind: PromotionKind, (from, to): (u64, u64), seconds: i64) {
    let promotion = Promotion { committed_us: Some(after(seconds).micros()), ..intent(kind, ("churn", ""), from, to) };
    store.begin_promotion(&tenant(), &promotion, &[]).await.unwrap();
    let about = entry(kind.word()).about(&model("churn"), &slot(""), None);
    store.commit_promotion(&tenant(), &promotion, &[about], &[]).await.unwrap();
}

fn after(seconds: i64) -> Timestamp {
    Timestamp::from_micros(NOW.micros() + seconds * 1_000_000)
}

async fn filled(store: &Store) {
    register_many(store, "churn", 2).await;
    carry_out(store, PromotionKind::Promote, (0, 1), 10).await;
    carry_out(store, PromotionKind::Demote, (1, 0), 20).await;
    carry_out(store, PromotionKind::Promote, (0, 2), 30).await;
}

pub(crate) async fn every_moment_has_one_occupant(store: &Store) {
    filled(store).await;
    let at = async |seconds| store.occupant(&tenant(), &model("churn"), &slot(""), after(seconds)).await.unwrap();
    let number = |occupant| match occupant {
        Occupant::Champion(tenure) => tenure.reign.number.get(),
        Occupant::Nobody(_) => 0,
    };
    assert_eq!([number(at(10).await), number(at(19).await), number(at(99).await)], [1, 1, 2]);
    let vacancy = |since, until| Occupant::Nobody(Vacancy { since, until });
    assert_eq!(at(9).await, vacancy(None, Some(after(10))));
    assert_eq!(at(20).await, vacancy(Some(after(20)), Some(after(30))));
    let other = store.occupant(&tenant(), &model("churn"), &slot("regime=flat"), after(15)).await.unwrap();
    assert_eq!(other, vacancy(None, None));
}

pub(crate) async fn reigns_are_listed_latest_first(store: &Store) {
    filled(store).await;
    let (name, place) = (model("churn"), slot(""));
    let tenant = tenant();
    let listed = every(1, |page| {
        let (name, place, tenant) = (name.clone(), place.clone(), tenant.clone());
        async move { store.tenures(&tenant, &name, &place, &page).await }
    });
    let listed = listed.await;
    let seen = listed.iter().map(|tenure| (tenure.reign.number.get(), tenure.begun_by.to_number));
    assert_eq!(seen.collect::<Vec<_>>(), [(2, 2), (1, 1)]);
}
