//! Versions: numbered, immutable results.

use std::{collections::BTreeMap, fmt, str::FromStr};

use lineal_kernel::{Digest, ModelName, RequestId, Timestamp, VersionNumber};

use super::{
    alias::{Alias, check_etag},
    check::Check,
    display::DisplayState,
    error::RegistryError,
    lineage::{Lineage, SAMPLE_FRACTION},
    metadata::Metadata,
    reign::Reign,
    run::Taint,
    tags::TagChange,
    validation::Validation,
};

/// How far a version has come. It never moves backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VersionState {
    /// The number is taken.
    Created,
    /// A bundle exists.
    Trained,
    /// It passed a validation.
    Validated,
    /// It will never serve.
    Failed,
}

impl VersionState {
    /// Every word.
    pub const WORDS: [&str; 4] = ["created", "trained", "validated", "failed"];
}

impl fmt::Display for VersionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Trained => "trained",
            Self::Validated => "validated",
            Self::Failed => "failed",
        })
    }
}

impl FromStr for VersionState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "created" => Ok(Self::Created),
            "trained" => Ok(Self::Trained),
            "validated" => Ok(Self::Validated),
            "failed" => Ok(Self::Failed),
            _ => Err(format!("`{text}` is no version state")),
        }
    }
}

/// What is said of a failed version.
pub const FAILED: &str = "it has failed";

/// One version as it was registered.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// The model it belongs to.
    pub model: ModelName,
    /// Identity within the model.
    pub number: VersionNumber,
    /// For people: `<family>-YYYYMMDD-HHMMSS`.
    pub label: String,
    /// What it was trained as.
    pub family: String,
    /// Digest of the bundle's manifest.
    pub digest: Digest,
    /// Sum of the bundle's files.
    pub size_bytes: u64,
    /// How far it has come.
    pub state: VersionState,
    /// The trainer's metrics.
    pub metrics: BTreeMap<String, f64>,
    /// For people.
    pub description: String,
    /// For people and filters.
    pub tags: BTreeMap<String, String>,
    /// Versions whose answers it uses.
    pub upstreams: Vec<(ModelName, VersionNumber)>,
    /// How it came to be.
    pub lineage: Lineage,
    /// What callers keep with it.
    pub metadata: Metadata,
    /// Where it came from, in the caller's own words; usually a URI.
    pub source: String,
    /// Where people can see the run that made it.
    pub run_link: String,
    /// When it was registered.
    pub created: Timestamp,
    /// Advances with every [`UpdateVersion`].
    pub edition: u64,
}

/// The family of versions whose members answer each by itself.
const ENSEMBLE: &str = "ensemble";

impl Version {
    /// Whether it uses its upstreams wherever they stand. The members of a chain were fitted on one another and reign together; an
    /// ensemble may hold several versions of a model, and champions of others.
    pub fn pins_upstreams(&self) -> bool {
        self.family == ENSEMBLE
    }

    /// The versions that must be champions with it.
    pub fn companions(&self) -> &[(ModelName, VersionNumber)] {
        if self.pins_upstreams() { &[] } else { &self.upstreams }
    }

    /// What a caller quotes to change only what it saw.
    pub fn etag(&self) -> String {
        format!("r{}", self.edition)
    }
}

/// A version with everything that points at it or speaks of it.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionView {
    /// The version itself.
    pub version: Version,
    /// Aliases that point at it now.
    pub aliases: Vec<Alias>,
    /// Its times as champion, latest first.
    pub reigns: Vec<Reign>,
    /// The latest verdict of each slot, latest first.
    pub validations: Vec<Validation>,
    /// What reading its files again has shown; `None` if nobody has yet.
    pub check: Option<Check>,
    /// The run that made it, if it is known here.
    pub run: Option<RunSummary>,
}

/// What a version tells of its run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSummary {
    /// Identity.
    pub run_id: String,
    /// For people.
    pub name: String,
    /// Free words.
    pub tags: BTreeMap<String, String>,
    /// Its inputs are no longer what was logged.
    pub taint: Option<Taint>,
}

impl VersionView {
    /// Says that the inputs of its run are no longer what was logged.
    pub fn taint(&self) -> Option<&Taint> {
        self.run.as_ref()?.taint.as_ref()
    }

    /// Refuses a version that has failed.
    pub fn unfailed(&self) -> Result<(), RegistryError> {
        if self.version.state != VersionState::Failed {
            return Ok(());
        }
        Err(RegistryError::ChainMemberFailed { model: self.version.model.clone(), number: self.version.number })
    }

    /// Refuses a version that nobody may promote.
    pub fn untainted(&self) -> Result<(), RegistryError> {
        let Some(taint) = self.taint() else { return Ok(()) };
        let Version { model, number, lineage, .. } = &self.version;
        let (model, number, run_id) = (model.clone(), *number, lineage.run_id.clone());
        Err(RegistryError::RunTainted { model, number, run_id, reason: taint.reason.clone() })
    }

    /// Refuses a version that learnt from a sample of its rows, unless somebody has `allowed` that.
    pub fn unsampled(&self, allowed: bool) -> Result<(), RegistryError> {
        let Version { model, number, lineage, .. } = &self.version;
        match lineage.environment.get(SAMPLE_FRACTION) {
            Some(fraction) if !allowed => {
                let (model, number, fraction) = (model.clone(), *number, fraction.clone());
                Err(RegistryError::VersionSampled { model, number, fraction })
            }
            _ => Ok(()),
        }
    }

