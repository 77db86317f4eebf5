//! Experiments: names that group runs.

use std::{collections::BTreeMap, fmt, str::FromStr};

use lineal_kernel::{RequestId, Timestamp};

use super::tags::TagChange;

/// The experiment of runs that name none.
pub const DEFAULT_EXPERIMENT: &str = "default";

/// Whether an experiment or a run is in use. Nothing is ever removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// In use.
    Active,
    /// Hidden from listings unless asked for.
    Deleted,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "active",
            Self::Deleted => "deleted",
        })
    }
}

impl FromStr for Stage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "active" => Ok(Self::Active),
            "deleted" => Ok(Self::Deleted),
            other => Err(format!("`{other}` is no life-cycle stage")),
        }
    }
}

/// A name and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Experiment {
    /// Identity: a UUID.
    pub experiment_id: String,
    /// Unique.
    pub name: String,
    /// For people.
    pub description: String,
    /// Free words; a later value replaces an earlier one.
    pub tags: BTreeMap<String, String>,
    /// Where other systems keep the files of its runs; empty if nobody said.
    pub artifact_location: String,
    /// Deleted ones take no new runs.
    pub stage: Stage,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed itself; runs do not count.
    pub updated: Timestamp,
    /// Advances with every write.
    pub revision: u64,
}

/// The wish to register an experiment.
#[derive(Debug, Clone)]
pub struct CreateExperiment {
    /// Its name.
    pub name: String,
    /// For people.
    pub description: String,
    /// Free words.
    pub tags: BTreeMap<String, String>,
    /// Where other systems keep the files of its runs.
    pub artifact_location: String,
    /// Key of this intended change.
    pub request_id: RequestId,
}

/// What changes of an experiment.
#[derive(Debug, Clone, Default)]
pub struct UpdateExperiment {
    /// Left alone if `None`.
    pub name: Option<String>,
    /// Left alone if `None`.
    pub description: Option<String>,
    /// Tags to set and to take away.
    pub tags: TagChange,
}

impl UpdateExperiment {
    /// Makes the change.
    pub fn apply(&self, experiment: &mut Experiment) {
        if let Some(name) = &self.name {
            experiment.name.clone_from(name);
        }
        if let Some(description) = &self.description {
            experiment.description.clone_from(description);
        }
        self.tags.apply(&mut experiment.tags);
    }
}

impl CreateExperiment {
    /// The new experiment.
    pub fn build(&self, experiment_id: String, now: Timestamp) -> Experiment {
        Experiment {
            experiment_id,
            name: self.name.clone(),
            description: self.description.clone(),
            tags: self.tags.clone(),
            artifact_location: self.artifact_location.clone(),
            stage: Stage::Active,
            created: now,
            updated: now,
            revision: 1,
        }
    }
}
