//! Runs: executions and what was logged of them.

use std::{collections::BTreeMap, fmt, str::FromStr};

use lineal_kernel::{Digest, RequestId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{error::RegistryError, experiment::Stage, metric::MetricPoint, tags::TagChange};

/// The states of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStatus {
    /// Open: it can be logged to and has not begun.
    Scheduled,
    /// Open: it can be logged to.
    Running,
    /// Ended well.
    Finished,
    /// Ended with an error.
    Failed,
    /// Stopped from outside.
    Killed,
}

impl RunStatus {
    /// Every word.
    pub const WORDS: [&str; 5] = ["scheduled", "running", "finished", "failed", "killed"];

    /// Whether it can be logged to.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Scheduled | Self::Running)
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Killed => "killed",
        })
    }
}

impl FromStr for RunStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "scheduled" => Ok(Self::Scheduled),
            "running" => Ok(Self::Running),
            "finished" => Ok(Self::Finished),
            "failed" => Ok(Self::Failed),
            "killed" => Ok(Self::Killed),
            other => Err(format!("`{other}` is no status of a run")),
        }
    }
}

/// One execution.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Identity: a UUID, ordered by time.
    pub run_id: String,
    /// The model that it is about.
    pub model: String,
    /// For people.
    pub name: String,
    /// Name of the experiment that it belongs to.
    pub experiment: String,
    /// Identity of that experiment.
    pub experiment_id: String,
    /// The run that this one is a part of; empty for none.
    pub parent_run_id: String,
    /// For people.
    pub description: String,
    /// Where it came from.
    pub source: Source,
    /// How it stands.
    pub status: RunStatus,
    /// Deleted ones cannot be changed, only restored.
    pub stage: Stage,
    /// When it began, in microseconds.
    pub started_us: i64,
    /// When it ended, in microseconds.
    pub ended_us: Option<i64>,
    /// Settings; each keeps its first value.
    pub parameters: BTreeMap<String, String>,
    /// The latest value of each metric, also NaN and infinities.
    pub metrics: BTreeMap<String, f64>,
    /// Free words; a later value replaces an earlier one.
    pub tags: BTreeMap<String, String>,
    /// The rows it used.
    pub datasets: Vec<DatasetReference>,
    /// Why it failed; empty otherwise.
    pub error: String,
    /// Its inputs are no longer what was logged.
    pub taint: Option<Taint>,
    /// Advances with every change but the logging of parameters, metrics and tags, which never meet each other.
    pub revision: u64,
}

/// Says that the inputs of a run no longer hash to what was logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taint {
    /// Which input, and how it differs.
    pub reason: String,
    /// Who found it.
    pub actor: String,
    /// When, in microseconds.
    pub created_us: i64,
}

/// Where a run came from, in its own words; empty where it does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Source {
    /// What ran.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Where in the source it began.
    pub entry_point: String,
    /// Who ran it.
    pub user: String,
}

/// Rows that a run used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetReference {
    /// Name of the dataset.
    pub name: String,
    /// `training`, `reference` or `extra`.
    pub role: String,
    /// Digest of the snapshot; `None` if the rows were never one.
    pub digest: Option<Digest>,
    /// How many rows.
    pub rows: u64,
    /// Digest in another system's form.
    #[serde(default)]
    pub foreign_digest: String,
    /// Kind of the place the rows came from.
    #[serde(default)]
    pub source_type: String,
    /// That place, in its kind's own form.
    #[serde(default)]
    pub source: String,
    /// Columns and types, in the writer's own form.
    #[serde(default)]
    pub schema: String,
    /// Statistics of the rows, in the writer's own form.
    #[serde(default)]
    pub profile: String,
    /// Free words.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// The wish to open a run.
#[derive(Debug, Clone)]
pub struct CreateRun {
    /// The model that it is about; names the run when `name` is empty.
    pub model: String,
    /// For people.
    pub name: String,
    /// Name of the experiment.
    pub experiment: String,
    /// Settings.
    pub parameters: BTreeMap<String, String>,
    /// Free words.
    pub tags: BTreeMap<String, String>,
    /// The run that this one is a part of; empty for none.
    pub parent_run_id: String,
    /// For people.
    pub description: String,
    /// Where it comes from.
    pub source: Source,
    /// When it began, if not now.
    pub started: Option<Timestamp>,
    /// Whether it has begun.
    pub status: RunStatus,
    /// Key of this intended change.
    pub request_id: RequestId,
}

