//! Settings of models: files that people write, kept as they were applied.

use lineal_kernel::{Caller, Digest, ModelName, RequestId, Timestamp};
use lineal_settings::Settings;

use super::{alias::check_etag, error::RegistryError};

/// That a file was applied. It never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The model.
    pub model: ModelName,
    /// 1, 2, 3, ... without a gap.
    pub revision: u64,
    /// Digest of the file's bytes.
    pub digest: Digest,
    /// Who applied it.
    pub actor: String,
    /// When.
    pub created: Timestamp,
}

impl Applied {
    /// What a caller quotes to change only what it saw.
    pub fn etag(&self) -> String {
        etag(self.revision)
    }
}

/// A file that was applied, and what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSettings {
    /// Which, by whom and when.
    pub applied: Applied,
    /// The file.
    pub text: String,
    /// What it says.
    pub settings: Settings,
}

/// The wish to make a file the newest settings of a model.
#[derive(Debug, Clone)]
pub struct ApplySettings {
    /// The model that the file names.
    pub model: ModelName,
    /// The file.
    pub text: String,
    /// What it says.
    pub settings: Settings,
    /// The etag that the caller saw.
    pub etag: Option<String>,
    /// Key of this intended change.
    pub request_id: RequestId,
}

impl ApplySettings {
    /// The newest settings as they will be, and whether that is another revision than `newest`.
    pub fn decide(
        &self,
        newest: Option<ModelSettings>,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<(ModelSettings, bool), RegistryError> {
        let revision = newest.as_ref().map_or(0, |newest| newest.applied.revision);
        check_etag(self.etag.as_deref(), etag(revision))?;
        let digest = Digest::of(self.text.as_bytes());
        if let Some(newest) = newest.filter(|newest| newest.applied.digest == digest) {
            return Ok((newest, false));
        }
        let (model, actor) = (self.model.clone(), caller.actor.clone());
        let applied = Applied { model, revision: revision + 1, digest, actor, created: now };
        Ok((ModelSettings { applied, text: self.text.clone(), settings: self.settings.clone() }, true))
    }
}

/// Which revision of a model's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The newest.
    Newest,
    /// The one with this number.
    Revision(u64),
    /// The newest one with this digest.
    Digest(Digest),
}

fn etag(revision: u64) -> String {
    format!("r{revision}")
}
