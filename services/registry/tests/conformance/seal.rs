//! The seal of the audit against somebody who writes to the database directly, and over a database from before there was one.

use std::path::Path;

use lineal_db::{DatabaseUrl, Postgres, Sqlite};
use lineal_registry::{
    domain::seal::{Break, Fault, Head},
    store,
};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection, migrate, migrate::Migrator};
use tempfile::TempDir;

use crate::fixture::{Store, entry, entry_of, postgres_url, tenant};

/// A database with the means to go around the store.
struct Raw {
    url: DatabaseUrl,
    connection: AnyConnection,
    _folder: TempDir,
}

enum AnyConnection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Raw {
    async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("registry.db");
        let url = DatabaseUrl::Sqlite(file.clone());
        Sqlite::open(&url, &first(&migrate!("./migrations/sqlite"))).await.unwrap().close().await;
        let connection = SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
        Self { url, connection: AnyConnection::Sqlite(connection), _folder: folder }
    }

    async fn postgres() -> Self {
        let url = postgres_url();
        Postgres::open(&url, &first(&migrate!("./migrations/postgres"))).await.unwrap().close().await;
        let DatabaseUrl::Postgres { url: server, schema } = &url else { unreachable!() };
        let mut connection = PgConnection::connect(server).await.unwrap();
        let path = AssertSqlSafe(format!("SET search_path = {schema}"));
        sqlx::query(path).execute(&mut connection).await.unwrap();
        Self { connection: AnyConnection::Postgres(connection), url, _folder: tempfile::tempdir().unwrap() }
    }

    async fn execute(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = AssertSqlSafe(sql.to_owned());
        match &mut self.connection {
            AnyConnection::Sqlite(connection) => sqlx::query(sql).execute(connection).await.map(drop),
            AnyConnection::Postgres(connection) => sqlx::query(sql).execute(connection).await.map(drop),
        }
    }

    async fn run(&mut self, sql: &str) {
        self.execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Takes away what refuses changes.
    async fn unlock(&mut self) {
        let table = if matches!(self.connection, AnyConnection::Postgres(_)) { " ON audit" } else { "" };
        for trigger in ["audit_is_never_changed", "audit_is_never_deleted"] {
            self.run(&format!("DROP TRIGGER {trigger}{table}")).await;
        }
    }

    async fn open(&self) -> Store {
        store::open(&self.url).await.unwrap()
    }

    /// A store with ten entries, unlocked, and a copy of them to restore from.
    async fn filled(&mut self) -> Store {
        let store = self.open().await;
        for i in 1..=10 {
            store.record(&entry_of("promote", &format!("r{i}")).detail(format!("reason {i}"))).await.unwrap();
        }
        self.unlock().await;
        self.run("CREATE TABLE kept AS SELECT * FROM audit").await;
        store
    }

    async fn restore(&mut self) {
        self.run("DELETE FROM audit").await;
        self.run("INSERT INTO audit SELECT * FROM kept").await;
    }
}

/// The schema of the first release alone.
fn first(all: &Migrator) -> Migrator {
    Migrator::with_migrations(all.iter().filter(|migration| migration.version == 1).cloned().collect())
}

/// Reads all entries in small pages.
async fn walk(store: &Store) -> Result<u64, Break> {
    let mut walked = Head::start(tenant().as_str());
    loop {
        let page = store.audit_after(&tenant(), walked.sequence, 4).await.unwrap();
        if page.is_empty() {
            walked.meet(&store.audit_head(&tenant()).await.unwrap())?;
            return Ok(walked.sequence);
        }
        for (sequence, record) in page {
            walked = walked.follow(sequence, record.as_ref())?;
        }
    }
}

fn at(sequence: u64, fault: Fault) -> Result<u64, Break> {
    Err(Break { sequence, fault })
}

async fn entries_are_never_changed_or_deleted(mut raw: Raw) {
    // F31
    let store = raw.open().await;
    store.record(&entry("promote")).await.unwrap();
    let mut statements = vec!["UPDATE audit SET detail = 'other'", "UPDATE audit SET digest = ''", "DELETE FROM audit"];
    if matches!(raw.connection, AnyConnection::Postgres(_)) {
        statements.push("TRUNCATE audit");
    }
    for statement in statements {
        let refused = raw.execute(statement).await.unwrap_err().to_string();
        assert!(refused.contains("audit entries are never"), "{statement}: {refused}");
    }
    assert_eq!(walk(&store).await, Ok(1));
}

