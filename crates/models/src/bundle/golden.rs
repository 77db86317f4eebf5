//! Golden rows: raw rows with the scores they had when the bundle was made.

use lineal_data::Frame;
use serde::{Deserialize, Serialize};

use super::{BundleError, ScoreError, Scorer, SignatureColumn, malformed, manifest::GOLDEN};

/// Most golden rows of a bundle.
const ROWS: usize = 16;
/// Up to here every number of rows is tried together. An engine works on blocks of rows, and of values, which are no larger; what is
/// left over of them goes another way.
const EVERY_SIZE: usize = 16;

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

    /// Whether every row scores the same to the last bit alone and together with others, up to `most` rows. What is tried is
    /// every number of rows that can matter; up to [`EVERY_SIZE`] each row moves on by a place from one number to the next.
    pub(super) fn is_alike_together(&self, scorer: &Scorer, most: usize) -> Result<bool, ScoreError> {
        let rows = self.rows.rows();
        if rows < 2 {
            // Among copies of itself a row scores alike also where others would count.
            return Ok(false);
        }
        let bits = |chosen: &[usize]| -> Result<Vec<u64>, ScoreError> {
            Ok(scorer.score(&self.rows.take(chosen))?.into_iter().map(f64::to_bits).collect())
        };
        let alone = (0..rows).map(|row| bits(&[row])).collect::<Result<Vec<_>, _>>()?;
        let larger = std::iter::successors(Some(2 * EVERY_SIZE), |size| Some(2 * size)).take_while(|size| *size < most);
        for size in (2..=EVERY_SIZE.min(most)).chain(larger).chain([most]) {
            let chosen: Vec<_> = (0..size).map(|place| (place + size) % rows).collect();
            if bits(&chosen)?.iter().ne(chosen.iter().flat_map(|row| &alone[*row])) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
