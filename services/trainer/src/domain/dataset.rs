//! Datasets: their splits, and reports on their rows.

use lineal_data::{SplitRule, TimeCut, Window};
use lineal_kernel::{Digest, FieldError, FieldErrors, Name, Timestamp};

use super::{Definition, DefinitionKind, JobSpec, SourceFormat, definition::other_fraction};

/// The share of rows for a new reference set when nobody says.
pub(crate) const DEFAULT_FRACTION: f64 = 0.2;

/// A file with the rows of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) dataset: Name,
    pub(crate) digest: Digest,
    pub(crate) format: SourceFormat,
}

impl Source {
    /// Checks all fields at once.
    pub(crate) fn check(dataset: &str, digest: &str, format: Option<SourceFormat>) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let dataset = errors.check(Name::new(dataset).map_err(|error| error.under("source.dataset")));
        let digest = digest.parse::<Digest>().map_err(|error| FieldError::new("source.digest", error.problem));
        let digest = errors.check(digest);
        let format = format.ok_or_else(|| FieldError::new("source.format", "say whether it is CSV or Parquet"));
        let format = errors.check(format);
        errors.into_result(|| Some(Self { dataset: dataset?, digest: digest?, format: format? }))
    }
}

impl JobSpec {
    /// Where its rows come from.
    pub(crate) fn source(&self) -> Source {
        Source { dataset: self.dataset.clone(), digest: self.source_digest, format: self.format }
    }
}

/// A rule under the name that jobs know it by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NamedSplit {
    pub(crate) dataset: Name,
    pub(crate) name: Name,
    pub(crate) rule: SplitRule,
    /// Digest of the reference set, once a job has made it.
    pub(crate) reference: Option<Digest>,
}

impl NamedSplit {
    /// Checks `rule`, which is called `name`, all fields at once.
    pub(crate) fn check(dataset: &str, name: &str, rule: SplitRule) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let dataset = errors.check(Name::new(dataset).map_err(|error| error.under("split.dataset")));
        let name = errors.check(Name::new(name).map_err(|error| error.under("split.name")));
        let rule = rule.check().map(|()| rule).map_err(|error| FieldError::new("split", error.to_string()));
        let rule = errors.check(rule);
        errors.into_result(|| Some(Self { dataset: dataset?, name: name?, rule: rule?, reference: None }))
    }
}

impl Definition for SplitRule {
    const KIND: DefinitionKind = DefinitionKind::Split;

    fn scope(spec: &JobSpec) -> &str {
        spec.dataset.as_str()
    }

    fn difference(&self, spec: &JobSpec) -> Option<String> {
        other_fraction(self.reference_fraction, spec)
    }
}

/// A cut by time at `column`, at a given moment or where the shares lie.
pub(crate) fn time_cut(column: String, cut: Option<Timestamp>) -> TimeCut {
    TimeCut { column, starts: cut.map(Timestamp::micros).into_iter().collect() }
}

/// The rows of this time.
pub(crate) fn window(column: String, start: String, end: String, horizon_seconds: u64) -> Window {
    let text = |text: String| Some(text).filter(|text| !text.is_empty());
    Window { column, start: text(start), end: text(end), horizon_seconds }
}

/// Rows that must not be learned from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the rows of `{dataset}` do not meet what is expected of them: {}; see `lineal data describe {report_id}`",
    failed.join(", ")
)]
pub(crate) struct DataRefusal {
    pub(crate) dataset: Name,
    pub(crate) report_id: String,
    /// The checks that failed.
    pub(crate) failed: Vec<String>,
}

impl DataRefusal {
    /// Why the rows of `report` are refused.
    pub(crate) fn of(report: &ReportSummary) -> Self {
        let (dataset, report_id) = (report.dataset.clone(), report.id.clone());
        Self { dataset, report_id, failed: report.failed.clone() }
    }
}

/// What is kept of a report beside the report itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReportSummary {
    /// Sorts by creation.
    pub(crate) id: String,
    /// Digest of the report.
    pub(crate) digest: Digest,
    pub(crate) dataset: Name,
    pub(crate) source: Digest,
    pub(crate) snapshot: Digest,
    /// Digest of the expectations it was held against.
    pub(crate) expectations: Digest,
    pub(crate) rows: u64,
    /// The checks that failed.
    pub(crate) failed: Vec<String>,
    pub(crate) create_time: Timestamp,
}
