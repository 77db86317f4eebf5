//! Registered models.

use std::collections::BTreeMap;

use lineal_kernel::{ModelName, RequestId, Slot, Timestamp, VersionNumber};

use super::{alias::check_etag, error::RegistryError, tags::TagChange};

/// A name that groups versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Unique within the tenant, never reused.
    pub name: ModelName,
    /// For people.
    pub description: String,
    /// For people and filters.
    pub tags: BTreeMap<String, String>,
    /// The highest number given so far; 0 before the first version.
    pub latest_version: u64,
    /// When the name was registered.
    pub created: Timestamp,
    /// Advances with every [`UpdateModel`].
    pub revision: u64,
}

impl Model {
    /// What a caller quotes to change only what it saw.
    pub fn etag(&self) -> String {
        format!("r{}", self.revision)
    }
}

/// A model with what is current of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelView {
    /// The model itself.
    pub model: Model,
    /// The champion of each slot that has one, in order of slots.
    pub champions: Vec<(Slot, VersionNumber)>,
    /// The run about it that began last, whatever became of it.
    pub last_run: Option<LastRun>,
}

/// The run that began last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRun {
    /// Its identity.
    pub run_id: String,
    /// When it began.
    pub started: Timestamp,
}

/// The wish to register a name.
#[derive(Debug, Clone)]
pub struct CreateModel {
    /// The name.
    pub name: ModelName,
    /// For people.
    pub description: String,
    /// For people and filters.
    pub tags: BTreeMap<String, String>,
    /// Key of this intended change.
    pub request_id: RequestId,
}

/// The wish to describe a model anew.
#[derive(Debug, Clone)]
pub struct UpdateModel {
    /// Which.
    pub name: ModelName,
    /// Left alone if `None`.
    pub description: Option<String>,
    /// Tags to set and to take away.
    pub tags: TagChange,
    /// The etag that the caller saw.
    pub etag: Option<String>,
    /// Key of this intended change.
    pub request_id: RequestId,
}

impl UpdateModel {
    /// The model as it will be, at its next revision; `None` if that is as it is.
    pub fn decide(&self, current: &Model) -> Result<Option<Model>, RegistryError> {
        check_etag(self.etag.as_deref(), current.etag())?;
        let mut changed = current.clone();
        if let Some(description) = &self.description {
            changed.description.clone_from(description);
        }
        self.tags.apply(&mut changed.tags);
        if changed == *current {
            return Ok(None);
        }
        changed.revision += 1;
        Ok(Some(changed))
    }
}
