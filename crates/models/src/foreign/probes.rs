//! Rows made of a model's own thresholds, for models that come without any.

use lineal_data::{Column, DataError, Frame};

use super::ForeignModel;
use crate::{Comparison, Model, Softmax, Trees};

/// How many rows.
const ROWS: usize = 16;

impl ForeignModel {
    /// Rows that between them lie on many sides of the model's splits: each feature goes through its thresholds in an
    /// order of its own, or through members of its sets. The last row is missing everywhere.
    ///
    /// # Errors
    /// [`DataError`] if two features have one name.
    pub fn probes(&self) -> Result<Frame, DataError> {
        let mut values = vec![Vec::new(); self.features.len()];
        for trees in self.trees() {
            collect(trees, &mut values);
        }
        let mut frame = Frame::new(ROWS);
        for (j, (name, mut values)) in self.features.iter().zip(values).enumerate() {
            values.sort_unstable_by(f64::total_cmp);
            values.dedup();
            // An odd step visits every place once, and neighbours in another order.
            let place = |row: usize| row * (2 * j + 1) % ROWS;
            let pick = |row: usize| values.get(place(row) * values.len() / ROWS).copied().unwrap_or(0.0);
            let column = (0..ROWS).map(|row| if row + 1 == ROWS { f64::NAN } else { pick(row) }).collect();
            frame.push_new(name.clone(), Column::Numbers(column))?;
        }
        Ok(frame)
    }

    fn trees(&self) -> impl Iterator<Item = &Trees> {
        let members = match &self.model {
            Model::Softmax(Softmax { members, .. }) => members.as_slice(),
            only => std::slice::from_ref(only),
        };
        members.iter().filter_map(|member| if let Model::Trees(trees) = member { Some(trees) } else { None })
    }
}

/// Adds what each split compares with to the values of its feature.
fn collect(trees: &Trees, values: &mut [Vec<f64>]) {
    for node in (0..trees.children.len()).filter(|node| trees.children[*node] != 0) {
        let value = match trees.comparison(node) {
            Comparison::Below | Comparison::BelowUnlessZero => trees.values[node],
            Comparison::Member => first(&trees.sets[trees.values[node] as usize]),
        };
        // The largest number stands for no upper end.
        if value < f64::MAX {
            values[trees.split_features[node] as usize].push(value);
        }
    }
}

/// The least member of a set; 0 if there is none.
fn first(set: &[u32]) -> f64 {
    let word = set.iter().position(|word| *word != 0).unwrap_or(0);
    set.get(word).filter(|bits| **bits != 0).map_or(0.0, |bits| (32 * word) as f64 + f64::from(bits.trailing_zeros()))
}
