//! Blocks: what each stage of a version's life leaves on it, as JSON.

use std::{collections::BTreeMap, str::FromStr};

use lineal_kernel::{ModelName, RequestId, VersionNumber};
use serde_json::{Map, Value, json};

use super::{promotion::Promotion, validation::Validation, version::Version};

/// A stage of a version's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BlockStage {
    /// It was trained.
    Training,
    /// It was judged.
    Validation,
    /// Its answers were compared with the truth.
    Performance,
    /// Its inputs were compared with those it was trained on.
    Drift,
    /// It was given up, or brought back.
    Rollback,
}

/// One JSON object for each stage that is done.
pub type Blocks = BTreeMap<BlockStage, Map<String, Value>>;

/// The wish to store a block.
#[derive(Debug, Clone)]
pub struct RecordBlock {
    /// The model.
    pub model: ModelName,
    /// The version.
    pub number: VersionNumber,
    /// The stage that found it.
    pub stage: BlockStage,
    /// What it found.
    pub body: Map<String, Value>,
    /// Key of this intended change.
    pub request_id: RequestId,
}

impl BlockStage {
    const ALL: [Self; 5] = [Self::Training, Self::Validation, Self::Performance, Self::Drift, Self::Rollback];

    /// The stored word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Validation => "validation",
            Self::Performance => "performance",
            Self::Drift => "drift",
            Self::Rollback => "rollback",
        }
    }
}

impl FromStr for BlockStage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|stage| stage.word() == text).ok_or_else(|| format!("`{text}` is no block stage"))
    }
}

/// What training found.
pub fn training(version: &Version) -> Value {
    let lineage = &version.lineage;
    json!({
        "metrics": version.metrics,
        "training_rows": lineage.training_rows,
        "validation_rows": lineage.validation_rows,
        "duration_seconds": lineage.training_micros as f64 / 1e6,
    })
}

/// What a verdict found.
pub fn validation(validation: &Validation) -> Value {
    json!({
        "report_id": validation.report_id,
        "passed": validation.passed,
        "champion_number": validation.champion_number,
        "reference_digest": validation.reference_digest.to_string(),
        "metrics": validation.metrics,
        "failures": validation.failures,
        "slot": validation.slot,
    })
}

/// What a rollback did to a version: `left` is true for the one that was given up.
pub fn rollback(rollback: &Promotion, left: bool) -> Value {
    json!({
        "promotion_id": rollback.promotion_id,
        "role": if left { "left" } else { "brought_back" },
        "slot": rollback.slot,
        "generation": rollback.generation,
        "reason": rollback.reason,
        "actor": rollback.actor,
    })
}
