//! What a batch is asked for.

use lineal_data::FileFormat;
use lineal_kernel::{ModelName, Name, Slot};

use super::{FirstRecord, Place};
use crate::domain::Wanted;

/// The wish to score a file.
#[derive(Debug, Clone)]
pub(crate) struct BatchWish {
    pub(crate) model: ModelName,
    pub(crate) slot: Slot,
    pub(crate) wanted: Wanted,
    /// `wanted` as it was asked for; empty for the champion.
    pub(crate) asked: String,
    pub(crate) batch_id: Name,
    pub(crate) input: Place,
    pub(crate) format: FileFormat,
    /// Holds a folder for each model.
    pub(crate) output: Place,
    /// Columns that go into the output as they are.
    pub(crate) key_columns: Vec<String>,
    pub(crate) rows_per_part: u64,
    pub(crate) unsaid: Unsaid,
}

/// What the caller left open, so that a batch that is taken up keeps what it began with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unsaid {
    pub(crate) key_columns: bool,
    pub(crate) rows_per_part: bool,
}

impl BatchWish {
    /// The wish to go on with a batch that began with `first`.
    pub(crate) fn resuming(mut self, first: &FirstRecord) -> Self {
        if self.unsaid.key_columns {
            self.key_columns.clone_from(&first.key_columns);
        }
        if self.unsaid.rows_per_part {
            self.rows_per_part = first.rows_per_part;
        }
        self
    }
}
