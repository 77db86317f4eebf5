//! SQLite: many readers, one writer at a time.

use std::{sync::Arc, time::Duration};

use sqlx::{
    SqlitePool, Transaction,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use tokio::sync::watch;

use crate::{
    DatabaseUrl, OpenError, StoreError,
    writers::{Write, Writers},
};

/// A SQLite file. Writers queue for one connection instead of losing to each other's locks, and share commits; readers wait for them
/// only after a refusal whose cause is not committed yet.
#[derive(Debug, Clone)]
pub struct Sqlite {
    read: SqlitePool,
    write: SqlitePool,
    writers: Writers,
    process: Arc<str>,
}

impl Sqlite {
    /// Opens or creates the file and brings its schema up to date. An acknowledged write survives a power cut.
    pub async fn open(url: &DatabaseUrl, migrations: &Migrator) -> Result<Self, OpenError> {
        let DatabaseUrl::Sqlite(path) = url else {
            return Err(OpenError::Unsupported { url: url.to_string() });
        };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|source| OpenError::Folder { path: folder.to_owned(), source })?;
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // Each time the rows that wait for their reader are this many, two threads change turns.
            .row_buffer_size(512)
            .busy_timeout(Duration::from_secs(10));
        let connect = |source| OpenError::Connect { database: url.to_string(), source };
        // A file does not go away.
        let pool = |connections: u32| SqlitePoolOptions::new().max_connections(connections).test_before_acquire(false);
        let write = pool(1).acquire_timeout(Duration::from_secs(30)).connect_with(options.clone()).await;
        let write = write.map_err(connect)?;
        migrations.run(&write).await.map_err(|source| OpenError::Migrate { database: url.to_string(), source })?;
        let (refused, _) = watch::channel(false);
        let (first, again) = (refused.clone(), refused.clone());
        let read = pool(4)
            .after_connect(move |_, _| Box::pin(settled(first.subscribe())))
            .before_acquire(move |_, _| {
                let refused = again.subscribe();
                Box::pin(async { settled(refused).await.map(|()| true) })
            })
            .connect_with(options.read_only(true));
        let read = read.await.map_err(connect)?;
        let writers = Writers::new(write.clone(), refused);
        Ok(Self { read, write, writers, process: uuid::Uuid::now_v7().to_string().into() })
    }

    /// This process among those that share the database.
    pub fn process(&self) -> &str {
        &self.process
    }

    /// Whether a process that used this database is gone: one process at a time uses a file.
    #[allow(clippy::unused_async, reason = "other databases have to ask")]
    pub async fn is_gone(&self, process: &str) -> Result<bool, StoreError> {
        Ok(process != &*self.process)
    }

    /// The right to finish what other processes have left: there are no others.
    #[allow(clippy::unused_async, reason = "other databases have to ask")]
    pub async fn sole_reconciler(&self) -> Result<Option<()>, StoreError> {
        Ok(Some(()))
    }

    /// Takes on a duty: one process at a time uses a file, so it is free.
    #[allow(clippy::unused_async, reason = "other databases have to ask")]
    pub async fn lead(&self, _duty: &str) -> Result<Option<()>, StoreError> {
        Ok(Some(()))
    }

    /// For everything that only reads.
    pub fn reader(&self) -> &SqlitePool {
        &self.read
    }

    /// A transaction that may write: it takes its turn before it reads, so what it decides on cannot change. It also sees changes that
    /// are not durable yet: what it read may be told after its own commit only.
    pub async fn begin(&self) -> Result<Write, StoreError> {
        self.writers.begin().await
    }

    /// A transaction that writes only rows it locks by writing them first. Here it takes its turn like any other.
    pub async fn begin_row(&self) -> Result<Write, StoreError> {
        self.begin().await
    }

    /// A transaction whose reads all see the same moment.
    pub async fn snapshot(&self) -> Result<Transaction<'static, sqlx::Sqlite>, StoreError> {
        Ok(self.read.begin().await?)
    }

    /// Finishes what is under way and closes the file.
    pub async fn close(&self) {
        self.writers.end_now().await;
        self.read.close().await;
        self.write.close().await;
    }
}

/// Waits until what someone was refused for is committed: whoever asks why must find it.
async fn settled(mut refused: watch::Receiver<bool>) -> sqlx::Result<()> {
    // A sender that is gone has nothing open.
    let _ = refused.wait_for(|refused| !refused).await;
    Ok(())
}