impl CreateRun {
    /// The open run. `experiment_id` becomes the experiment's identity if its name is new.
    pub fn open(&self, run_id: String, experiment_id: String, now: Timestamp) -> Run {
        let name = if self.name.is_empty() { format!("{}-{}", self.model, now.compact()) } else { self.name.clone() };
        Run {
            run_id,
            model: self.model.clone(),
            name,
            experiment: self.experiment.clone(),
            experiment_id,
            parent_run_id: self.parent_run_id.clone(),
            description: self.description.clone(),
            source: self.source.clone(),
            status: self.status,
            stage: Stage::Active,
            started_us: self.started.unwrap_or(now).micros(),
            ended_us: None,
            parameters: self.parameters.clone(),
            metrics: BTreeMap::new(),
            tags: self.tags.clone(),
            datasets: Vec::new(),
            error: String::new(),
            taint: None,
            revision: 1,
        }
    }
}

/// What changes of a run, also after its end.
#[derive(Debug, Clone, Default)]
pub struct UpdateRun {
    /// Left alone if `None`.
    pub name: Option<String>,
    /// Left alone if `None`.
    pub description: Option<String>,
    /// Whether an open run has begun; left alone if `None`.
    pub status: Option<RunStatus>,
    /// Tags to set and to take away.
    pub tags: TagChange,
}

/// What is added to an open run.
#[derive(Debug, Clone, Default)]
pub struct LogBatch {
    /// New settings.
    pub parameters: BTreeMap<String, String>,
    /// Measurements.
    pub points: Vec<MetricPoint>,
    /// Free words.
    pub tags: BTreeMap<String, String>,
    /// Rows used.
    pub datasets: Vec<DatasetReference>,
}

impl LogBatch {
    /// Whether it adds nothing.
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty() && self.points.is_empty() && self.tags.is_empty() && self.datasets.is_empty()
    }
}

impl Run {
    /// What of `batch` is new to this run; a batch is taken whole or not at all.
    pub fn news(&self, mut batch: LogBatch) -> Result<LogBatch, RegistryError> {
        self.check_open()?;
        for (name, value) in &batch.parameters {
            if let Some(found) = self.parameters.get(name).filter(|found| *found != value) {
                let (name, found) = (name.clone(), found.clone());
                return Err(RegistryError::ParameterExists { run_id: self.run_id.clone(), name, found });
            }
        }
        batch.parameters.retain(|name, _| !self.parameters.contains_key(name));
        batch.tags.retain(|name, value| self.tags.get(name) != Some(value));
        let mut datasets = Vec::new();
        for dataset in batch.datasets {
            if !self.datasets.contains(&dataset) && !datasets.contains(&dataset) {
                datasets.push(dataset);
            }
        }
        Ok(LogBatch { datasets, ..batch })
    }

    /// Closes the run; closing it again the same way changes nothing.
    pub fn finish(&mut self, status: RunStatus, error: String, ended: Timestamp) -> Result<(), RegistryError> {
        if self.status == status && self.stage == Stage::Active {
            return Ok(());
        }
        self.check_open()?;
        self.status = status;
        self.error = error;
        self.ended_us = Some(ended.micros());
        Ok(())
    }

    /// Changes what people call it, also after its end, and whether it has begun.
    pub fn update(&mut self, wish: &UpdateRun) -> Result<(), RegistryError> {
        self.check_active()?;
        if let Some(status) = wish.status.filter(|status| *status != self.status) {
            self.check_open()?;
            self.status = status;
        }
        if let Some(name) = &wish.name {
            self.name.clone_from(name);
        }
        if let Some(description) = &wish.description {
            self.description.clone_from(description);
        }
        wish.tags.apply(&mut self.tags);
        Ok(())
    }

    /// Marks it, whatever its state: what was found wrong stays wrong. The first mark stays.
    pub fn taint(&mut self, taint: Taint) {
        self.taint.get_or_insert(taint);
    }

    /// What a change other than logging can touch. Compares as a whole, which NaN among the metrics would not.
    pub fn head(&self) -> impl PartialEq + '_ {
        let described =
            (&self.name, &self.description, self.status, self.stage, self.ended_us, &self.error, &self.tags);
        (described, &self.taint)
    }

    fn check_open(&self) -> Result<(), RegistryError> {
        self.check_active()?;
        match self.status {
            status if status.is_open() => Ok(()),
            status => Err(RegistryError::RunFinished { run_id: self.run_id.clone(), status }),
        }
    }

    fn check_active(&self) -> Result<(), RegistryError> {
        match self.stage {
            Stage::Active => Ok(()),
            Stage::Deleted => Err(RegistryError::RunDeleted { run_id: self.run_id.clone() }),
        }
    }
}
