//! Pipelines, and what callers do with their runs.

use async_trait::async_trait;
use lineal_db::StoreError;
use lineal_kernel::{RequestId, Timestamp};

use super::{
    Connection, Store,
    pipeline_rows::{PipelineEventRow, PipelineRow, RunRow, run_columns},
    rows::{corrupt, json, to_json},
};
use crate::{
    domain::{
        Pipeline, PipelineEvent, PipelineId, PipelineRun, PipelineRunFilter, PipelineRunId, PipelineRunState,
        PipelineStep, RunCreation,
    },
    store::{PipelineStore, Result},
};

const SAVE: &str = "\
     INSERT INTO pipelines (pipeline_id, dataset, graph, actor, create_time) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (pipeline_id) DO NOTHING";

const PIPELINE: &str = "SELECT pipeline_id, graph, actor, create_time FROM pipelines WHERE pipeline_id = $1";

/// The empty text stands for "any".
const PIPELINES: &str = "\
     SELECT pipeline_id, graph, actor, create_time FROM pipelines WHERE ($1 = '' OR dataset = $1) \
     AND (create_time < $2 OR (create_time = $2 AND pipeline_id < $3)) \
     ORDER BY create_time DESC, pipeline_id DESC LIMIT $4";

const INSERT_RUN: &str = "\
     INSERT INTO pipeline_runs (pipeline_run_id, request_id, pipeline_id, state, until_node, sources, max_staleness, actor, \
     create_time, last_sequence) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1)";

const INSERT_STEP: &str = "\
     INSERT INTO pipeline_steps (pipeline_run_id, position, node_id, state, body) VALUES ($1, $2, $3, $4, $5)";

const RUN: &str = concat!("SELECT ", run_columns!(), " FROM pipeline_runs WHERE pipeline_run_id = $1");
const BY_REQUEST: &str = concat!("SELECT ", run_columns!(), " FROM pipeline_runs WHERE request_id = $1");
const STEPS: &str = "SELECT body FROM pipeline_steps WHERE pipeline_run_id = $1 ORDER BY position";

const ACTIVE: &str = "\
     SELECT pipeline_run_id FROM pipeline_runs WHERE pipeline_id = $1 AND state = 'running' AND pipeline_run_id <> $2 \
     ORDER BY pipeline_run_id DESC LIMIT 1";

const RUNS: &str = concat!(
    "SELECT ",
    run_columns!(),
    " FROM pipeline_runs WHERE ($1 = '' OR pipeline_id = $1) AND ($2 = '' OR state = $2) \
     AND ($3 = '' OR pipeline_run_id < $3) ORDER BY pipeline_run_id DESC LIMIT $4"
);

const EVENTS: &str = "\
     SELECT sequence, create_time, actor, state, step, message FROM pipeline_events \
     WHERE pipeline_run_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3";

const ASK: &str = "\
     UPDATE pipeline_runs SET cancel_asked = 1, last_sequence = last_sequence + 1 \
     WHERE pipeline_run_id = $1 AND state = 'running' AND cancel_asked = 0 RETURNING last_sequence";

const RESUME: &str = "\
     UPDATE pipeline_runs SET state = 'running', end_time = NULL, cancel_asked = 0, lease_owner = '', \
     last_sequence = last_sequence + 1 \
     WHERE pipeline_run_id = $1 AND state = $2 AND last_sequence = $3 RETURNING last_sequence";

#[async_trait]
impl PipelineStore for Store {
    async fn save_pipeline(&self, pipeline: &Pipeline) -> Result<Pipeline> {
        let mut tx = self.db.begin().await?;
        sqlx::query(SAVE)
            .bind(pipeline.id.as_str())
            .bind(pipeline.graph.dataset())
            .bind(to_json(&pipeline.graph)?)
            .bind(&pipeline.actor)
            .bind(pipeline.create_time.micros())
            .execute(&mut *tx)
            .await?;
        let row = sqlx::query_as::<_, PipelineRow>(PIPELINE).bind(pipeline.id.as_str()).fetch_one(&mut *tx).await?;
        let known = Pipeline::try_from(row)?;
        if known.graph != pipeline.graph {
            return Err(corrupt("pipeline_id", "two graphs have one hash"));
        }
        tx.commit().await?;
        Ok(known)
    }

