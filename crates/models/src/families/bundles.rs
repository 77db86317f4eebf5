//! Bins side by side, for one pass over rows that sums for all features. Features that are never out of the usual at the
//! same time, as those of one text are not, share a place (Ke et al., LightGBM, 2017, section 4).

use rayon::prelude::*;

use super::{
    bins::{Bins, MISSING},
    sums::{Pair, add, without},
};

/// Codes of a bundle.
const CODES: usize = 256;
/// A feature is put into one of the first so many bundles, or into its own.
const TRIED: usize = 64;
/// Rows summed by one thread at a time.
const ROWS: usize = 16_384;

/// Codes for the bins of all features. In each bundle the code 0 says that all its features are in their usual bin.
pub(super) struct Bundles {
    /// Row after row, one for each bundle.
    codes: Vec<u8>,
    /// Where the sums of each bundle begin in a histogram.
    starts: Vec<usize>,
    slots: usize,
    places: Vec<Place>,
}

/// Where the bins of a feature are found. Missing values are its last bin, if there are some.
#[derive(Debug, Clone, Copy)]
struct Place {
    bundle: usize,
    /// The code of its first bin that is not the usual one.
    first: usize,
    usual: usize,
    bins: usize,
    missing: bool,
}

/// A bundle while it is filled.
struct Bundle {
    codes: Vec<u8>,
    used: usize,
    /// Rows with a code other than 0.
    filled: usize,
}

/// Sums of one feature, for a scan from the lowest bin to the highest.
pub(super) struct FeatureSums {
    /// By bin, without missing values.
    pub(super) bins: Vec<Pair>,
    pub(super) missing: Pair,
}

impl Bundles {
    pub(super) fn new(bins: &Bins, rows: usize, features: usize) -> Self {
        let (mut bundles, mut places) = (Vec::new(), Vec::with_capacity(features));
        for j in 0..features {
            let (place, filled) = Place::of(bins.of(j));
            places.push(place.settle(bins.of(j), filled, &mut bundles));
        }
        let (mut starts, mut slots) = (Vec::new(), 0);
        for bundle in &bundles {
            starts.push(slots);
            slots += bundle.used;
        }
        let width = bundles.len();
        let mut codes = vec![0; rows * width];
        codes.par_chunks_mut(ROWS * width).enumerate().for_each(|(part, codes)| {
            for (b, bundle) in bundles.iter().enumerate() {
                let from = &bundle.codes[part * ROWS..];
                codes.iter_mut().skip(b).step_by(width).zip(from).for_each(|(to, from)| *to = *from);
            }
        });
        Self { codes, starts, slots, places }
    }

    /// How many features there are.
    pub(super) fn features(&self) -> usize {
        self.places.len()
    }

    /// How many sums a histogram has.
    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    /// The sums over `rows`, by bundle and code; `pairs` are those of all rows.
    pub(super) fn histogram(&self, rows: &[u32], pairs: &[Pair]) -> Vec<Pair> {
        let none = || vec![[0; 2]; self.slots];
        let with = |mut histogram: Vec<Pair>, rows: &[u32]| {
            self.add(rows, pairs, &mut histogram);
            histogram
        };
        if rows.len() <= ROWS {
            return with(none(), rows);
        }
        rows.par_chunks(ROWS).fold(none, with).reduce(none, |mut one, other| {
            one.iter_mut().zip(other).for_each(|(sum, part)| add(sum, part));
            one
        })
    }

    fn add(&self, rows: &[u32], pairs: &[Pair], histogram: &mut [Pair]) {
        let width = self.starts.len();
        for &row in rows {
            let (row, pair) = (row as usize, pairs[row as usize]);
            let codes = &self.codes[row * width..][..width];
            for (&code, &start) in codes.iter().zip(&self.starts) {
                add(&mut histogram[start + usize::from(code)], pair);
            }
        }
    }

    /// The sums of feature `j` in a histogram of rows whose sum is `total`.
    pub(super) fn of_feature(&self, j: usize, histogram: &[Pair], total: Pair, into: &mut FeatureSums) {
        let place = self.places[j];
        let others = &histogram[self.starts[place.bundle] + place.first..][..place.bins - 1];
        let usual = others.iter().fold(total, |rest, pair| without(rest, *pair));
        into.bins.clear();
        into.bins.extend_from_slice(&others[..place.usual]);
        into.bins.push(usual);
        into.bins.extend_from_slice(&others[place.usual..]);
        into.missing = if place.missing { into.bins.pop().unwrap_or_default() } else { [0; 2] };
    }

    /// Keeps those of `rows` that are left of a split behind bin `bin` of feature `j`, and returns the others.
    pub(super) fn part(&self, rows: &mut Vec<u32>, j: usize, bin: usize, missing_left: bool) -> Vec<u32> {
        let place = self.places[j];
        let goes_left = |b: usize| if place.missing && b + 1 == place.bins { missing_left } else { b <= bin };
        let mut left = [goes_left(place.usual); CODES];
        for b in (0..place.bins).filter(|b| *b != place.usual) {
            left[place.code(b)] = goes_left(b);
        }
        let width = self.starts.len();
        let (mut kept, mut right, mut others) = (0, 0, vec![0; rows.len()]);
        for i in 0..rows.len() {
            let row = rows[i];
            let is_left = left[usize::from(self.codes[row as usize * width + place.bundle])];
            // Both are written and one counts: which one cannot be foreseen.
            rows[kept] = row;
            others[right] = row;
            kept += usize::from(is_left);
            right += usize::from(!is_left);
        }
        rows.truncate(kept);
        others.truncate(right);
        others
    }
}

