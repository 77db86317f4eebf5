//! Features that were computed once and are used again: by jobs on the same rows with the same feature set.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use lineal_data::{DataError, FeatureSet, FittedFeatures, Frame, Matrix};
use lineal_kernel::Digest;

/// What a feature set learned from rows, and their features.
#[derive(Debug, PartialEq)]
pub(super) struct Features {
    pub(super) fitted: FittedFeatures,
    pub(super) matrix: Matrix,
}

impl Features {
    /// Computes them.
    pub(super) fn of(set: &FeatureSet, frame: &Frame) -> Result<Self, DataError> {
        let fitted = set.fit(frame)?;
        let matrix = fitted.transform(frame)?;
        Ok(Self { fitted, matrix })
    }
}

/// Rows, by their snapshot, and a feature set, both by digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FeatureKey {
    pub(super) rows: Digest,
    pub(super) set: Digest,
}

/// The features used last, as many as fit.
pub(super) struct FeatureCache {
    /// Bytes.
    limit: usize,
    /// The ones used last are at the back.
    kept: Mutex<VecDeque<(FeatureKey, Arc<Features>)>>,
}

impl FeatureCache {
    /// Keeps at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, kept: Mutex::default() }
    }

    /// The features of `frame`, the rows of `key`, and whether they were there already.
    pub(super) fn features(
        &self,
        key: FeatureKey,
        set: &FeatureSet,
        frame: &Frame,
    ) -> Result<(Arc<Features>, bool), DataError> {
        if let Some(known) = self.take(key) {
            self.put(key, Arc::clone(&known));
            return Ok((known, true));
        }
        // Nobody waits for it: two jobs at once compute the same twice.
        let features = Arc::new(Features::of(set, frame)?);
        self.put(key, Arc::clone(&features));
        Ok((features, false))
    }

    fn take(&self, key: FeatureKey) -> Option<Arc<Features>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(known, _)| *known == key)?;
        kept.remove(at).map(|(_, features)| features)
    }

    fn put(&self, key: FeatureKey, features: Arc<Features>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(known, _)| *known != key);
        kept.push_back((key, features));
        while kept.iter().map(|(_, features)| bytes(features)).sum::<usize>() > self.limit {
            kept.pop_front();
        }
    }
}

/// The matrix outweighs everything else.
fn bytes(features: &Features) -> usize {
    size_of_val(features.matrix.values())
}

#[cfg(test)]
mod tests {
    use lineal_data::Table;

    use super::*;

    fn frame(last: usize) -> Frame {
        Table::from_csv(format!("x,label\n1,a\n2,b\n{last},a\n").as_bytes()).unwrap().to_frame()
    }

    fn set() -> FeatureSet {
        FeatureSet::infer(&Table::from_csv(b"x,label\n1,a\n").unwrap(), "label", &[]).unwrap()
    }

    fn key(rows: usize) -> FeatureKey {
        FeatureKey { rows: Digest::of(&rows.to_le_bytes()), set: set().digest().unwrap() }
    }

    // F89
    #[test]
    fn the_same_rows_and_features_are_computed_once() {
        let cache = FeatureCache::new(1 << 20);
        let (first, known) = cache.features(key(3), &set(), &frame(3)).unwrap();
        assert!(!known);
        let (second, known) = cache.features(key(3), &set(), &frame(3)).unwrap();
        assert!(known && Arc::ptr_eq(&first, &second));
        let (other, known) = cache.features(key(4), &set(), &frame(4)).unwrap();
        assert!(!known);
        assert_ne!(other.matrix, first.matrix);
        let renamed = FeatureKey { set: Digest::of(b"another set"), ..key(3) };
        assert!(!cache.features(renamed, &set(), &frame(3)).unwrap().1);
    }

    // F89
    #[test]
    fn what_was_used_longest_ago_makes_room() {
        // Three rows of one number each.
        let cache = FeatureCache::new(2 * 3 * 8);
        for rows in [1, 2, 1, 3] {
            cache.features(key(rows), &set(), &frame(rows)).unwrap();
        }
        let known = |rows| cache.features(key(rows), &set(), &frame(rows)).unwrap().1;
        assert!(known(1) && known(3) && !known(2));
        let none = FeatureCache::new(0);
        none.features(key(1), &set(), &frame(1)).unwrap();
        assert!(!none.features(key(1), &set(), &frame(1)).unwrap().1);
    }
}
