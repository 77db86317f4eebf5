//! Reading jobs.

use lineal_kernel::PageRequest;

use super::App;
use crate::domain::{Job, JobFilter, JobId, TrainerError};

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
}
