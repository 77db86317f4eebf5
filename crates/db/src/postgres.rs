//! PostgreSQL: several processes, each write in its turn.

use std::{sync::Arc, time::Duration};

use sqlx::{
    Connection as _, PgPool, Transaction,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{DatabaseUrl, OpenError, StoreError};

/// Writers of one schema take turns by this lock. It keeps sequences without gaps and lets every rule that holds behind
/// SQLite's one writer hold here too.
const TURN: &str = "SELECT pg_advisory_xact_lock(hashtextextended('lineal:' || current_schema(), 0))";

/// A process that is frozen in the middle of a transaction must not hold up the others for longer.
const FROZEN: &str = "10s";

/// A process holds this lock for as long as it lives; whoever can take it knows that the process is gone.
const LIVE: &str = "SELECT pg_advisory_lock(hashtextextended('lineal:process:' || $1, 0))";
const IS_GONE: &str = "SELECT pg_try_advisory_xact_lock(hashtextextended('lineal:process:' || $1, 0))";
/// One process of a schema at a time finishes what others have left.
const RECONCILE: &str =
    "SELECT pg_try_advisory_xact_lock(hashtextextended('lineal:reconcile:' || current_schema(), 0))";

/// One process of a schema at a time has a duty.
const LEAD: &str =
    "SELECT pg_try_advisory_xact_lock(hashtextextended('lineal:duty:' || $1 || ':' || current_schema(), 0))";
const BEGIN: &str = "BEGIN";
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// A connection is used unseen for this long.
const UNUSED: Duration = Duration::from_secs(1);

/// Connections for writers; most of them wait for their turn.
const WRITERS: u32 = 16;
/// Connections for readers: so many for each core that this process may use, within these bounds. Reads that wait here are
/// answered in their order; those that wait in the server share its cores, and some of them wait far longer than others.
const READERS_PER_CORE: usize = 4;
const READERS: std::ops::RangeInclusive<usize> = 4..=16;

/// A schema of a PostgreSQL database. Readers never wait for a connection that a waiting writer holds.
#[derive(Debug, Clone)]
pub struct Postgres {
    read: PgPool,
    write: PgPool,
    process: Arc<str>,
    /// Its one connection holds the lock of this process.
    life: PgPool,
}

impl Postgres {
    /// Connects, creates the schema and brings it up to date. Several processes may do so at once.
    pub async fn open(url: &DatabaseUrl, migrations: &Migrator) -> Result<Self, OpenError> {
        let DatabaseUrl::Postgres { url: address, schema } = url else {
            return Err(OpenError::Unsupported { url: url.to_string() });
        };
        let connect = |source| OpenError::Connect { database: url.to_string(), source };
        let options: PgConnectOptions = address.parse().map_err(connect)?;
        let options = options.options([("search_path", schema)]);
        let pooled = options.clone().options([("idle_in_transaction_session_timeout", FROZEN)]);
        let write = pool(WRITERS).connect_with(pooled.clone()).await.map_err(connect)?;
        let read = pool(readers()).connect_lazy_with(pooled);
        // The name holds nothing but lowercase letters, digits and underscores.
        let create = sqlx::AssertSqlSafe(format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\""));
        match sqlx::query(create).execute(&write).await {
            // Another process was faster between the look and the creation.
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {}
            created => {
                created.map_err(connect)?;
            }
        }
        let migrated = migrations.run(&write).await;
        migrated.map_err(|source| OpenError::Migrate { database: url.to_string(), source })?;
        let process: Arc<str> = uuid::Uuid::now_v7().to_string().into();
        let alive = Arc::clone(&process);
        let life = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(10))
            .idle_timeout(None)
            .max_lifetime(None)
            .after_connect(move |connection, _| {
                let alive = Arc::clone(&alive);
                Box::pin(async move {
                    sqlx::query(LIVE).bind(&*alive).execute(connection).await?;
                    Ok(())
                })
            });
        let life = life.connect_with(options).await.map_err(connect)?;
        Ok(Self { read, write, process, life })
    }

    /// This process among those that share the database.
    pub fn process(&self) -> &str {
        &self.process
    }

    /// Whether a process that used this database is gone.
    pub async fn is_gone(&self, process: &str) -> Result<bool, StoreError> {
        if process == &*self.process {
            return Ok(false);
        }
        // The lock ends with the statement's own transaction.
        Ok(sqlx::query_scalar(IS_GONE).bind(process).fetch_one(&self.read).await?)
    }

    /// The right to finish what other processes have left; it ends with the transaction. `None` while another process has it.
    /// It is asked for on the connection that shows that this process lives, which is made anew here if it was lost.
    pub async fn sole_reconciler(&self) -> Result<Option<Transaction<'static, sqlx::Postgres>>, StoreError> {
        let mut tx = begun(&self.life, BEGIN).await?;
        let ours: bool = sqlx::query_scalar(RECONCILE).fetch_one(&mut *tx).await?;
        Ok(ours.then_some(tx))
    }

    /// Takes on a duty until what is returned is dropped; `None` while another process has it.
    pub async fn lead(&self, duty: &str) -> Result<Option<Transaction<'static, sqlx::Postgres>>, StoreError> {
        let mut tx = begun(&self.write, BEGIN).await?;
        let taken: bool = sqlx::query_scalar(LEAD).bind(duty).fetch_one(&mut *tx).await?;
        Ok(taken.then_some(tx))
    }

    /// For everything that only reads.
    pub fn reader(&self) -> &PgPool {
        &self.read
    }

    /// A transaction that may write: it takes its turn before it reads, so what it decides on cannot change.
    pub async fn begin(&self) -> Result<Transaction<'static, sqlx::Postgres>, StoreError> {
        let mut tx = begun(&self.write, BEGIN).await?;
        sqlx::query(TURN).execute(&mut *tx).await?;
        Ok(tx)
    }

    /// A transaction that writes only rows it locks by writing them first: it waits for the writers of these rows alone.
    pub async fn begin_row(&self) -> Result<Transaction<'static, sqlx::Postgres>, StoreError> {
        begun(&self.write, BEGIN).await
    }

    /// A transaction whose reads all see the same moment.
    pub async fn snapshot(&self) -> Result<Transaction<'static, sqlx::Postgres>, StoreError> {
        begun(&self.read, SNAPSHOT).await
    }

    /// Finishes what is under way and disconnects.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
        self.life.close().await;
    }
}

/// A transaction, begun on a task of its own. A caller who left between the order and its answer would give the connection back within
/// a transaction that the driver does not know of, and whoever got it next would read the past.
async fn begun(pool: &PgPool, statement: &'static str) -> Result<Transaction<'static, sqlx::Postgres>, StoreError> {
    let pool = pool.clone();
    let begun = tokio::spawn(async move { pool.begin_with(statement).await }).await;
    // The task ends without a result when the program does.
    Ok(begun.map_err(|_| StoreError::Busy)??)
}

fn pool(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(10))
        .test_before_acquire(false)
        .before_acquire(|connection, found| {
            Box::pin(async move {
                // To ask whether the server is still there costs as much as a small query.
                if found.idle_for > UNUSED {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
}

fn readers() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let readers = (cores * READERS_PER_CORE).clamp(*READERS.start(), *READERS.end());
    u32::try_from(readers).unwrap_or(u32::MAX)
}
