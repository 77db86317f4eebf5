//! Reading jobs.

use lineal_kernel::PageRequest;

use super::App;
use crate::domain::{Attempt, Job, JobFilter, JobId, TrainerError};

impl App {
    /// One job.
    pub(crate) async fn job(&self, id: &JobId) -> Result<Job, TrainerError> {
        self.store.job(id).await?.ok_or_else(|| TrainerError::JobNotFound { job_id: id.clone() })
    }

    /// A page of jobs, newest first, and where the next one begins.
    pub(crate) async fn jobs(
        &self,
        filter: &JobFilter,
        page: &PageRequest,
    ) -> Result<(Vec<Job>, Option<JobId>), TrainerError> {
        let before = page.after.clone().map(JobId::from);
        let mut jobs = self.store.jobs(filter, before.as_ref(), page.size + 1).await?;
        let more = jobs.len() > page.size as usize;
        jobs.truncate(page.size as usize);
        let next = if more { jobs.last().map(|job| job.id.clone()) } else { None };
        Ok((jobs, next))
    }

    /// A page of the job's attempts, in order, and where the next one begins.
    pub(crate) async fn attempts(
        &self,
        id: &JobId,
        page: &PageRequest,
    ) -> Result<(Vec<Attempt>, Option<u64>), TrainerError> {
        self.job(id).await?;
        let after = page.after.as_ref().and_then(|number| number.parse().ok()).unwrap_or(0);
        let mut attempts = self.store.attempts(id, after, page.size + 1).await?;
        let more = attempts.len() > page.size as usize;
        attempts.truncate(page.size as usize);
        let next = if more { attempts.last().map(|attempt| attempt.number) } else { None };
        Ok((attempts, next))
    }
}
