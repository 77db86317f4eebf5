//! What an alias of a slot points at, and whether that is served.

use std::{fmt, sync::Arc};

use lineal_kernel::{AliasName, Digest, ModelName, Slot, Timestamp, Traffic, VersionNumber};
use lineal_models::ServedModel;

use super::{Cold, Counters, Gatherer, ShadowCounters};

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
    /// Since when it is loaded.
    pub(super) since: Timestamp,
    /// Who waits to be scored together with others; `None` where each is scored by itself.
    pub(crate) gatherer: Option<Gatherer>,
    pub(super) bundle: Arc<ServedModel>,
}

impl Entry {
    /// An entry that counts in `usage` and `arm`, `barred` from traffic or not, loaded `since` a moment, which scores requests one by one.
    pub(crate) fn new(
        facts: Facts,
        bundle: Arc<ServedModel>,
        usage: Arc<Counters>,
        arm: Arc<Arm>,
        barred: Option<String>,
        since: Timestamp,
    ) -> Self {
        Self {
            digest: facts.digest.to_string(),
            trained_at: facts.trained_time.map(|moment| moment.to_string()).unwrap_or_default(),
            facts,
            usage,
            arm,
            barred,
            since,
            gatherer: None,
            bundle,
        }
    }

    /// The same, which scores together what `gatherer` gathers, if there is one.
    pub(crate) fn gathering(self, gatherer: Option<Gatherer>) -> Self {
        Self { gatherer, ..self }
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
    /// Its version answers once it is loaded again. All versions of a slot sleep, or none.
    Cold(Arc<Cold>),
    /// Its version cannot be loaded. Never of a champion: without that, a generation is not served at all.
    Unserved {
        facts: Box<Facts>,
        /// Why.
        problem: String,
        /// What sleeps again with its slot and is tried at the next wake.
        cold: Option<Arc<Cold>>,
    },
}

impl Seat {
    pub(crate) fn facts(&self) -> &Facts {
        match self {
            Self::Served(entry) => &entry.facts,
            Self::Cold(cold) => &cold.facts,
            Self::Unserved { facts, .. } => facts,
        }
    }

    /// What answers at once, if anything does.
    pub(crate) fn entry(&self) -> Option<&Arc<Entry>> {
        match self {
            Self::Served(entry) => Some(entry),
            Self::Cold(_) | Self::Unserved { .. } => None,
        }
    }

    /// What sleeps here, if anything does.
    pub(crate) fn cold(&self) -> Option<&Arc<Cold>> {
        match self {
            Self::Cold(cold) => Some(cold),
            Self::Served(_) | Self::Unserved { .. } => None,
        }
    }

    /// Why nothing answers.
    pub(crate) fn problem(&self) -> Option<&str> {
        match self {
            Self::Served(_) | Self::Cold(_) => None,
            Self::Unserved { problem, .. } => Some(problem),
        }
    }

    /// What the version did in this process, if it answers.
    pub(crate) fn usage(&self) -> Option<&Counters> {
        match self {
            Self::Served(entry) => Some(&entry.usage),
            Self::Cold(cold) => Some(&cold.usage),
            Self::Unserved { .. } => None,
        }
    }

    /// What it did of that behind this alias.
    pub(crate) fn arm(&self) -> Option<&Arm> {
        match self {
            Self::Served(entry) => Some(&entry.arm),
            Self::Cold(cold) => Some(&cold.arm),
            Self::Unserved { .. } => None,
        }
    }

    /// Why it does not answer its part of the traffic.
    pub(crate) fn barred(&self) -> Option<&str> {
        match self {
            Self::Served(entry) => entry.barred.as_deref(),
            Self::Cold(cold) => cold.barred.as_deref(),
            Self::Unserved { .. } => None,
        }
    }

    /// Whether it answers requests that ask for no version.
    pub(super) fn takes_traffic(&self) -> bool {
        let facts = self.facts();
        let admitted = || facts.traffic.split().is_some() && self.barred().is_none();
        self.problem().is_none() && (facts.alias.is_champion() || admitted())
    }
}

/// What a request finds.
#[derive(Debug, Clone)]
pub(crate) enum Found {
    /// What answers it.
    Awake(Target),
    /// What answers it once its slot has woken.
    Asleep(Arc<Cold>),
}

/// The entry that answers a request, and the generation it was found in. Holding it keeps the model loaded.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) entry: Arc<Entry>,
    pub(crate) generation: u64,
    /// Whether the request asked for no version, and the slot's traffic decided.
    pub(crate) routed: bool,
}

impl Found {
    pub(crate) fn facts(&self) -> &Facts {
        match self {
            Self::Awake(target) => &target.entry.facts,
            Self::Asleep(cold) => &cold.facts,
        }
    }
}
