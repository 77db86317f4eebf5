//! What an alias of a slot points at, and whether that is served.

use std::{fmt, sync::Arc};

use lineal_kernel::{AliasName, Digest, ModelName, Slot, Timestamp, Traffic, VersionNumber};
use lineal_models::ServedModel;

use super::{Counters, ShadowCounters};

/// What the registry says of one alias and of the version that it points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) model: ModelName,
    pub(crate) slot: Slot,
    pub(crate) alias: AliasName,
    pub(crate) version: VersionNumber,
    /// What the alias gets of the requests to its slot that ask for no version.
    pub(crate) traffic: Traffic,
    /// The version's label, for people.
    pub(crate) label: String,
    /// Digest of the bundle.
    pub(crate) digest: Digest,
    pub(crate) run_id: String,
    /// Commit or release of the code that trained it.
    pub(crate) code_version: String,
    pub(crate) data_digest: String,
    pub(crate) feature_digest: String,
    pub(crate) trained_time: Option<Timestamp>,
}

/// Every alias of one generation, not yet loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) generation: u64,
    pub(crate) aliases: Vec<Facts>,
}

/// What a version did behind one alias in this process.
#[derive(Debug, Default)]
pub(crate) struct Arm {
    /// With requests that asked for no version.
    pub(crate) usage: Counters,
    /// With copies of requests.
    pub(crate) shadowing: ShadowCounters,
}

/// One alias with its version loaded. It stays the same entry for as long as it is served, over all generations.
pub(crate) struct Entry {
    pub(crate) facts: Facts,
    /// The bundle's digest as text, for every answer.
    pub(crate) digest: String,
    /// When it was trained as text, for every answer; empty if nobody knows.
    pub(crate) trained_at: String,
    /// What the version did in this process, in whatever slots and generations.
    pub(crate) usage: Arc<Counters>,
    /// What it did of that behind this alias.
    pub(crate) arm: Arc<Arm>,
    /// Why it does not answer its part of the traffic.
    pub(crate) barred: Option<String>,
    pub(super) bundle: Arc<ServedModel>,
}

impl Entry {
    /// An entry that counts in `usage` and `arm`, `barred` from traffic or not.
    pub(crate) fn new(
        facts: Facts,
        bundle: Arc<ServedModel>,
        usage: Arc<Counters>,
        arm: Arc<Arm>,
        barred: Option<String>,
    ) -> Self {
        Self {
            digest: facts.digest.to_string(),
            trained_at: facts.trained_time.map(|moment| moment.to_string()).unwrap_or_default(),
            facts,
            usage,
            arm,
            barred,
            bundle,
        }
    }

    /// Whether it answers requests that ask for no version.
    pub(super) fn takes_traffic(&self) -> bool {
        self.facts.alias.is_champion() || (self.facts.traffic.split().is_some() && self.barred.is_none())
    }

    /// The model that answers.
    pub(crate) fn model(&self) -> &ServedModel {
        &self.bundle
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// One alias of a table.
#[derive(Debug, Clone)]
pub(crate) enum Seat {
    /// Its version answers.
    Served(Arc<Entry>),
    /// Its version cannot be loaded. Never of a champion: without that, a generation is not served at all.
    Unserved {
        facts: Box<Facts>,
        /// Why.
        problem: String,
    },
}

impl Seat {
    pub(crate) fn facts(&self) -> &Facts {
        match self {
            Self::Served(entry) => &entry.facts,
            Self::Unserved { facts, .. } => facts,
        }
    }

    /// What answers, if anything does.
    pub(crate) fn entry(&self) -> Option<&Arc<Entry>> {
        match self {
            Self::Served(entry) => Some(entry),
            Self::Unserved { .. } => None,
        }
    }

    /// Why nothing answers.
    pub(crate) fn problem(&self) -> Option<&str> {
        match self {
            Self::Served(_) => None,
            Self::Unserved { problem, .. } => Some(problem),
        }
    }
}

/// The entry that answers a request, and the generation it was found in. Holding it keeps the model loaded.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) entry: Arc<Entry>,
    pub(crate) generation: u64,
    /// Whether the request asked for no version, and the slot's traffic decided.
    pub(crate) routed: bool,
}
