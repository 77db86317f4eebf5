//! What the processes that drive runs do with them. Every write names the generation of its lease.

use std::collections::HashMap;

use async_trait::async_trait;
use lineal_db::StoreError;
use lineal_kernel::{Digest, Timestamp};

use super::{
    Connection, Store, micros,
    pipelines::{append, event},
    rows::{json, to_json},
};
use crate::{
    domain::{PipelineEvent, PipelineRunId, PipelineRunState, PipelineStep, RunLease, StepOutput},
    store::{PipelineRunStore, Result},
};

/// Who causes what the driver does.
const ACTOR: &str = "service:trainer";

const UNDER_WAY: &str = "\
     SELECT pipeline_run_id, lease_owner, lease_gen, lease_until FROM pipeline_runs WHERE state = 'running' \
     AND (lease_until < $1 OR lease_owner <> $2) ORDER BY pipeline_run_id";

const CLAIM: &str = "\
     UPDATE pipeline_runs SET lease_owner = $3, lease_gen = lease_gen + 1, lease_until = $4 \
     WHERE pipeline_run_id = $1 AND lease_gen = $2 AND state = 'running' RETURNING lease_gen";

const KEEP: &str = "\
     UPDATE pipeline_runs SET lease_until = $3 WHERE pipeline_run_id = $1 AND lease_gen = $2 AND state = 'running' \
     RETURNING cancel_asked";

const RELEASE: &str = "UPDATE pipeline_runs SET lease_owner = '' WHERE lease_owner = $1 AND state = 'running'";

const NUMBER: &str = "\
     UPDATE pipeline_runs SET last_sequence = last_sequence + 1, state = $3, end_time = $4 \
     WHERE pipeline_run_id = $1 AND lease_gen = $2 AND state = 'running' RETURNING last_sequence";

const WRITE: &str = "\
     UPDATE pipeline_steps SET state = $3, result_key = $4, end_time = $5, body = $6 \
     WHERE pipeline_run_id = $1 AND node_id = $2";

const RESULT: &str = "\
     SELECT pipeline_run_id, body FROM pipeline_steps WHERE result_key = $1 AND state = 'succeeded' AND end_time >= $2 \
     ORDER BY end_time DESC, pipeline_run_id DESC LIMIT 1";

#[async_trait]
impl PipelineRunStore for Store {
    async fn claim_pipeline_runs(&self, now: Timestamp, until: Timestamp) -> Result<Vec<RunLease>> {
        let process = self.db.process();
        let rows = sqlx::query_as::<_, (String, String, i64, i64)>(UNDER_WAY).bind(now.micros()).bind(process);
        let mut gone: HashMap<String, bool> = HashMap::new();
        let mut claimed = Vec::new();
        for (id, owner, generation, kept_until) in rows.fetch_all(self.db.reader()).await? {
            if kept_until >= now.micros() && !owner.is_empty() {
                let known = gone.get(&owner).copied();
                let is_gone = if let Some(known) = known { known } else { self.db.is_gone(&owner).await? };
                gone.insert(owner, is_gone);
                if !is_gone {
                    continue;
                }
            }
            let mut tx = self.db.begin_row().await?;
            let update = sqlx::query_scalar(CLAIM).bind(&id).bind(generation).bind(process).bind(until.micros());
            let generation = update.fetch_optional(&mut *tx).await?;
            tx.commit().await?;
            claimed.extend(generation.map(|generation| RunLease { id: PipelineRunId::from(id), generation }));
        }
        Ok(claimed)
    }

    async fn keep_pipeline_run(&self, lease: &RunLease, until: Timestamp) -> Result<bool> {
        let mut tx = self.db.begin_row().await?;
        let update = sqlx::query_scalar::<_, i64>(KEEP).bind(lease.id.as_str()).bind(lease.generation);
        let asked = update.bind(until.micros()).fetch_optional(&mut *tx).await?;
        tx.commit().await?;
        asked.map(|asked| asked != 0).ok_or(StoreError::Conflict)
    }

    async fn release_pipeline_runs(&self) -> Result<()> {
        let mut tx = self.db.begin_row().await?;
        sqlx::query(RELEASE).bind(self.db.process()).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    async fn record_pipeline_step(
        &self,
        lease: &RunLease,
        step: &PipelineStep,
        message: &str,
        now: Timestamp,
    ) -> Result<()> {
        let mut tx = self.db.begin_row().await?;
        let state = PipelineRunState::Running;
        let sequence = number(&mut tx, lease, state, None).await?;
        write(&mut tx, &lease.id, step).await?;
        let event = PipelineEvent { step: Some(step.clone()), ..event(sequence, now, ACTOR, state, message) };
        append(&mut tx, &lease.id, &event).await?;
        Ok(tx.commit().await?)
    }

    async fn end_pipeline_run(&self, lease: &RunLease, state: PipelineRunState, now: Timestamp) -> Result<()> {
        let mut tx = self.db.begin_row().await?;
        let sequence = number(&mut tx, lease, state, Some(now)).await?;
        append(&mut tx, &lease.id, &event(sequence, now, ACTOR, state, state.as_str())).await?;
        Ok(tx.commit().await?)
    }

    async fn result_of(&self, key: Digest, since: Timestamp) -> Result<Option<(PipelineRunId, StepOutput)>> {
        let row = sqlx::query_as::<_, (String, String)>(RESULT).bind(key.to_string()).bind(since.micros());
        let Some((id, body)) = row.fetch_optional(self.db.reader()).await? else { return Ok(None) };
        let step: PipelineStep = json("body", &body)?;
        Ok(Some((PipelineRunId::from(id), step.output)))
    }
}

/// The number of the next event of a run under way, which gets this state; `Conflict` if the lease is void.
async fn number(
    tx: &mut Connection,
    lease: &RunLease,
    state: PipelineRunState,
    end_time: Option<Timestamp>,
) -> Result<i64> {
    let update = sqlx::query_scalar(NUMBER).bind(lease.id.as_str()).bind(lease.generation).bind(state.as_str());
    update.bind(micros(end_time)).fetch_optional(tx).await?.ok_or(StoreError::Conflict)
}

/// Writes a step as it is now.
pub(super) async fn write(tx: &mut Connection, id: &PipelineRunId, step: &PipelineStep) -> Result<()> {
    let key = step.key.filter(|_| step.reused_from.is_none());
    sqlx::query(WRITE)
        .bind(id.as_str())
        .bind(&step.node)
        .bind(step.state.as_str())
        .bind(key.map(|key| key.to_string()))
        .bind(micros(step.end_time))
        .bind(to_json(step)?)
        .execute(tx)
        .await?;
    Ok(())
}
