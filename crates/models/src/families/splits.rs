//! The best split of the rows of a node.

use super::bins::MISSING;

/// Below this number of rows sorting them costs less than a pass over all bins.
const SORTED: usize = 32;

/// What one row of a node adds: its weight, and `amount` in one of the sums.
///
/// Of numbers there is one sum, of `weight * (target - mean of the node)`; of classes one for each, of weights. In both
/// cases the impurity of rows, times their weight, is a constant less `sum of squared sums / weight`: the variance, or
/// Gini's index (Breiman et al., Classification and regression trees, 4.3 and 8.3).
#[derive(Clone, Copy)]
pub(super) struct Cell {
    pub(super) weight: f64,
    pub(super) amount: f64,
    /// Which sum, from 1.
    pub(super) slot: usize,
}

/// A way to part the rows of a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Split {
    pub(super) feature: usize,
    /// Rows up to this bin go left.
    pub(super) bin: usize,
    pub(super) missing_left: bool,
    /// By how much the impurity times the weight shrinks.
    pub(super) gain: f64,
}

/// Finds splits; holds the memory for it.
pub(super) struct Finder {
    /// Weight and sums of a bin: how many numbers they are.
    width: usize,
    min_leaf: usize,
    /// Per bin, all 0 between two calls.
    counts: Vec<usize>,
    sums: Vec<f64>,
    /// The bins that rows fall in, ascending.
    occupied: Vec<u8>,
    order: Vec<u32>,
    left: Vec<f64>,
}

impl Finder {
    /// For rows with `slots` sums, and splits that leave at least `min_leaf` rows on both sides.
    pub(super) fn new(slots: usize, min_leaf: usize) -> Self {
        let (width, bins) = (slots + 1, usize::from(MISSING) + 1);
        Self {
            width,
            min_leaf,
            counts: vec![0; bins],
            sums: vec![0.0; bins * width],
            occupied: Vec::with_capacity(bins),
            order: Vec::new(),
            left: vec![0.0; width],
        }
    }

    /// The best split by `feature`, better than `best`; whether its column holds more than one bin. `totals` are weight
    /// and sums of all `cells`, which are in the order of `rows`.
    pub(super) fn search(
        &mut self,
        feature: usize,
        column: &[u8],
        rows: &[u32],
        cells: &[Cell],
        totals: &[f64],
        best: &mut Option<Split>,
    ) -> bool {
        self.fill(column, rows, cells);
        let varies = self.occupied.len() > 1;
        if varies {
            self.scan(feature, rows.len(), totals, best);
        }
        for &bin in &self.occupied {
            let bin = usize::from(bin);
            self.counts[bin] = 0;
            self.sums[bin * self.width..(bin + 1) * self.width].fill(0.0);
        }
        varies
    }

    fn fill(&mut self, column: &[u8], rows: &[u32], cells: &[Cell]) {
        self.occupied.clear();
        for (&row, cell) in rows.iter().zip(cells) {
            let bin = usize::from(column[row as usize]);
            self.counts[bin] += 1;
            let sums = &mut self.sums[bin * self.width..(bin + 1) * self.width];
            sums[0] += cell.weight;
            sums[cell.slot] += cell.amount;
        }
        if rows.len() < SORTED {
            self.order.clear();
            self.order.extend(rows.iter().map(|&row| u32::from(column[row as usize])));
            self.order.sort_unstable();
            self.order.dedup();
            self.occupied.extend(self.order.iter().map(|&bin| bin as u8));
        } else {
            let bins = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
            self.occupied.extend(bins.map(|(bin, _)| bin as u8));
        }
    }

