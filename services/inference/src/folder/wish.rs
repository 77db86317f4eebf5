//! What a batch is asked for.

use lineal_data::FileFormat;
use lineal_kernel::{ModelName, Name, Slot};

use super::Place;
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
}
