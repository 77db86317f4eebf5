//! Writers of a SQLite file share commits, and nothing else.

#![allow(clippy::unwrap_used, reason = "a case that cannot go on ends its test")]

use std::{path::Path, time::Duration};

use lineal_db::{DatabaseUrl, OpenError, Sqlite, StoreError};
use sqlx::migrate::Migrator;

async fn database(folder: &Path) -> Sqlite {
    let url = DatabaseUrl::Sqlite(folder.join("words.db"));
    let database = Sqlite::open(&url, &Migrator::DEFAULT).await.unwrap();
    let mut write = database.begin().await.unwrap();
    sqlx::query("CREATE TABLE IF NOT EXISTS words (word TEXT PRIMARY KEY)").execute(&mut *write).await.unwrap();
    write.commit().await.unwrap();
    database
}

async fn insert(database: &Sqlite, word: &str) -> Result<(), StoreError> {
    let mut write = database.begin().await?;
    sqlx::query("INSERT INTO words (word) VALUES ($1)").bind(word).execute(&mut *write).await?;
    write.commit().await
}

async fn words(database: &Sqlite) -> Vec<String> {
    sqlx::query_scalar("SELECT word FROM words ORDER BY word").fetch_all(database.reader()).await.unwrap()
}

#[tokio::test]
async fn whoever_is_refused_takes_nobody_along() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(folder.path()).await;
    // Every word three times: one writer of each wins.
    let writers = (0..90).map(|n| {
        let database = database.clone();
        tokio::spawn(async move { insert(&database, &format!("word {:02}", n % 30)).await })
    });
    let mut written = 0;
    for writer in writers.collect::<Vec<_>>() {
        match writer.await.unwrap() {
            Ok(()) => written += 1,
            Err(error) => assert!(matches!(error, StoreError::Conflict), "{error:?}"),
        }
    }
    assert_eq!(written, 30);
    database.close().await;
    let reopened = self::database(folder.path()).await;
    assert_eq!(words(&reopened).await, (0..30).map(|n| format!("word {n:02}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn nobody_is_told_before_the_commit_that_is_shared() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(folder.path()).await;
    let first = database.begin().await.unwrap();
    // It queues before the first one is done, so it goes into the same transaction.
    let queued = tokio::spawn({
        let database = database.clone();
        async move { database.begin().await.unwrap() }
    });
    tokio::task::yield_now().await;
    let mut first = first;
    sqlx::query("INSERT INTO words (word) VALUES ('first')").execute(&mut *first).await.unwrap();
    let told = tokio::spawn(first.commit());
    let mut second = queued.await.unwrap();
    let seen: Vec<String> = sqlx::query_scalar("SELECT word FROM words").fetch_all(&mut *second).await.unwrap();
    assert_eq!(seen, ["first"], "they are not in one transaction");
    assert!(words(&database).await.is_empty(), "it was committed while the other one still worked");
    assert!(!told.is_finished());
    sqlx::query("INSERT INTO words (word) VALUES ('second')").execute(&mut *second).await.unwrap();
    drop(second);
    told.await.unwrap().unwrap();
    assert_eq!(words(&database).await, ["first"]);
}

#[tokio::test]
async fn a_read_after_a_refusal_finds_the_cause() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(folder.path()).await;
    for round in 0..50 {
        let writers = (0..8).map(|_| {
            let database = database.clone();
            tokio::spawn(async move {
                let word = format!("word {round}");
                let refused = insert(&database, &word).await.is_err();
                (refused, words(&database).await.contains(&word))
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            let (refused, found) = writer.await.unwrap();
            assert!(found, "refused: {refused}");
        }
    }
}

#[tokio::test]
async fn a_transaction_that_ended_early_keeps_nothing_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(folder.path()).await;
    let mut first = database.begin().await.unwrap();
    let queued = tokio::spawn({
        let database = database.clone();
        async move { database.begin().await.unwrap() }
    });
    tokio::task::yield_now().await;
    sqlx::query("INSERT INTO words (word) VALUES ('first')").execute(&mut *first).await.unwrap();
    let told = tokio::spawn(first.commit());
    let mut second = queued.await.unwrap();
    // As SQLite does by itself when the disk is full.
    sqlx::query("ROLLBACK").execute(&mut *second).await.unwrap();
    assert!(second.commit().await.is_err());
    assert!(told.await.unwrap().is_err(), "told that it is durable, but it is not");
    insert(&database, "third").await.unwrap();
    assert_eq!(words(&database).await, ["third"]);
}

#[tokio::test]
async fn a_writer_that_gives_up_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(folder.path()).await;
    let held = database.begin().await.unwrap();
    let waiting = tokio::spawn({
        let database = database.clone();
        async move { insert(&database, "gave up").await }
    });
    tokio::task::yield_now().await;
    waiting.abort();
    drop(held);
    tokio::time::timeout(Duration::from_secs(10), insert(&database, "stayed")).await.unwrap().unwrap();
    assert_eq!(words(&database).await, ["stayed"]);
    tokio::time::timeout(Duration::from_secs(10), database.close()).await.unwrap();
}

#[test]
fn a_file_has_one_user_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(folder.path().join("data").join("words.db"));
    let first = url.claim().unwrap();
    let second = url.claim().unwrap_err();
    assert!(second.to_string().contains("words.db is in use by another process"), "{second}");
    assert!(matches!(second, OpenError::InUse { .. }));
    drop(first);
    assert!(url.claim().unwrap().is_some());
}
