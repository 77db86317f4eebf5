//! The port to what is known of datasets.

use async_trait::async_trait;
use lineal_kernel::{Digest, Name, Timestamp};

use super::Result;
use crate::domain::ReportSummary;

/// Splits, expectations and summaries of reports. Rules and expectations are JSON.
#[async_trait]
pub(crate) trait DatasetStore: Send + Sync {
    /// Gives a split its rule unless it has one, and returns the one it has now.
    async fn create_split(
        &self,
        dataset: &Name,
        name: &Name,
        rule: &str,
        actor: &str,
        now: Timestamp,
    ) -> Result<String>;

    /// The rule of a split that was created.
    async fn split(&self, dataset: &str, name: &str) -> Result<Option<String>>;

    /// At most `limit` splits of a dataset with their rules, by name, those after `after` only.
    async fn splits(&self, dataset: &Name, after: &str, limit: u32) -> Result<Vec<(String, String)>>;

    /// Puts expectations in force unless they are already.
    async fn set_expectations(&self, dataset: &Name, body: &str, actor: &str, now: Timestamp) -> Result<()>;

    /// The expectations in force.
    async fn expectations(&self, dataset: &Name) -> Result<Option<String>>;

    /// Keeps the summary of a report.
    async fn add_report(&self, report: &ReportSummary) -> Result<()>;

    /// One summary.
    async fn report(&self, id: &str) -> Result<Option<ReportSummary>>;

    /// The latest summary of a report on this file.
    async fn latest_report(&self, dataset: &Name, source: Digest) -> Result<Option<ReportSummary>>;

    /// At most `limit` summaries of a dataset, newest first, those before `before` only.
    async fn reports(&self, dataset: &Name, before: Option<&str>, limit: u32) -> Result<Vec<ReportSummary>>;
}
