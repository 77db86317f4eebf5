//! Batches: what is taken for blanks, and how far they have come.

/// What is done with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Stage {
    /// Others have their turn.
    #[default]
    Waiting,
    /// The input is read once.
    Surveying,
    /// Rows are scored.
    Scoring,
    /// Scores are summed up and the manifest is written.
    Finishing,
}

/// What is taken for the blanks of a wish to score a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScoringDefaults {
    /// The folder of the predictions; empty for none.
    pub(crate) output: String,
    /// Columns that go into the predictions as they are.
    pub(crate) key_columns: Vec<String>,
    /// Rows of one file; 0 for none.
    pub(crate) rows_per_part: u64,
}

/// How far a batch has come.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Progress {
    pub(crate) stage: Stage,
    /// The version that scores; 0 until it is known.
    pub(crate) version: u64,
    /// Of the input; 0 until it was surveyed.
    pub(crate) rows: u64,
    /// Rows in files that are whole.
    pub(crate) rows_done: u64,
    /// Files that are whole.
    pub(crate) parts_done: u64,
    /// Rows that this attempt scored in a second.
    pub(crate) rows_per_second: f64,
}
