use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures::future::join_all;
use lineal_db::StoreError;
use lineal_registry::domain::{alias::ServingTable, audit::AuditSearch, promotion::PromotionKind};
use tokio::task::JoinHandle;

use crate::fixture::{Store, carry_out, champion, entry, first_page, intent, model, promote, register_many, tenant};

const WRITERS: u64 = 10;
const MOVES: u64 = 10;

/// Readers that check every serving table they can get until they are told to stop; they return how many they saw.
struct Readers {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<u64>>,
}

impl Readers {
    fn start(store: &Store, check: fn(&ServingTable)) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let read = || {
            let (store, stop) = (store.clone(), stop.clone());
            tokio::spawn(async move {
                let (mut seen, mut generation) = (0, 0);
                while !stop.load(Ordering::SeqCst) {
                    let table = store.serving_table(&tenant()).await.unwrap();
                    assert!(table.generation >= generation, "a generation never goes back");
                    check(&table);
                    generation = table.generation;
                    seen += 1;
                }
                seen
            })
        };
        Self { tasks: (0..3).map(|_| read()).collect(), stop }
    }

    async fn stop(self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        join_all(self.tasks).await.into_iter().map(Result::unwrap).sum()
    }
}

/// Moves the champion of `place` to `to`, whoever it is by then.
async fn insist(store: &Store, place: (&str, &str), to: u64) {
    loop {
        let from = champion(store, place).await;
        let promotion = intent(PromotionKind::Promote, place, from, to);
        match carry_out(store, &promotion).await {
            Ok(_) => return,
            Err(StoreError::Conflict) => {
                let refused = entry("promote").refused("the champion moved");
                store.end_promotion(&tenant(), &promotion, &refused, &[]).await.unwrap();
            }
            Err(error) => panic!("{error}"),
        }
    }
}

pub(crate) async fn readers_never_see_zero_or_two_champions(store: &Store) {
    // F5: 100 moves by 10 writers at once
    const PLACE: (&str, &str) = ("churn", "");
    register_many(store, "churn", 11).await;
    promote(store, PLACE, 0, 11).await;
    let readers = Readers::start(store, |table| assert_eq!(table.entries.len(), 1, "champions"));
    let writers = (1..=WRITERS).map(|to| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..MOVES {
                insist(&store, PLACE, to).await;
            }
        })
    });
    join_all(writers).await.into_iter().for_each(Result::unwrap);
    assert!(readers.stop().await > 0);

    let moves = WRITERS * MOVES + 1;
    assert_eq!(store.generation(&tenant()).await.unwrap(), moves);
    let reigns = store.reigns(&tenant(), &model("churn"), &crate::fixture::slot("")).await.unwrap();
    let begun: Vec<u64> = reigns.iter().map(|reign| reign.from_generation).collect();
    assert_eq!(begun, (1..=moves).rev().collect::<Vec<_>>(), "one reign per generation");
    assert!(reigns.windows(2).all(|pair| pair[1].to_generation == Some(pair[0].from_generation)), "without a gap");
    assert_eq!(reigns[0].to_generation, None);
    let audit = store.audit(&tenant(), &AuditSearch::default(), &first_page()).await.unwrap().items;
    assert!(audit.windows(2).all(|pair| pair[0].sequence == pair[1].sequence + 1));
}

pub(crate) async fn a_serving_table_belongs_to_its_generation(store: &Store) {
    // F16
    let places = [("churn", "regime=trending"), ("churn", "regime=ranging"), ("fraud", "")];
    register_many(store, "churn", 3).await;
    register_many(store, "fraud", 3).await;
    for place in places {
        promote(store, place, 0, 3).await;
    }
    let readers = Readers::start(store, |table| {
        assert_eq!(table.entries.len(), 3);
        let newest = table.entries.iter().map(|entry| entry.alias.generation).max();
        assert_eq!(newest, Some(table.generation), "the table is of another generation");
        assert!(table.entries.iter().all(|entry| entry.alias.number == entry.version.number));
    });
    let writers = places.map(|place| {
        let store = store.clone();
        tokio::spawn(async move {
            for i in 0..20 {
                insist(&store, place, 1 + i % 2).await;
            }
        })
    });
    join_all(writers).await.into_iter().for_each(Result::unwrap);
    assert!(readers.stop().await > 0);
}