    async fn pipeline(&self, id: &PipelineId) -> Result<Option<Pipeline>> {
        let row = sqlx::query_as::<_, PipelineRow>(PIPELINE).bind(id.as_str());
        row.fetch_optional(self.db.reader()).await?.map(Pipeline::try_from).transpose()
    }

    async fn pipelines(
        &self,
        dataset: Option<&str>,
        before: Option<&(Timestamp, PipelineId)>,
        limit: u32,
    ) -> Result<Vec<Pipeline>> {
        let (time, id) = before.map_or((i64::MAX, ""), |(time, id)| (time.micros(), id.as_str()));
        let rows = sqlx::query_as::<_, PipelineRow>(PIPELINES).bind(dataset.unwrap_or("")).bind(time).bind(id);
        let rows = rows.bind(i64::from(limit)).fetch_all(self.db.reader()).await?;
        rows.into_iter().map(Pipeline::try_from).collect()
    }

    async fn create_pipeline_run(&self, run: &PipelineRun, rerun: bool) -> Result<RunCreation> {
        let mut tx = self.db.begin().await?;
        let known = sqlx::query_as::<_, RunRow>(BY_REQUEST).bind(run.request_id.as_str());
        if let Some(row) = known.fetch_optional(&mut *tx).await? {
            let known = complete(&mut tx, row).await?;
            tx.commit().await?;
            return Ok(RunCreation::Run(Box::new(known)));
        }
        if !rerun && let Some(id) = beside(&mut tx, run).await? {
            tx.commit().await?;
            return Ok(RunCreation::Busy(id));
        }
        sqlx::query(INSERT_RUN)
            .bind(run.id.as_str())
            .bind(run.request_id.as_str())
            .bind(run.pipeline.as_str())
            .bind(run.state.as_str())
            .bind(run.until.as_deref().unwrap_or(""))
            .bind(to_json(&run.sources)?)
            .bind(run.max_staleness.map(|time| i64::try_from(time.as_micros()).unwrap_or(i64::MAX)))
            .bind(&run.actor)
            .bind(run.create_time.micros())
            .execute(&mut *tx)
            .await?;
        for (position, step) in run.steps.iter().enumerate() {
            let insert = sqlx::query(INSERT_STEP).bind(run.id.as_str()).bind(position as i64).bind(&step.node);
            insert.bind(step.state.as_str()).bind(to_json(step)?).execute(&mut *tx).await?;
        }
        let event = event(1, run.create_time, &run.actor, run.state, "started");
        append(&mut tx, &run.id, &event).await?;
        tx.commit().await?;
        Ok(RunCreation::Run(Box::new(PipelineRun { last_sequence: 1, ..run.clone() })))
    }

    async fn pipeline_run(&self, id: &PipelineRunId) -> Result<Option<PipelineRun>> {
        let mut tx = self.db.snapshot().await?;
        match sqlx::query_as::<_, RunRow>(RUN).bind(id.as_str()).fetch_optional(&mut *tx).await? {
            Some(row) => complete(&mut tx, row).await.map(Some),
            None => Ok(None),
        }
    }

    async fn pipeline_run_by_request(&self, request_id: &RequestId) -> Result<Option<PipelineRun>> {
        let mut tx = self.db.snapshot().await?;
        match sqlx::query_as::<_, RunRow>(BY_REQUEST).bind(request_id.as_str()).fetch_optional(&mut *tx).await? {
            Some(row) => complete(&mut tx, row).await.map(Some),
            None => Ok(None),
        }
    }

    async fn pipeline_runs(
        &self,
        filter: &PipelineRunFilter,
        before: Option<&PipelineRunId>,
        limit: u32,
    ) -> Result<Vec<PipelineRun>> {
        let mut tx = self.db.snapshot().await?;
        let rows = sqlx::query_as::<_, RunRow>(RUNS)
            .bind(filter.pipeline.as_ref().map_or("", PipelineId::as_str))
            .bind(filter.state.map_or("", PipelineRunState::as_str))
            .bind(before.map_or("", PipelineRunId::as_str))
            .bind(i64::from(limit))
            .fetch_all(&mut *tx)
            .await?;
        let mut runs = Vec::new();
        for row in rows {
            runs.push(complete(&mut tx, row).await?);
        }
        Ok(runs)
    }

