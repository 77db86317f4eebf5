//! Columns as bins: between which values a split can fall.

use lineal_data::Matrix;
use rayon::prelude::*;

/// The bin of a missing value, behind all others.
pub(super) const MISSING: u8 = u8::MAX;
/// Most bins of values that are there.
const BINS: usize = 255;

/// Every column as bins. Few distinct values have a bin each, others share bins of about equally many rows.
pub(super) struct Bins {
    columns: Vec<Column>,
}

struct Column {
    /// Ascending; bin `b` holds the values from cut `b - 1` up to, and without, cut `b`.
    cuts: Vec<f64>,
    /// Per row.
    bins: Vec<u8>,
}

impl Bins {
    pub(super) fn new(features: &Matrix) -> Self {
        let column = |j: usize| {
            let values: Vec<f64> = features.column(j).collect();
            let cuts = cuts(values.iter().copied().filter(|value| !value.is_nan()).collect());
            let bin = |value: &f64| {
                if value.is_nan() { MISSING } else { cuts.partition_point(|cut| cut <= value) as u8 }
            };
            Column { bins: values.iter().map(bin).collect(), cuts }
        };
        Self { columns: (0..features.cols()).into_par_iter().map(column).collect() }
    }

    /// The bin of each row in column `j`.
    pub(super) fn of(&self, j: usize) -> &[u8] {
        &self.columns[j].bins
    }

    /// The value from which on rows are right of a split behind bin `b` of column `j`; behind the last one all values
    /// are left.
    pub(super) fn threshold(&self, j: usize, b: usize) -> f64 {
        self.columns[j].cuts.get(b).copied().unwrap_or(f64::MAX)
    }
}

/// Cuts half-way between neighbouring values.
fn cuts(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let groups: Vec<&[f64]> = values.chunk_by(|a, b| a >= b).collect();
    let all = groups.len() <= BINS;
    let (mut cuts, mut filled, mut rest) = (Vec::new(), 0, values.len());
    for pair in groups.windows(2) {
        filled += pair[0].len();
        let bins_left = BINS - cuts.len();
        if all || (bins_left > 1 && filled * bins_left >= rest) {
            let (below, above) = (pair[0][0], pair[1][0]);
            let middle = f64::midpoint(below, above);
            // Between neighbours in the number format there is nothing.
            cuts.push(if middle > below { middle } else { above });
            (rest, filled) = (rest - filled, 0);
        }
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_have_a_bin_each_and_missing_ones_their_own() {
        let x = Matrix::new(5, 1, vec![3.0, f64::NAN, -1.0, 3.0, 0.0]).unwrap();
        let bins = Bins::new(&x);
        assert_eq!(bins.of(0), [2, MISSING, 0, 2, 1]);
        assert_eq!((bins.threshold(0, 0), bins.threshold(0, 1), bins.threshold(0, 2)), (-0.5, 1.5, f64::MAX));
        let next = 1.0_f64.next_up();
        assert_eq!(cuts(vec![1.0, next]), [next]);
        assert!(cuts(vec![-0.0, 0.0]).is_empty());
    }

    #[test]
    fn many_values_share_bins_of_equal_size_and_ties_stay_together() {
        let ramp: Vec<f64> = (0..10_000).map(f64::from).collect();
        let bins = Bins::new(&Matrix::new(10_000, 1, ramp.clone()).unwrap());
        let mut counts = [0; 256];
        bins.of(0).iter().for_each(|bin| counts[usize::from(*bin)] += 1);
        assert!(counts[..255].iter().all(|count| (39..=40).contains(count)), "{counts:?}");
        // Nine in ten rows are alike: one bin for them, and the others still share the rest.
        let skewed: Vec<f64> = ramp.iter().map(|value| value.min(1_000.0)).collect();
        let bins = Bins::new(&Matrix::new(10_000, 1, skewed).unwrap());
        let distinct: std::collections::BTreeSet<_> = bins.of(0).iter().collect();
        assert!(distinct.len() > 20 && distinct.len() <= 255, "{}", distinct.len());
    }
}