impl Place {
    /// Of a column of bins, not yet in a bundle; in how many rows it is not the usual one.
    fn of(column: &[u8]) -> (Self, usize) {
        let mut counts = [0_usize; CODES];
        for bin in column {
            counts[usize::from(*bin)] += 1;
        }
        let missing = counts[usize::from(MISSING)];
        let present = counts[..usize::from(MISSING)].iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        let (usual, count) =
            counts[..present].iter().copied().enumerate().max_by_key(|(_, count)| *count).unwrap_or((0, 0));
        let usual = if missing > count { present } else { usual };
        let place = Self { bundle: 0, first: 1, usual, bins: present + usize::from(missing > 0), missing: missing > 0 };
        (place, column.len() - missing.max(count))
    }

    /// The bin that a byte of the column stands for.
    fn bin(self, byte: u8) -> usize {
        if byte == MISSING && self.missing { self.bins - 1 } else { usize::from(byte) }
    }

    /// The code of a bin in the bundle.
    fn code(self, bin: usize) -> usize {
        match bin.cmp(&self.usual) {
            std::cmp::Ordering::Less => self.first + bin,
            std::cmp::Ordering::Equal => 0,
            std::cmp::Ordering::Greater => self.first + bin - 1,
        }
    }

    /// In the first bundle with room for its codes and for all its rows, `filled` of which are not usual.
    fn settle(mut self, column: &[u8], filled: usize, bundles: &mut Vec<Bundle>) -> Self {
        let more = self.bins - 1;
        let fits = |bundle: &Bundle| {
            bundle.used + more <= CODES
                && bundle.filled + filled <= column.len()
                && column.iter().zip(&bundle.codes).all(|(byte, code)| *code == 0 || self.bin(*byte) == self.usual)
        };
        self.bundle = bundles.iter().take(TRIED).position(fits).unwrap_or_else(|| {
            bundles.push(Bundle { codes: vec![0; column.len()], used: 1, filled: 0 });
            bundles.len() - 1
        });
        let bundle = &mut bundles[self.bundle];
        self.first = bundle.used;
        bundle.used += more;
        bundle.filled += filled;
        for (code, byte) in bundle.codes.iter_mut().zip(column) {
            let bin = self.bin(*byte);
            if bin != self.usual {
                *code = self.code(bin) as u8;
            }
        }
        self
    }
}

impl FeatureSums {
    pub(super) fn new() -> Self {
        Self { bins: Vec::with_capacity(CODES), missing: [0; 2] }
    }
}

#[cfg(test)]
mod tests {
    use lineal_data::Matrix;

    use super::*;

    /// Two numbers, one of three texts as a column each, a constant, and a column with holes.
    fn bins(rows: usize) -> Bins {
        let row = |i: usize| {
            let hole = if i.is_multiple_of(3) { f64::NAN } else { (i % 4) as f64 };
            let text = |k: usize| f64::from(i % 7 % 3 == k);
            [(i % 5) as f64, (i * 7 % 11) as f64, text(0), text(1), text(2), 1.0, hole]
        };
        Bins::new(&Matrix::new(rows, 7, (0..rows).flat_map(row).collect()).unwrap())
    }

    #[test]
    fn texts_share_a_bundle_and_every_feature_keeps_its_sums() {
        let rows = 2 * ROWS + 77;
        let bins = bins(rows);
        let bundles = Bundles::new(&bins, rows, 7);
        let shared = |j: usize| bundles.places[j].bundle;
        assert!(shared(2) == shared(3) && shared(0) != shared(1), "{:?}", bundles.places);
        let pairs: Vec<Pair> = (0..rows as i64).map(|i| [i % 13 - 6, i % 5]).collect();
        let chosen: Vec<u32> = (0..rows as u32).filter(|row| row % 8 != 2).collect();
        let histogram = bundles.histogram(&chosen, &pairs);
        let mut total = [0; 2];
        for row in &chosen {
            add(&mut total, pairs[*row as usize]);
        }
        let mut found = FeatureSums::new();
        for j in 0..7 {
            let mut expected = vec![[0; 2]; CODES];
            for row in &chosen {
                add(&mut expected[usize::from(bins.of(j)[*row as usize])], pairs[*row as usize]);
            }
            bundles.of_feature(j, &histogram, total, &mut found);
            assert_eq!(found.bins, expected[..found.bins.len()], "feature {j}");
            assert_eq!(found.missing, expected[usize::from(MISSING)], "feature {j}");
            assert!(expected[found.bins.len()..usize::from(MISSING)].iter().all(|sum| *sum == [0; 2]));
        }
    }

    #[test]
    fn rows_are_parted_by_bin_in_their_order() {
        let bins = bins(500);
        let bundles = Bundles::new(&bins, 500, 7);
        for (j, bin) in [(0, 1), (1, 6), (2, 0), (3, 0), (6, 1), (6, 3)] {
            for missing_left in [true, false] {
                let goes_left = |row: &u32| match bins.of(j)[*row as usize] {
                    MISSING => missing_left,
                    other => usize::from(other) <= bin,
                };
                let (left, right): (Vec<u32>, Vec<u32>) = (0..500).partition(goes_left);
                let mut rows: Vec<u32> = (0..500).collect();
                assert_eq!(bundles.part(&mut rows, j, bin, missing_left), right);
                assert_eq!(rows, left);
            }
        }
    }
}
