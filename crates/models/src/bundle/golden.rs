//! Golden rows: raw rows with the scores they had when the bundle was made.

use lineal_data::Frame;
use serde::{Deserialize, Serialize};

use super::{BundleError, ScoreError, Scorer, SignatureColumn, malformed, manifest::GOLDEN};

/// Most golden rows of a bundle.
const ROWS: usize = 16;
/// Raw rows and the scores they must have, row after row.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Golden {
    rows: Frame,
    scores: Vec<f64>,
}

impl Golden {
    /// Evenly spread rows of `frame`, the raw columns that are needed only, scored.
    pub(super) fn new(frame: &Frame, scorer: &Scorer) -> Result<Self, BundleError> {
        let count = frame.rows().min(ROWS);
        if count == 0 {
            return Err(BundleError::NoRows);
        }
        let chosen: Vec<usize> = (0..count).map(|i| i * frame.rows() / count).collect();
        let spread = frame.take(&chosen);
        let mut rows = Frame::new(count);
        for SignatureColumn { name, .. } in scorer.inputs() {
            // A column that is not there is reported by scoring, all of them at once.
            if let Some(column) = spread.column(&name) {
                rows.push(name, column.clone()).map_err(ScoreError::from)?;
            }
        }
        let scores = scorer.score(&rows)?;
        Ok(Self { rows, scores })
    }

    /// The scores of all rows, row after row.
    pub(super) fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// The rows.
    pub(super) fn into_rows(self) -> Frame {
        self.rows
    }

    /// How many rows they are.
    pub(super) fn len(&self) -> usize {
        self.rows.rows()
    }

    /// Scores the rows again; returns how many they are. Without one of its members an ensemble answers otherwise than it did.
    pub(super) fn replay(&self, scorer: &Scorer) -> Result<usize, BundleError> {
        let (rows, outputs) = (self.rows.rows(), scorer.outputs());
        if !(1..=ROWS).contains(&rows) || rows.checked_mul(outputs) != Some(self.scores.len()) {
            return Err(malformed(GOLDEN, format!("expected 1 to {ROWS} rows with {outputs} scores each")));
        }
        let found = scorer.score(&self.rows)?;
        for (i, (&expected, found)) in self.scores.iter().zip(found).enumerate() {
            let near = (expected - found).abs() <= scorer.tolerance(expected);
            if !near && scorer.is_whole() {
                return Err(BundleError::GoldenMismatch { row: i / outputs, expected, found });
            }
        }
        Ok(rows)
    }
}
