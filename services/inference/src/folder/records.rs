//! What a batch writes about itself, as JSON.

use std::collections::BTreeMap;

use lineal_kernel::{Digest, FieldError};
use serde::{Deserialize, Serialize};

use super::BatchWish;
use crate::{cache::StoredFacts, domain::Facts};

/// What is settled before the first row is scored, and never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FirstRecord {
    pub(crate) batch_id: String,
    /// What was asked for: a number, `@alias`, or nothing.
    pub(crate) asked: String,
    pub(crate) input: String,
    pub(crate) input_digest: Digest,
    pub(crate) rows: u64,
    pub(crate) key_columns: Vec<String>,
    pub(crate) rows_per_part: u64,
    /// The version that scores every row.
    pub(crate) version: StoredFacts,
    /// The generation in which it was found.
    pub(crate) generation: u64,
    pub(crate) started_us: i64,
}

/// One file that is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartRecord {
    pub(crate) file: String,
    pub(crate) digest: Digest,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    /// Rows by predicted label.
    pub(crate) label_counts: BTreeMap<String, u64>,
}

/// How the scores of a batch are distributed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Distribution {
    /// Pairs of level and score.
    pub(crate) quantiles: Vec<(f64, f64)>,
    pub(crate) mean: f64,
    /// Deciles without repetitions.
    pub(crate) edges: Vec<f64>,
    /// Rows up to and with each edge, and beyond the last one.
    pub(crate) counts: Vec<u64>,
}

/// The batch before, and how this one lies in its bins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Previous {
    pub(crate) batch_id: String,
    pub(crate) counts: Vec<u64>,
}

/// The whole batch. Once it is there, the batch is finished.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct BatchManifest {
    pub(crate) first: FirstRecord,
    pub(crate) parts: Vec<PartRecord>,
    pub(crate) label_counts: BTreeMap<String, u64>,
    pub(crate) distribution: Distribution,
    /// Absent for the first batch of a model in a slot.
    pub(crate) previous: Option<Previous>,
    /// The replica that finished it.
    pub(crate) replica: String,
    pub(crate) finished_us: i64,
}

impl FirstRecord {
    /// What of `wish` is not as the batch was begun; `None` if it is the same batch.
    pub(crate) fn differs(&self, wish: &BatchWish, input: Digest) -> Option<&'static str> {
        let same = [
            ("model", self.version.model == wish.model.as_str()),
            ("slot", self.version.slot == wish.slot.to_string()),
            ("model_version", self.asked == wish.asked),
            ("input", self.input_digest == input),
            ("key_columns", self.key_columns == wish.key_columns),
            ("rows_per_part", self.rows_per_part == wish.rows_per_part),
        ];
        same.into_iter().find(|(_, same)| !same).map(|(field, _)| field)
    }

    /// The version that scores, as the registry told of it.
    pub(crate) fn facts(&self) -> Result<Facts, FieldError> {
        self.version.clone().try_into()
    }

    /// How many files the batch has.
    pub(crate) fn parts(&self) -> u64 {
        self.rows.div_ceil(self.rows_per_part.max(1))
    }

    /// The rows that file `part` covers: the first one and how many.
    pub(crate) fn range(&self, part: u64) -> (u64, u64) {
        let first = part * self.rows_per_part;
        (first, self.rows_per_part.min(self.rows - first))
    }
}
