//! The trainer's tables. The SQL is written once, with `$N` and without dialect; the drivers differ in the few names that this module
//! takes from its parent.

mod datasets;
mod definitions;
mod feature_sets;
mod imports;
mod jobs;
mod pipeline_rows;
mod pipeline_runs;
mod pipelines;
mod queue;
mod rows;

use async_trait::async_trait;
use lineal_db::{DatabaseUrl, OpenError};
use lineal_kernel::Timestamp;
use sqlx::QueryBuilder;

use super::{Connection, Database, MIGRATIONS, news, notify};
use crate::{
    domain::{JobEvent, JobId, Step},
    store::{Result, TrainerStore},
};

/// SQL that is put together from fixed pieces and bound values.
type Sql = QueryBuilder<<Connection as sqlx::Connection>::Database>;

const INSERT_EVENT: &str = "\
     INSERT INTO job_events (job_id, sequence, create_time, actor, state, step, progress, metrics, message) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

/// Everything the trainer keeps, in one database.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    db: Database,
}

impl Store {
    /// Opens or creates the database and brings its schema up to date.
    pub(crate) async fn open(url: &DatabaseUrl) -> std::result::Result<Self, OpenError> {
        Ok(Self { db: Database::open(url, &MIGRATIONS).await? })
    }
}

#[async_trait]
impl TrainerStore for Store {
    async fn close(&self) {
        self.db.close().await;
    }
}

/// Appends an event whose number the job has just been given in the same transaction.
async fn append(tx: &mut Connection, id: &JobId, event: &JobEvent) -> Result<()> {
    sqlx::query(INSERT_EVENT)
        .bind(id.as_str())
        .bind(event.sequence as i64)
        .bind(event.create_time.micros())
        .bind(&event.actor)
        .bind(event.state.as_str())
        .bind(step_word(event.step))
        .bind(event.progress)
        .bind(rows::to_json(&event.metrics)?)
        .bind(&event.message)
        .execute(&mut *tx)
        .await?;
    notify(tx, &format!("{} {id}", event.state.as_str())).await
}

fn step_word(step: Option<Step>) -> &'static str {
    step.map_or("", Step::as_str)
}

fn micros(moment: Option<Timestamp>) -> Option<i64> {
    moment.map(Timestamp::micros)
}