    /// The one word that people see, derived and never stored.
    pub fn display_state(&self) -> DisplayState {
        DisplayState::of(self.version.state, &self.aliases, &self.reigns, self.check.as_ref())
    }

    /// Why it cannot take over, as far as is known.
    pub fn flaw(&self) -> Option<&str> {
        if self.version.state == VersionState::Failed { Some(FAILED) } else { self.damage() }
    }

    /// What was wrong with its files at the last check.
    pub fn damage(&self) -> Option<&str> {
        self.check.as_ref().filter(|check| !check.passed()).map(|check| check.problem.as_str())
    }
}

/// A finished bundle that wants a number.
#[derive(Debug, Clone)]
pub struct CreateVersion {
    /// Created on the way if it does not exist.
    pub model: ModelName,
    /// What it was trained as.
    pub family: String,
    /// Digest of the bundle's manifest.
    pub digest: Digest,
    /// The trainer's metrics, finite.
    pub metrics: BTreeMap<String, f64>,
    /// How it came to be.
    pub lineage: Lineage,
    /// For people.
    pub description: String,
    /// For people and filters.
    pub tags: BTreeMap<String, String>,
    /// Versions whose answers it uses.
    pub upstreams: Vec<(ModelName, VersionNumber)>,
    /// What callers keep with it.
    pub metadata: Metadata,
    /// Where it came from, in the caller's own words.
    pub source: String,
    /// Where people can see the run that made it.
    pub run_link: String,
    /// Key of this intended change.
    pub request_id: RequestId,
}

impl CreateVersion {
    /// The versions it says it comes from: its parent and its upstreams.
    pub fn origins(&self) -> Vec<(ModelName, VersionNumber)> {
        let parent = VersionNumber::new(self.lineage.parent_number).ok().map(|number| (self.model.clone(), number));
        parent.into_iter().chain(self.upstreams.iter().cloned()).collect()
    }
}

/// The wish to describe a version anew.
#[derive(Debug, Clone)]
pub struct UpdateVersion {
    /// The model it belongs to.
    pub model: ModelName,
    /// Which.
    pub number: VersionNumber,
    /// Left alone if `None`.
    pub description: Option<String>,
    /// Tags to set and to take away.
    pub tags: TagChange,
    /// Replaces what was there as a whole; left alone if `None`.
    pub metadata: Option<Metadata>,
    /// The etag that the caller saw.
    pub etag: Option<String>,
    /// Key of this intended change.
    pub request_id: RequestId,
}

impl UpdateVersion {
    /// The version as it will be, at its next edition; `None` if that is as it is.
    pub fn decide(&self, current: &Version) -> Result<Option<Version>, RegistryError> {
        check_etag(self.etag.as_deref(), current.etag())?;
        let mut changed = current.clone();
        if let Some(description) = &self.description {
            changed.description.clone_from(description);
        }
        self.tags.apply(&mut changed.tags);
        if let Some(metadata) = &self.metadata {
            changed.metadata.clone_from(metadata);
        }
        if changed == *current {
            return Ok(None);
        }
        changed.edition += 1;
        Ok(Some(changed))
    }
}

/// The wish to take a version out for good.
#[derive(Debug, Clone)]
pub struct FailVersion {
    /// The model it belongs to.
    pub model: ModelName,
    /// Which.
    pub number: VersionNumber,
    /// Why, for the audit.
    pub reason: String,
    /// Key of this intended change.
    pub request_id: RequestId,
}

impl FailVersion {
    /// Whether there is anything left to do. Refuses the champion of a slot.
    pub fn decide(&self, current: &VersionView) -> Result<bool, RegistryError> {
        if let Some(champion) = current.aliases.iter().find(|alias| alias.name.is_champion()) {
            let (model, number, slot) = (self.model.clone(), self.number, champion.slot.clone());
            return Err(RegistryError::VersionReigns { model, number, slot });
        }
        Ok(current.version.state != VersionState::Failed)
    }
}

/// The label of the `n`th version (from 1) of this family in the same second.
pub fn label(family: &str, moment: Timestamp, n: u64) -> String {
    let base = format!("{family}-{}", moment.compact());
    if n <= 1 { base } else { format!("{base}-{n}") }
}

/// Which version of this family in the same second a label names, from 1; `None` if it is of another second or family.
pub fn place(label: &str, family: &str, moment: Timestamp) -> Option<u64> {
    let rest = label.strip_prefix(&self::label(family, moment, 1))?;
    if rest.is_empty() { Some(1) } else { rest.strip_prefix('-')?.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_kind_and_second_and_stays_unique() {
        // F1
        let moment = Timestamp::from_micros(1_736_951_422_000_000);
        assert_eq!(label("poisson", moment, 1), "poisson-20250115-143022");
        assert_eq!(label("poisson", moment, 2), "poisson-20250115-143022-2");
        for n in [1, 2, 1234] {
            assert_eq!(place(&label("poisson", moment, n), "poisson", moment), Some(n));
        }
        for other in [
            "poisson-20250115-143023",
            "poisson-20250115-1430221",
            "linear-20250115-143022",
            "poisson-20250115-143022-x",
        ] {
            assert_eq!(place(other, "poisson", moment), None, "{other}");
        }
    }
}