    /// Goes through the bins from left to right; missing values, if there are any, go with both sides in turn.
    fn scan(&mut self, feature: usize, rows: usize, totals: &[f64], best: &mut Option<Split>) {
        let width = self.width;
        let parent = score(totals);
        let missing = (self.counts[usize::from(MISSING)] > 0).then_some(usize::from(MISSING));
        let present = self.occupied.len() - usize::from(missing.is_some());
        let missing_rows = missing.map_or(0, |bin| self.counts[bin]);
        let (mut left_rows, mut missing_sums) = (0, vec![0.0; if missing.is_some() { width } else { 0 }]);
        if let Some(bin) = missing {
            missing_sums.copy_from_slice(&self.sums[bin * width..(bin + 1) * width]);
        }
        self.left.fill(0.0);
        for i in 0..present {
            let bin = usize::from(self.occupied[i]);
            left_rows += self.counts[bin];
            let sums = &self.sums[bin * width..(bin + 1) * width];
            self.left.iter_mut().zip(sums).for_each(|(left, sum)| *left += sum);
            let last = i + 1 == present;
            // Half-way to the next bin that rows fall in.
            let cut =
                if last { usize::from(MISSING) } else { usize::midpoint(bin, usize::from(self.occupied[i + 1]) - 1) };
            let mut offer = |left_rows: usize, left: &[f64], missing_left: bool| {
                if left_rows < self.min_leaf || rows - left_rows < self.min_leaf {
                    return;
                }
                let gain = score(left) + score_of_rest(totals, left) - parent;
                if best.is_none_or(|best| gain > best.gain) {
                    *best = Some(Split { feature, bin: cut, missing_left, gain });
                }
            };
            if missing.is_none() {
                if !last {
                    // Values that were never missing here follow the larger side.
                    offer(left_rows, &self.left, 2 * left_rows >= rows);
                }
                continue;
            }
            offer(left_rows, &self.left, false);
            if !last {
                let with: Vec<f64> = self.left.iter().zip(&missing_sums).map(|(left, sum)| left + sum).collect();
                offer(left_rows + missing_rows, &with, true);
            }
        }
    }
}

/// `sum of squared sums / weight` of a weight and sums; 0 without weight.
fn score(sums: &[f64]) -> f64 {
    let squares: f64 = sums[1..].iter().map(|sum| sum * sum).sum();
    if sums[0] > 0.0 { squares / sums[0] } else { 0.0 }
}

/// The score of what `totals` hold beyond `left`.
fn score_of_rest(totals: &[f64], left: &[f64]) -> f64 {
    let squares: f64 = totals[1..].iter().zip(&left[1..]).map(|(total, left)| (total - left) * (total - left)).sum();
    let weight = totals[0] - left[0];
    if weight > 0.0 { squares / weight } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The best split of `targets` by one column of bins.
    fn best(bins: &[u8], targets: &[f64], min_leaf: usize) -> Option<Split> {
        let mean = targets.iter().sum::<f64>() / targets.len() as f64;
        let cells: Vec<_> = targets.iter().map(|target| Cell { weight: 1.0, amount: target - mean, slot: 1 }).collect();
        let rows: Vec<u32> = (0..bins.len() as u32).collect();
        let mut best = None;
        let mut finder = Finder::new(1, min_leaf);
        // Twice: the first search must leave nothing behind.
        finder.search(0, bins, &rows, &cells, &[targets.len() as f64, 0.0], &mut None);
        finder.search(0, bins, &rows, &cells, &[targets.len() as f64, 0.0], &mut best);
        best
    }

    #[test]
    fn the_cut_that_parts_the_targets_is_found_half_way_between_bins() {
        let split = best(&[10, 4, 4, 10, 11], &[1.0, 0.0, 0.0, 1.0, 1.0], 1).unwrap();
        assert_eq!((split.bin, split.missing_left), (6, false));
        // 5 * 0.24 is all the impurity there was.
        assert!((split.gain - 1.2).abs() < 1e-12, "{split:?}");
        assert_eq!(best(&[4, 4, 4], &[1.0, 0.0, 0.0], 1), None);
        assert_eq!(best(&[10, 4, 4], &[1.0, 0.0, 0.0], 2), None);
    }

    #[test]
    fn missing_values_go_where_they_fit() {
        let split = |missing: f64| best(&[1, 1, 5, 5, MISSING], &[0.0, 0.0, 1.0, 1.0, missing], 1).unwrap();
        assert_eq!((split(0.0).bin, split(0.0).missing_left), (2, true));
        assert_eq!((split(1.0).bin, split(1.0).missing_left), (2, false));
        let alone = best(&[1, 5, MISSING, MISSING], &[0.0, 0.0, 1.0, 1.0], 1).unwrap();
        assert_eq!((alone.bin, alone.missing_left), (255, false));
        assert!((alone.gain - 1.0).abs() < 1e-12);
    }

    #[test]
    fn sorted_and_counted_rows_give_the_same_split() {
        let bins: Vec<u8> = (0..200_u32).map(|i| (i * 37 % 100) as u8).collect();
        let targets: Vec<f64> = bins.iter().map(|bin| f64::from(*bin > 60)).collect();
        for rows in [SORTED - 1, 200] {
            let split = best(&bins[..rows], &targets[..rows], 1).unwrap();
            let (below, above) =
                (bins[..rows].iter().filter(|b| **b <= 60).max(), bins[..rows].iter().filter(|b| **b > 60).min());
            assert!(usize::from(*below.unwrap()) <= split.bin && split.bin < usize::from(*above.unwrap()), "{split:?}");
        }
    }
}
