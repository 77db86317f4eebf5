//! Isotonic regression: the rising function with the least squared error.

/// Rows pooled to one value.
struct Block {
    first: f64,
    last: f64,
    positives: f64,
    rows: f64,
}

impl Block {
    fn mean(&self) -> f64 {
        self.positives / self.rows
    }
}

/// Scores, rising, and the value of each: both ends of each block (pool adjacent violators, Barlow et al., Statistical
/// Inference under Order Restrictions, 1972). Equal scores are one point from the start.
pub(super) fn fit(scores: &[f64], positive: &[bool]) -> (Vec<f64>, Vec<f64>) {
    let mut rows: Vec<(f64, bool)> = scores.iter().copied().zip(positive.iter().copied()).collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut blocks: Vec<Block> = Vec::new();
    // In rising order, what is not smaller is equal; -0.0 and 0.0 are one score.
    for tied in rows.chunk_by(|a, b| a.0 >= b.0) {
        let (score, positives) = (tied[0].0, tied.iter().filter(|(_, positive)| *positive).count());
        let mut block = Block { first: score, last: score, positives: positives as f64, rows: tied.len() as f64 };
        while let Some(before) = blocks.pop_if(|before| before.mean() >= block.mean()) {
            block.first = before.first;
            block.positives += before.positives;
            block.rows += before.rows;
        }
        blocks.push(block);
    }
    let ends = blocks.iter().flat_map(|block| {
        let last = (block.first < block.last).then_some((block.last, block.mean()));
        [Some((block.first, block.mean())), last].into_iter().flatten()
    });
    ends.unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The best rising values by trying every way to cut the sorted scores into blocks.
    fn brute_force(positive: &[bool]) -> f64 {
        let n = positive.len();
        let error = |cuts: u32| {
            let mut starts: Vec<usize> = (1..n).filter(|i| cuts >> (i - 1) & 1 == 1).collect();
            starts.insert(0, 0);
            starts.push(n);
            let mut before = 0.0;
            let mut error = 0.0;
            for pair in starts.windows(2) {
                let block = &positive[pair[0]..pair[1]];
                let ones = block.iter().filter(|p| **p).count() as f64;
                let mean = ones / block.len() as f64;
                if mean < before {
                    return f64::INFINITY;
                }
                before = mean;
                error += ones * (1.0 - mean).powi(2) + (block.len() as f64 - ones) * mean * mean;
            }
            error
        };
        (0..1 << (n - 1)).map(error).fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn pooling_is_as_good_as_every_other_way_to_cut() {
        for n in 1..=9_usize {
            for labels in 0..1_u32 << n {
                let positive: Vec<bool> = (0..n).map(|i| labels >> i & 1 == 1).collect();
                let scores: Vec<f64> = (0..n).map(|i| i as f64 / 10.0).collect();
                let (points, values) = fit(&scores, &positive);
                assert!(values.is_sorted() && points.is_sorted_by(|a, b| a < b), "{positive:?}");
                let value = |score: f64| values[points.partition_point(|point| *point <= score) - 1];
                let error: f64 =
                    scores.iter().zip(&positive).map(|(score, p)| (f64::from(*p) - value(*score)).powi(2)).sum();
                assert!((error - brute_force(&positive)).abs() < 1e-12, "{positive:?}");
            }
        }
    }

    #[test]
    fn tied_scores_are_one_point_whatever_their_order() {
        let scores = [0.5, 0.0, 0.5, -0.0, 0.5];
        let found = fit(&scores, &[true, false, false, true, true]);
        assert_eq!(found, (vec![0.0, 0.5], vec![0.5, 2.0 / 3.0]));
    }
}
