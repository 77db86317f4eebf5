//! Callers who leave in the middle of a call leave nothing behind.

#![allow(clippy::unwrap_used, reason = "a case that cannot go on ends its test")]

use std::{future::Future, pin::pin, task::Poll};

use lineal_db::{DatabaseUrl, Postgres};
use sqlx::migrate::Migrator;

/// A schema of its own on the server of the tests.
async fn database() -> Postgres {
    #[allow(clippy::disallowed_methods, reason = "the test runner names its server")]
    let server = std::env::var("LINEAL_TEST_POSTGRES").unwrap_or_default();
    assert!(
        !server.is_empty(),
        "LINEAL_TEST_POSTGRES names no server; run `make test`, or tests/with-postgres COMMAND"
    );
    let schema = format!("leavers_{}", uuid::Uuid::now_v7().simple());
    let url = DatabaseUrl::Postgres { url: server, schema };
    let database = Postgres::open(&url, &Migrator::DEFAULT).await.unwrap();
    sqlx::query("CREATE TABLE words (word TEXT)").execute(database.reader()).await.unwrap();
    database
}

/// Asks for `call` so many times, then leaves.
async fn leave<T>(call: impl Future<Output = T>, polls: usize) {
    let mut call = pin!(call);
    for _ in 0..polls {
        let done = std::future::poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_ready())).await;
        if done {
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn write(database: &Postgres) {
    let mut write = database.begin().await.unwrap();
    sqlx::query("INSERT INTO words (word) VALUES ('kept')").execute(&mut *write).await.unwrap();
    write.commit().await.unwrap();
}

async fn count(database: &Postgres) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM words").fetch_one(database.reader()).await.unwrap()
}

#[tokio::test]
async fn whoever_reads_after_a_caller_left_reads_the_present() {
    let database = database().await;
    for round in 0..100 {
        leave(database.snapshot(), round * 10).await;
        assert_eq!(count(&database).await, round as i64);
        write(&database).await;
        assert_eq!(count(&database).await, round as i64 + 1, "in round {round}");
    }
    database.close().await;
}

#[tokio::test]
async fn whoever_writes_after_a_caller_left_takes_the_next_turn() {
    let database = database().await;
    for round in 0..100 {
        leave(database.begin(), round * 10).await;
        write(&database).await;
        assert_eq!(count(&database).await, round as i64 + 1, "in round {round}");
    }
    database.close().await;
}
