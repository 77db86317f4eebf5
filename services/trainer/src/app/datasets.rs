//! Expectations of datasets, and reports on what their files hold.

use std::{fs::File, io::Seek as _};

use lineal_data::{DataError, DataReport, Expectations, Limit, Sampled, Snapshot, Table};
use lineal_db::StoreError;
use lineal_kernel::{Caller, Name, PageRequest};
use uuid::Uuid;

use super::{
    App,
    failure::{StepError, blocking},
};
use crate::{
    domain::{DataRefusal, ReportSummary, Source, SourceFormat, TrainerError},
    failpoints::stop_here,
};

/// Chooses the rows of files that are too large, whoever reads them: all members of a chain learn from the same ones, and a later file
/// keeps those that it shares with an earlier one.
const SAMPLE_SEED: u64 = 0;

/// The rows of a file, their canonical form, and what is known of them.
pub(super) struct Examined {
    pub(super) sampled: Sampled,
    pub(super) snapshot: Snapshot,
    pub(super) report: DataReport,
    pub(super) summary: ReportSummary,
}

impl App {
    /// Puts expectations in force.
    pub(crate) async fn set_expectations(
        &self,
        caller: &Caller,
        dataset: &Name,
        expectations: &Expectations,
    ) -> Result<(), TrainerError> {
        let body = serde_json::to_string(expectations).map_err(|error| StoreError::Backend(error.into()))?;
        Ok(self.store.set_expectations(dataset, &body, &caller.actor, self.clock.now()).await?)
    }

    /// The expectations in force: none of a dataset that nobody spoke of.
    pub(crate) async fn expectations(&self, dataset: &Name) -> Result<Expectations, StoreError> {
        let body = self.store.expectations(dataset).await?;
        let body = body.map(|body| serde_json::from_str(&body)).transpose();
        Ok(body.map_err(|error| StoreError::Backend(error.into()))?.unwrap_or_default())
    }

    /// Looks at the rows of a file and keeps the report.
    pub(crate) async fn check_data(&self, source: &Source) -> Result<(ReportSummary, DataReport), TrainerError> {
        let examined = self.examine(source).await.map_err(StepError::told)?;
        Ok((examined.summary, examined.report))
    }

    /// One whole report.
    pub(crate) async fn data_report(&self, id: &str) -> Result<(ReportSummary, DataReport), TrainerError> {
        let summary = self.store.report(id).await?;
        let summary = summary.ok_or_else(|| TrainerError::ReportNotFound { report_id: id.to_owned() })?;
        let read = async {
            let content = self.registry.download(summary.digest).await?;
            Ok(DataReport::from_bytes(&content)?)
        };
        let report = read.await.map_err(StepError::told)?;
        Ok((summary, report))
    }

    /// The summaries of a dataset's reports, and where the next page begins.
    pub(crate) async fn data_reports(
        &self,
        dataset: &Name,
        page: &PageRequest,
    ) -> Result<(Vec<ReportSummary>, Option<String>), TrainerError> {
        let mut reports = self.store.reports(dataset, page.after.as_deref(), page.size + 1).await?;
        let more = reports.len() > page.size as usize;
        reports.truncate(page.size as usize);
        let next = reports.last().filter(|_| more).map(|report| report.id.clone());
        Ok((reports, next))
    }

    /// Refuses a file whose latest report, by the expectations in force, failed.
    pub(super) async fn check_reports(&self, source: &Source) -> Result<(), TrainerError> {
        let Some(report) = self.store.latest_report(&source.dataset, source.digest).await? else { return Ok(()) };
        let expectations = self.expectations(&source.dataset).await?;
        let digest = expectations.digest().map_err(|error| StoreError::Backend(error.into()))?;
        if report.failed.is_empty() || report.expectations != digest {
            return Ok(());
        }
        Err(TrainerError::DataRefused(DataRefusal::of(&report)))
    }

    /// Fetches a file, reads as many of its rows as fit, and reports on them.
    pub(super) async fn examine(&self, source: &Source) -> Result<Examined, StepError> {
        let file = self.scratch()?;
        self.registry.fetch(source.digest, &file).await?;
        let (format, dataset, now) = (source.format, source.dataset.to_string(), self.clock.now());
        let limit = Limit { bytes: self.settings.table_limit, seed: SAMPLE_SEED };
        let expectations = self.expectations(&source.dataset).await?;
        let (sampled, snapshot, report) = blocking(move || {
            let sampled = rows(&file, format, limit)?;
            let snapshot = Snapshot::of(&sampled.table)?;
            let mut report = DataReport::of(&dataset, &sampled.table, snapshot.digest, &expectations, now)?;
            report.sample = sampled.sample;
            report.sampled_from = sampled.sample.map(|_| sampled.rows as u64);
            Ok((sampled, snapshot, report))
        })
        .await?;
        // First the report, then who speaks of it: a summary never points at nothing.
        let digest = self.registry.upload(report.to_bytes()?.into()).await?;
        stop_here!("report_sent");
        let summary = ReportSummary {
            id: Uuid::now_v7().to_string(),
            digest,
            dataset: source.dataset.clone(),
            source: source.digest,
            snapshot: report.snapshot,
            expectations: report.expectations,
            rows: report.rows,
            failed: report.failed(),
            create_time: now,
        };
        self.store.add_report(&summary).await?;
        Ok(Examined { sampled, snapshot, report, summary })
    }
}

/// As many rows of a file as fit.
fn rows(file: &File, format: SourceFormat, limit: Limit) -> Result<Sampled, DataError> {
    // Each reader begins at the beginning: they have one position between them.
    let open = || {
        let mut file = file.try_clone()?;
        file.rewind()?;
        Ok(file)
    };
    match format {
        SourceFormat::Parquet => Table::read_parquet(open, limit),
        SourceFormat::Csv => Table::read_csv_file(file, limit),
    }
}
