//! Versions: numbered, immutable results.

use std::{collections::BTreeMap, fmt, str::FromStr};

use lineal_kernel::{Digest, ModelName, RequestId, Timestamp, VersionNumber};

use super::{
    alias::Alias,
    check::Check,
    lineage::Lineage,
    reign::{EndedBy, Reign},
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
    /// When it was registered.
    pub created: Timestamp,
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
}

impl VersionView {
    /// The one word that people see, derived and never stored.
    pub fn display_state(&self) -> DisplayState {
        if self.aliases.iter().any(|alias| alias.name.is_champion()) {
            return DisplayState::Production;
        }
        match (self.version.state, self.reigns.first().and_then(|reign| reign.ended_by)) {
            (VersionState::Failed, _) => DisplayState::Failed,
            // A champion that gave way to a better one left healthy; one that was rolled back or demoted did not.
            (_, Some(EndedBy::Promote)) if self.damage().is_none() => DisplayState::RollbackCandidate,
            (_, Some(_)) => DisplayState::Archived,
            (_, None) => DisplayState::Staging,
        }
    }

    /// What was wrong with its files at the last check.
    pub fn damage(&self) -> Option<&str> {
        self.check.as_ref().filter(|check| !check.passed()).map(|check| check.problem.as_str())
    }
}

/// Words for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisplayState {
    /// Champion of a slot.
    Production,
    /// Was champion, left healthy, and its artifact is whole.
    RollbackCandidate,
    /// Was champion.
    Archived,
    /// Will never serve.
    Failed,
    /// Everything else.
    Staging,
}

impl DisplayState {
    /// Every word.
    pub const ALL: [Self; 5] = [Self::Production, Self::RollbackCandidate, Self::Archived, Self::Failed, Self::Staging];

    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::RollbackCandidate => "rollback_candidate",
            Self::Archived => "archived",
            Self::Failed => "failed",
            Self::Staging => "staging",
        }
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

/// The label of the `n`th version (from 1) of this family in the same second.
pub fn label(family: &str, moment: Timestamp, n: u64) -> String {
    let base = format!("{family}-{}", moment.compact());
    if n <= 1 { base } else { format!("{base}-{n}") }
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
    }
}
