//! How a version came to be.

use std::{collections::BTreeMap, str::FromStr};

use lineal_kernel::{Digest, ModelName, Timestamp, VersionNumber};
use serde::{Deserialize, Serialize};

use super::{display::DisplayState, version::Version};

/// The part of [`Lineage::environment`] that says which share of the rows a training took, if it did not take all.
pub const SAMPLE_FRACTION: &str = "sample_fraction";

/// The facts of one training. No digest is optional: what cannot be named cannot be reproduced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lineage {
    /// Identity of this record.
    pub lineage_id: String,
    /// The run that made the version.
    pub run_id: String,
    /// The champion at the time of training; 0 for none.
    pub parent_number: u64,
    /// Training snapshot.
    pub data_digest: Digest,
    /// Reference set.
    pub reference_digest: Digest,
    /// Feature set.
    pub feature_digest: Digest,
    /// Resolved hyperparameters.
    pub hyperparameters_digest: Digest,
    /// Commit or release of the training code.
    pub code_version: String,
    /// Name of the dataset.
    pub dataset: String,
    /// Named recipe versions that were in force; they become the slot's defaults at promotion.
    pub recipe: Recipe,
    /// Wall-clock time of the fit, in microseconds.
    pub training_micros: u64,
    /// Rows fitted on.
    pub training_rows: u64,
    /// Rows of the reference set.
    pub validation_rows: u64,
    /// Program, system, threads.
    pub environment: BTreeMap<String, String>,
}

/// The named versions of how to train: what the next training uses when it names none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// How rows are split.
    pub split_version: String,
    /// Which features are computed.
    pub feature_version: String,
    /// Which family with which hyperparameters.
    pub model_version: String,
}

/// Why one version leads to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// It was the champion when the other was trained.
    Parent,
    /// The other uses its answers.
    Upstream,
}

impl Relation {
    /// The stored word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Parent => "parent",
            Self::Upstream => "upstream",
        }
    }
}

impl FromStr for Relation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "parent" => Ok(Self::Parent),
            "upstream" => Ok(Self::Upstream),
            _ => Err(format!("`{text}` relates no versions")),
        }
    }
}

/// Names one version.
pub type VersionName = (ModelName, VersionNumber);

/// A step of a walk through lineage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The younger version.
    pub from: VersionName,
    /// The older one.
    pub to: VersionName,
    /// What the older one was to the younger.
    pub relation: Relation,
}

/// A version as a walk shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Relative {
    /// Which.
    pub name: VersionName,
    /// For people.
    pub label: String,
    /// What it was trained as.
    pub family: String,
    /// Digest of the bundle's manifest.
    pub digest: Digest,
    /// The word that people see.
    pub state: DisplayState,
    /// The inputs of its run are no longer what was logged.
    pub tainted: bool,
    /// When it was registered.
    pub created: Timestamp,
}

/// Which way along edges a walk goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To older versions.
    Ancestors,
    /// To younger ones.
    Descendants,
}

impl Direction {
    /// Where a step along `edge` ends.
    pub fn far_end(self, edge: &Edge) -> &VersionName {
        match self {
            Self::Ancestors => &edge.to,
            Self::Descendants => &edge.from,
        }
    }
}

/// What a version comes from: its parent, then its upstreams in their order.
pub fn origins(version: &Version) -> Vec<Edge> {
    let from = (version.model.clone(), version.number);
    let parent = VersionNumber::new(version.lineage.parent_number).ok();
    let parent = parent.map(|number| (Relation::Parent, (version.model.clone(), number)));
    let upstreams = version.upstreams.iter().cloned().map(|upstream| (Relation::Upstream, upstream));
    parent.into_iter().chain(upstreams).map(|(relation, to)| Edge { from: from.clone(), to, relation }).collect()
}
