use std::time::Duration;

use lineal_kernel::{Digest, Timestamp};
use lineal_registry::domain::replica::{Beat, Replica, StandbyReport};

use crate::fixture::{NOW, Store, every, first_page, name, tenant};

fn replica(replica_name: &str) -> Replica {
    Replica {
        name: name(replica_name),
        address: format!("http://{replica_name}:7400"),
        generation: 0,
        problem: String::new(),
        lease_end: after(30),
        created: NOW,
        standbys: Vec::new(),
    }
}

fn after(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

async fn live(store: &Store, now: Timestamp) -> Vec<Replica> {
    store.replicas(&tenant(), now, &first_page()).await.unwrap().items
}

pub(crate) async fn a_lease_is_taken_renewed_and_given_back(store: &Store) {
    let r1 = name("r1");
    let report = StandbyReport {
        digest: Digest::of(b"standby"),
        ready_us: Some(1),
        checked_us: Some(2),
        problem: String::new(),
    };
    let renew = |standbys, now: Timestamp, end: Timestamp| {
        let (r1, beat) = (r1.clone(), Beat { generation: 7, problem: "slow disk".into(), standbys });
        async move { store.renew_lease(&tenant(), &r1, &beat, now, end).await.unwrap() }
    };
    assert!(!renew(None, NOW, after(30)).await, "there is no lease yet");
    store.register_replica(&tenant(), &replica("r1")).await.unwrap();
    assert_eq!(live(store, after(29)).await, [replica("r1")]);
    assert!(live(store, after(30)).await.is_empty(), "a lease ends at its end");

    assert!(renew(Some(vec![report.clone()]), after(10), after(40)).await);
    let renewed = Replica {
        generation: 7,
        problem: "slow disk".into(),
        lease_end: after(40),
        standbys: vec![report],
        ..replica("r1")
    };
    assert_eq!(live(store, after(39)).await, std::slice::from_ref(&renewed));
    assert!(renew(None, after(10), after(40)).await);
    assert_eq!(live(store, after(39)).await, [renewed], "a beat that does not speak of standbys leaves them");
    assert!(!renew(None, after(40), after(70)).await, "an ended lease is not renewed");

    store.register_replica(&tenant(), &Replica { address: "http://new:1".into(), ..replica("r1") }).await.unwrap();
    store.release_lease(&tenant(), &r1, after(5)).await.unwrap();
    assert!(live(store, after(5)).await.is_empty());
    assert!(!renew(None, after(5), after(35)).await, "nor is one that was given back");
    let left = live(store, NOW).await;
    assert_eq!((left[0].address.as_str(), left.len()), ("http://new:1", 1), "it is still remembered");
    assert!(left[0].standbys.is_empty(), "a replica that starts knows nothing of them");
    store.release_lease(&tenant(), &name("unknown"), NOW).await.unwrap();
}

pub(crate) async fn replicas_are_listed_by_name(store: &Store) {
    for i in [3, 1, 4, 0, 2] {
        store.register_replica(&tenant(), &replica(&format!("r{i}"))).await.unwrap();
    }
    for size in [1, 2, 5] {
        let found = every(size, |page| async move { store.replicas(&tenant(), NOW, &page).await }).await;
        let found: Vec<String> = found.into_iter().map(|replica| replica.name.to_string()).collect();
        assert_eq!(found, ["r0", "r1", "r2", "r3", "r4"], "in pages of {size}");
    }
}

pub(crate) async fn answers_renew_leases_and_take_no_generation_back(store: &Store) {
    for replica_name in ["r1", "r2", "r3"] {
        store.register_replica(&tenant(), &Replica { generation: 5, ..replica(replica_name) }).await.unwrap();
    }
    store.release_lease(&tenant(), &name("r3"), NOW).await.unwrap();
    let served = [(name("r1"), 7), (name("r2"), 4), (name("r3"), 7), (name("unknown"), 7)];
    store.renew_leases(&tenant(), &served, after(10), after(40)).await.unwrap();
    let found = live(store, after(39)).await;
    let found: Vec<_> = found.iter().map(|replica| (replica.name.as_str(), replica.generation)).collect();
    assert_eq!(found, [("r1", 7), ("r2", 5)]);
}