async fn a_change_in_any_column_is_found_at_its_entry(mut raw: Raw) {
    // F31
    let store = raw.filled().await;
    for change in [
        "created_us = created_us + 1",
        "actor = 'service:tess'",
        "action = 'demote'",
        "model = 'churn'",
        "slot = 'a=b'",
        "slot = 'no slot'",
        "number = number + 1",
        "number = -1",
        "from_stage = 'staging'",
        "to_stage = 'production'",
        "done = NOT done",
        "detail = 'reason 4'",
        "detail = 'reason 3 '",
        "generation = generation + 1",
        "generation = -1",
        "request_id = 'r33'",
        "request_id = NULL",
        "fingerprint = 'sha256:00'",
        "subject = 'p-1'",
        "digest = 'sha256:00'",
        "digest = ''",
    ] {
        assert_eq!(walk(&store).await, Ok(10));
        raw.run(&format!("UPDATE audit SET {change} WHERE sequence = 3")).await;
        assert_eq!(walk(&store).await, at(3, Fault::Altered), "{change}");
        raw.restore().await;
    }
    raw.run("UPDATE audit SET tenant = 'other' WHERE sequence = 3").await;
    assert_eq!(walk(&store).await, at(3, Fault::Missing));
}

async fn an_entry_that_is_gone_or_elsewhere_is_found(mut raw: Raw) {
    // F31
    let store = raw.filled().await;
    raw.run("DELETE FROM audit WHERE sequence = 3").await;
    assert_eq!(walk(&store).await, at(3, Fault::Missing));
    raw.run("UPDATE audit SET sequence = 3 WHERE sequence = 4").await;
    assert_eq!(walk(&store).await, at(3, Fault::Altered), "the next one in its place");
    raw.restore().await;

    for (from, to) in [(4, 40), (5, 4), (40, 5)] {
        raw.run(&format!("UPDATE audit SET sequence = {to} WHERE sequence = {from}")).await;
    }
    assert_eq!(walk(&store).await, at(4, Fault::Altered), "two changed places");
    raw.restore().await;

    raw.run("DELETE FROM audit WHERE sequence >= 9").await;
    assert_eq!(walk(&store).await, at(9, Fault::Missing), "the last ones");
    store.record(&entry("promote")).await.unwrap();
    assert_eq!(walk(&store).await, at(9, Fault::Missing), "also when others follow");
    raw.run("DELETE FROM audit").await;
    assert_eq!(walk(&store).await, at(1, Fault::Missing), "all");
}

async fn a_head_that_tells_otherwise_is_found(mut raw: Raw) {
    // F31
    let store = raw.filled().await;
    raw.run("UPDATE audit_heads SET digest = 'sha256:00'").await;
    assert_eq!(walk(&store).await, at(10, Fault::Head));
    raw.run("UPDATE audit_heads SET sequence = 7").await;
    assert_eq!(walk(&store).await, at(8, Fault::Head));
    raw.run("DELETE FROM audit_heads").await;
    assert_eq!(walk(&store).await, at(1, Fault::Head));
}

async fn an_audit_of_the_first_schema_is_sealed_when_it_opens(mut raw: Raw) {
    // F31, F162
    let line = |tenant: &str, i: u32| {
        let done = if i.is_multiple_of(3) { "FALSE" } else { "TRUE" };
        let key = if i.is_multiple_of(2) { format!("'r{i}'") } else { "NULL".to_owned() };
        format!(
            "('{tenant}', {i}, {i}, 'ada', 'promote', 'churn', 'a=b', 1, '', '', {done}, 'why', {i}, {key}, '', 'p')"
        )
    };
    let lines: Vec<_> = (1..=450).map(|i| line("default", i)).chain((1..=3).map(|i| line("other", i))).collect();
    raw.run(&format!("INSERT INTO audit VALUES {}", lines.join(", "))).await;

    let store = raw.open().await;
    assert_eq!(walk(&store).await, Ok(450));
    let sealed = store.audit_after(&tenant(), 0, 1000).await.unwrap();
    store.record(&entry("promote")).await.unwrap();
    store.close().await;
    let again = raw.open().await;
    assert_eq!(walk(&again).await, Ok(451));
    let mut kept = again.audit_after(&tenant(), 0, 1000).await.unwrap();
    kept.truncate(450);
    assert_eq!(kept, sealed, "opening again seals nothing again");
    let refused = raw.execute("UPDATE audit SET detail = 'other' WHERE sequence = 3").await;
    assert!(refused.is_err());
}

/// The registry that `tests/data/first` keeps from the first release.
#[tokio::test]
async fn a_registry_of_the_first_release_is_sealed_when_it_opens() {
    // F31, F162
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("registry.db");
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/first/registry.sqlite");
    std::fs::copy(kept, &file).unwrap();
    let store = store::open(&DatabaseUrl::Sqlite(file)).await.unwrap();
    let walked = walk(&store).await.unwrap();
    assert!(walked > 5, "{walked}");
    assert_eq!(store.audit_head(&tenant()).await.unwrap().sequence, walked);
}

macro_rules! on_both {
    ($($case:ident)+) => {
        mod sqlite {
            $(#[tokio::test] async fn $case() { super::$case(super::Raw::sqlite().await).await; })+
        }
        mod postgres {
            $(#[tokio::test] async fn $case() { super::$case(super::Raw::postgres().await).await; })+
        }
    };
}

on_both! {
    entries_are_never_changed_or_deleted
    a_change_in_any_column_is_found_at_its_entry
    an_entry_that_is_gone_or_elsewhere_is_found
    a_head_that_tells_otherwise_is_found
    an_audit_of_the_first_schema_is_sealed_when_it_opens
}
