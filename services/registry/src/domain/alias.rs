//! Aliases: named pointers in a slot.

use lineal_kernel::{AliasName, Digest, ModelName, RequestId, Slot, Timestamp, Traffic, VersionNumber};

use super::error::RegistryError;

/// A pointer to one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The model it belongs to.
    pub model: ModelName,
    /// The slot within the model.
    pub slot: Slot,
    /// Its name.
    pub name: AliasName,
    /// What it points at.
    pub number: VersionNumber,
    /// What it gets of the slot's requests.
    pub traffic: Traffic,
    /// The generation that set it.
    pub generation: u64,
    /// Advances with every change.
    pub revision: u64,
    /// When it changed last.
    pub updated: Timestamp,
}

impl Alias {
    /// What a caller quotes to change only what it saw.
    pub fn etag(&self) -> String {
        format!("r{}", self.revision)
    }

    /// Whether it is the champion of `slot`.
    pub fn reigns_in(&self, slot: &Slot) -> bool {
        self.name.is_champion() && self.slot == *slot
    }
}

/// The wish to point a user-defined alias.
#[derive(Debug, Clone)]
pub struct SetAlias {
    /// The model.
    pub model: ModelName,
    /// The slot.
    pub slot: Slot,
    /// The alias.
    pub name: AliasName,
    /// The version.
    pub number: VersionNumber,
    /// The revision that the caller saw.
    pub etag: Option<String>,
    /// Key of this intended change.
    pub request_id: RequestId,
}

/// A decided change: what to write but for the generation, which the commit makes, and the revision it was decided on (0: it did
/// not exist).
#[derive(Debug, Clone)]
pub struct AliasChange {
    /// What to write.
    pub alias: Alias,
    /// What must still be there.
    pub base_revision: u64,
}

impl SetAlias {
    /// Decides the change. The champion has its own protocol and cannot be set. The part of the requests was given to a version:
    /// another one gets none of its own accord.
    pub fn decide(&self, current: Option<&Alias>, now: Timestamp) -> Result<AliasChange, RegistryError> {
        if self.name.is_champion() {
            return Err(RegistryError::AliasReserved { alias: self.name.clone() });
        }
        check_etag(self.etag.as_deref(), current.map(Alias::etag).unwrap_or_default())?;
        let base_revision = current.map_or(0, |alias| alias.revision);
        let same = current.filter(|alias| alias.number == self.number);
        let alias = Alias {
            model: self.model.clone(),
            slot: self.slot.clone(),
            name: self.name.clone(),
            number: self.number,
            traffic: same.map_or(Traffic::None, |alias| alias.traffic),
            generation: 0,
            revision: base_revision + 1,
            updated: now,
        };
        Ok(AliasChange { alias, base_revision })
    }
}

/// Refuses a change to something that is no longer as the caller saw it; without an etag anything will do.
pub fn check_etag(expected: Option<&str>, found: String) -> Result<(), RegistryError> {
    match expected {
        Some(expected) if expected != found => Err(RegistryError::StaleEtag { expected: expected.to_owned(), found }),
        _ => Ok(()),
    }
}

/// One served version and what the pedigree of its predictions says.
#[derive(Debug, Clone, PartialEq)]
pub struct ServingEntry {
    /// The pointer.
    pub alias: Alias,
    /// What it points at.
    pub version: super::version::Version,
}

/// What replicas serve: every champion and every other alias, at one generation.
#[derive(Debug, Clone, PartialEq)]
pub struct ServingTable {
    /// The tenant's counter.
    pub generation: u64,
    /// In order of model, slot and alias.
    pub entries: Vec<ServingEntry>,
}

/// An alias together with the content it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedAlias {
    /// The pointer.
    pub alias: Alias,
    /// Digest of the version's bundle.
    pub digest: Digest,
    /// The run that made it.
    pub run_id: String,
}