    async fn pipeline_events(&self, id: &PipelineRunId, after: u64, limit: u32) -> Result<Vec<PipelineEvent>> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let rows = sqlx::query_as::<_, PipelineEventRow>(EVENTS).bind(id.as_str()).bind(after).bind(i64::from(limit));
        rows.fetch_all(self.db.reader()).await?.into_iter().map(PipelineEvent::try_from).collect()
    }

    async fn cancel_pipeline_run(&self, id: &PipelineRunId, actor: &str, now: Timestamp) -> Result<()> {
        let mut tx = self.db.begin_row().await?;
        let Some(sequence) = sqlx::query_scalar(ASK).bind(id.as_str()).fetch_optional(&mut *tx).await? else {
            return Ok(());
        };
        append(&mut tx, id, &event(sequence, now, actor, PipelineRunState::Running, "asked to cancel")).await?;
        Ok(tx.commit().await?)
    }

    async fn resume_pipeline_run(
        &self,
        run: &PipelineRun,
        steps: &[PipelineStep],
        actor: &str,
        now: Timestamp,
    ) -> Result<Option<PipelineRunId>> {
        let mut tx = self.db.begin().await?;
        if let Some(id) = beside(&mut tx, run).await? {
            tx.commit().await?;
            return Ok(Some(id));
        }
        let update = sqlx::query_scalar(RESUME).bind(run.id.as_str()).bind(run.state.as_str());
        let sequence = update.bind(run.last_sequence as i64).fetch_optional(&mut *tx).await?;
        let sequence = sequence.ok_or(StoreError::Conflict)?;
        for step in steps {
            super::pipeline_runs::write(&mut tx, &run.id, step).await?;
        }
        append(&mut tx, &run.id, &event(sequence, now, actor, PipelineRunState::Running, "resumed")).await?;
        tx.commit().await?;
        Ok(None)
    }
}

/// Another run of the same pipeline that is under way.
async fn beside(tx: &mut Connection, run: &PipelineRun) -> Result<Option<PipelineRunId>> {
    let active = sqlx::query_scalar::<_, String>(ACTIVE).bind(run.pipeline.as_str()).bind(run.id.as_str());
    Ok(active.fetch_optional(tx).await?.map(PipelineRunId::from))
}

/// The run of a row with its steps.
async fn complete(tx: &mut Connection, row: RunRow) -> Result<PipelineRun> {
    let bodies: Vec<String> = sqlx::query_scalar(STEPS).bind(&row.pipeline_run_id).fetch_all(tx).await?;
    let steps = bodies.iter().map(|body| json("body", body)).collect::<Result<_>>()?;
    row.with(steps)
}

const INSERT_EVENT: &str = "\
     INSERT INTO pipeline_events (pipeline_run_id, sequence, create_time, actor, state, step, message) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)";

/// Appends an event whose number the run has just been given in the same transaction.
pub(super) async fn append(tx: &mut Connection, id: &PipelineRunId, event: &PipelineEvent) -> Result<()> {
    sqlx::query(INSERT_EVENT)
        .bind(id.as_str())
        .bind(event.sequence as i64)
        .bind(event.create_time.micros())
        .bind(&event.actor)
        .bind(event.state.as_str())
        .bind(event.step.as_ref().map(to_json).transpose()?)
        .bind(&event.message)
        .execute(tx)
        .await?;
    Ok(())
}

/// An event of the run itself.
pub(super) fn event(
    sequence: i64,
    create_time: Timestamp,
    actor: &str,
    state: PipelineRunState,
    message: &str,
) -> PipelineEvent {
    PipelineEvent {
        sequence: sequence as u64,
        create_time,
        actor: actor.to_owned(),
        state,
        step: None,
        message: message.to_owned(),
    }
}
