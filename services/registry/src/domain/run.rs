//! Runs: executions and what was logged of them.

use std::{collections::BTreeMap, fmt};

use lineal_kernel::{Digest, RequestId, Timestamp};
use serde::{Deserialize, Serialize};

use super::error::RegistryError;

/// The states of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Open: it can be logged to.
    Running,
    /// Ended well.
    Finished,
    /// Ended with an error.
    Failed,
    /// Stopped from outside.
    Killed,
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Killed => "killed",
        })
    }
}

/// One execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Identity: a UUID, ordered by time.
    pub run_id: String,
    /// For people.
    pub name: String,
    /// Groups runs.
    pub experiment: String,
    /// How it stands.
    pub status: RunStatus,
    /// When it began, in microseconds.
    pub started_us: i64,
    /// When it ended, in microseconds.
    pub ended_us: Option<i64>,
    /// Settings; each keeps its first value.
    pub parameters: BTreeMap<String, String>,
    /// Finite results; a later value replaces an earlier one.
    pub metrics: BTreeMap<String, f64>,
    /// Free words; a later value replaces an earlier one.
    pub tags: BTreeMap<String, String>,
    /// The rows it used.
    pub datasets: Vec<DatasetReference>,
    /// Why it failed; empty otherwise.
    pub error: String,
    /// Advances with every write.
    #[serde(skip)]
    pub revision: u64,
}

/// Rows that a run used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetReference {
    /// Name of the dataset.
    pub name: String,
    /// `training`, `reference` or `extra`.
    pub role: String,
    /// Digest of the snapshot.
    pub digest: Digest,
    /// How many rows.
    pub rows: u64,
}

/// The wish to open a run.
#[derive(Debug, Clone)]
pub struct CreateRun {
    /// What it is about; names the run when `name` is empty.
    pub model: String,
    /// For people.
    pub name: String,
    /// Groups runs.
    pub experiment: String,
    /// Settings.
    pub parameters: BTreeMap<String, String>,
    /// Free words.
    pub tags: BTreeMap<String, String>,
    /// Key of this intended change.
    pub request_id: RequestId,
}

impl CreateRun {
    /// The open run.
    pub fn open(&self, run_id: String, now: Timestamp) -> Run {
        let name = if self.name.is_empty() { format!("{}-{}", self.model, now.compact()) } else { self.name.clone() };
        Run {
            run_id,
            name,
            experiment: self.experiment.clone(),
            status: RunStatus::Running,
            started_us: now.micros(),
            ended_us: None,
            parameters: self.parameters.clone(),
            metrics: BTreeMap::new(),
            tags: self.tags.clone(),
            datasets: Vec::new(),
            error: String::new(),
            revision: 1,
        }
    }
}

/// What is added to an open run.
#[derive(Debug, Clone, Default)]
pub struct LogBatch {
    /// New settings.
    pub parameters: BTreeMap<String, String>,
    /// Results.
    pub metrics: BTreeMap<String, f64>,
    /// Free words.
    pub tags: BTreeMap<String, String>,
    /// Rows used.
    pub datasets: Vec<DatasetReference>,
}

impl Run {
    /// Adds a batch, whole or not at all.
    pub fn log(&mut self, batch: LogBatch) -> Result<(), RegistryError> {
        if self.status != RunStatus::Running {
            return Err(RegistryError::RunFinished { run_id: self.run_id.clone(), status: self.status });
        }
        for (key, value) in &batch.parameters {
            if let Some(found) = self.parameters.get(key).filter(|found| *found != value) {
                let (name, found) = (key.clone(), found.clone());
                return Err(RegistryError::ParameterExists { run_id: self.run_id.clone(), name, found });
            }
        }
        self.parameters.extend(batch.parameters);
        self.metrics.extend(batch.metrics);
        self.tags.extend(batch.tags);
        for dataset in batch.datasets {
            if !self.datasets.contains(&dataset) {
                self.datasets.push(dataset);
            }
        }
        Ok(())
    }

    /// Closes the run; closing it again the same way changes nothing.
    pub fn finish(&mut self, status: RunStatus, error: String, now: Timestamp) -> Result<(), RegistryError> {
        if self.status == status {
            return Ok(());
        }
        if self.status != RunStatus::Running {
            return Err(RegistryError::RunFinished { run_id: self.run_id.clone(), status: self.status });
        }
        self.status = status;
        self.error = error;
        self.ended_us = Some(now.micros());
        Ok(())
    }
}
