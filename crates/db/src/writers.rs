//! Writers of a SQLite file that share commits. Whoever queues while another one writes goes into the same transaction, each behind a
//! savepoint of its own, and one flush to the disk makes all of them durable. Nobody is told before that flush.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

use sqlx::{SqliteConnection, SqlitePool, pool::PoolConnection};
use tokio::{
    runtime::Handle,
    sync::{Mutex, OwnedMappedMutexGuard, OwnedMutexGuard, oneshot, watch},
    time::timeout,
};

use crate::StoreError;

/// How long a writer queues.
const PATIENCE: Duration = Duration::from_secs(30);

/// The queue. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Writers {
    pool: SqlitePool,
    /// First come, first served.
    turn: Arc<Mutex<Option<Group>>>,
    /// Whether somebody may have been refused because of what is not committed yet.
    refused: watch::Sender<bool>,
}

/// An open transaction with everyone whose change is in it. It is kept by hand: sqlx cannot use a connection again whose transaction
/// SQLite has ended by itself, as it does when the disk is full.
#[derive(Debug)]
struct Group {
    connection: PoolConnection<sqlx::Sqlite>,
    /// The transaction and its savepoints are what they should be; if not, nothing of it can be kept.
    sound: bool,
    last: Part,
    waiting: Vec<oneshot::Sender<Result<(), StoreError>>>,
    /// A task waits for its turn to commit.
    has_end: bool,
}

/// How far the last writer of a group has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// It changes what it has to; if it is gone, it was refused or gave up.
    Working,
    /// Its change is part of the group.
    Done,
}

impl Writers {
    /// `pool` is of one connection that can write. Readers that wait at `refused` see what a refusal before them saw.
    pub(crate) fn new(pool: SqlitePool, refused: watch::Sender<bool>) -> Self {
        Self { pool, turn: Arc::default(), refused }
    }

    /// Waits for its turn, and joins the open transaction or begins one.
    pub(crate) async fn begin(&self) -> Result<Write, StoreError> {
        let turn = timeout(PATIENCE, Arc::clone(&self.turn).lock_owned()).await;
        let mut turn = turn.map_err(|_| StoreError::Busy)?;
        if let Some(group) = &mut *turn {
            group.tidy().await;
        }
        if let Some(group) = turn.take_if(|group| !group.sound) {
            self.end(group).await;
        }
        if turn.is_none() {
            let group = turn.insert(Group::new(self.pool.acquire().await?));
            sqlx::query("BEGIN IMMEDIATE").execute(&mut *group.connection).await?;
            group.sound = true;
        }
        let group = OwnedMutexGuard::try_map(turn, Option::as_mut).map_err(|_| StoreError::Busy)?;
        let mut write = Write { group, writers: self.clone() };
        write.start().await?;
        Ok(write)
    }

    /// Commits once everyone has had a turn who queues now or comes while those have theirs.
    async fn end_in_turn(self) {
        drop(self.turn.lock().await);
        self.end_now().await;
    }

    /// Commits what is open.
    pub(crate) async fn end_now(&self) {
        let mut turn = self.turn.lock().await;
        if let Some(mut group) = turn.take() {
            group.tidy().await;
            self.end(group).await;
        }
    }

    async fn end(&self, mut group: Group) {
        let ended = if group.sound {
            group.run("COMMIT").await
        } else {
            Err(sqlx::Error::Protocol("the transaction ended early".to_owned()))
        };
        if let Err(error) = &ended {
            // Without writers nothing is lost: somebody gave up while the transaction began.
            if !group.waiting.is_empty() {
                tracing::error!(%error, writers = group.waiting.len(), "a commit failed");
            }
            // Whatever is open ends with it.
            group.connection.close_on_drop();
        }
        for writer in group.waiting.drain(..) {
            // Nobody listens where the caller has gone.
            let _ = writer.send(ended.as_ref().copied().map_err(StoreError::shared));
        }
        drop(group);
        self.refused.send_replace(false);
    }
}

impl Group {
    fn new(connection: PoolConnection<sqlx::Sqlite>) -> Self {
        Self { connection, sound: false, last: Part::Done, waiting: Vec::new(), has_end: false }
    }

    async fn run(&mut self, statement: &'static str) -> sqlx::Result<()> {
        sqlx::query(statement).execute(&mut *self.connection).await?;
        Ok(())
    }

    /// Takes out what a writer left who did not finish.
    async fn tidy(&mut self) {
        if self.last == Part::Working {
            self.mark("ROLLBACK TO writer").await;
            self.mark("RELEASE writer").await;
            self.last = Part::Done;
        }
    }

    /// Outside of a transaction, which some errors of SQLite end, these fail too.
    async fn mark(&mut self, statement: &'static str) {
        if let Err(error) = self.run(statement).await {
            tracing::error!(%error, statement, "the transaction is lost");
            self.sound = false;
        }
    }
}

/// A change in the making, which sees those before it. Dropped without [`commit`](Self::commit) it never was.
#[derive(Debug)]
pub struct Write {
    group: OwnedMappedMutexGuard<Option<Group>, Group>,
    writers: Writers,
}

impl Write {
    async fn start(&mut self) -> Result<(), StoreError> {
        self.group.run("SAVEPOINT writer").await?;
        self.group.last = Part::Working;
        Ok(())
    }

    /// Makes the change durable. Given up half-way, it may have happened.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        // From here on its change stays, with or without its savepoint.
        self.group.last = Part::Done;
        self.group.mark("RELEASE writer").await;
        let (tell, told) = oneshot::channel();
        self.group.waiting.push(tell);
        drop(self);
        told.await.map_err(|_| StoreError::Busy)?
    }
}

impl Deref for Write {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.group.connection
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.group.connection
    }
}

impl Drop for Write {
    fn drop(&mut self) {
        if self.group.last == Part::Working && !self.group.waiting.is_empty() {
            self.writers.refused.send_replace(true);
        }
        // Without a runtime the process is at its end, and nothing that was acknowledged is open.
        if !self.group.has_end
            && let Ok(runtime) = Handle::try_current()
        {
            self.group.has_end = true;
            runtime.spawn(self.writers.clone().end_in_turn());
        }
    }
}
