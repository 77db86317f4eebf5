//! The scatter matrix of rows: the weighted products of each pair of their numbers about the means, in one pass.
//!
//! A block of rows is centred at its own means while it is in the processor's cache. Two blocks together have what both have, and
//! what comes of the distance between their means: Chan, Golub and LeVeque, Algorithms for computing the sample variance (1983).

use std::ops::Range;

use lineal_data::Matrix;

use super::{FitContext, FitError, blocks};

/// Rows whose products are added together.
const AT_ONCE: usize = 4;

/// Sums over rows, each times its weight. The target is the last number of a row.
pub(super) struct Scatter {
    /// Sum of the weights.
    pub(super) weight: f64,
    pub(super) means: Vec<f64>,
    /// Row-major; nothing above the diagonal.
    pub(super) products: Vec<f64>,
}

impl Scatter {
    /// Of all rows.
    ///
    /// # Errors
    /// [`FitError::Cancelled`].
    pub(super) fn new(
        features: &Matrix,
        targets: &[f64],
        weights: &[f64],
        context: &FitContext<'_>,
    ) -> Result<Self, FitError> {
        let width = features.cols() + 1;
        let mut all = Self { weight: 0.0, means: vec![0.0; width], products: vec![0.0; width * width] };
        let part = |rows| Self::of_block(rows, features, targets, weights);
        blocks::each(targets.len(), width * width, context, part, |part| all.add(&part))?;
        Ok(all)
    }

    fn of_block(rows: Range<usize>, features: &Matrix, targets: &[f64], weights: &[f64]) -> Self {
        let means = block_means(rows.clone(), features, targets, weights);
        let (width, mut products) = (means.len(), vec![0.0; means.len() * means.len()]);
        let mut together = vec![0.0; AT_ONCE * width];
        for first in rows.clone().step_by(AT_ONCE) {
            // The last few rows have none beside them, which adds 0.
            let mut at_once = [0.0; AT_ONCE];
            for ((i, row), weight) in (first..rows.end).zip(together.chunks_exact_mut(width)).zip(&mut at_once) {
                centre(row, features.row(i), targets[i], &means);
                *weight = weights[i];
            }
            add_products(&mut products, &together, at_once);
        }
        Self { weight: weights[rows].iter().sum(), means, products }
    }

    /// Takes in the rows of `part`.
    fn add(&mut self, part: &Self) {
        // Rows that count nothing have no means.
        if part.weight > 0.0 {
            let share = part.weight / (self.weight + part.weight);
            let apart: Vec<f64> = part.means.iter().zip(&self.means).map(|(part, mean)| part - mean).collect();
            self.add_pairs(&apart, self.weight * share);
            self.products.iter_mut().zip(&part.products).for_each(|(sum, product)| *sum += product);
            self.means.iter_mut().zip(&apart).for_each(|(mean, apart)| *mean += share * apart);
            self.weight += part.weight;
        }
    }

    /// Moves the products from the means to 0.
    pub(super) fn about_zero(mut self) -> Self {
        let means = std::mem::take(&mut self.means);
        self.add_pairs(&means, self.weight);
        self.means = vec![0.0; means.len()];
        self
    }

    /// Adds the products of each pair of `numbers`, `factor` times.
    fn add_pairs(&mut self, numbers: &[f64], factor: f64) {
        let width = numbers.len();
        for (sums, a) in self.products.chunks_exact_mut(width).zip(numbers) {
            sums.iter_mut().zip(numbers).for_each(|(sum, b)| *sum += factor * a * b);
        }
    }
}

/// The weighted means of some rows. Counted from the first row: what all rows have is its own mean, without rounding.
fn block_means(rows: Range<usize>, features: &Matrix, targets: &[f64], weights: &[f64]) -> Vec<f64> {
    let (first, weight) = (rows.start, weights[rows.clone()].iter().sum::<f64>());
    let (origin, mut sums) = (features.row(first), vec![0.0; features.cols() + 1]);
    for i in rows {
        let columns = features.row(i).iter().zip(origin);
        sums.iter_mut().zip(columns).for_each(|(sum, (value, origin))| *sum += weights[i] * (value - origin));
        sums[origin.len()] += weights[i] * (targets[i] - targets[first]);
    }
    let mean = |(sum, origin): (f64, &f64)| if weight > 0.0 { origin + sum / weight } else { *origin };
    sums.into_iter().zip(origin.iter().chain([&targets[first]])).map(mean).collect()
}

/// Sets `to` to the features and the target of a row less the means.
fn centre(to: &mut [f64], features: &[f64], target: f64, means: &[f64]) {
    to.iter_mut().zip(features).zip(means).for_each(|((cell, value), mean)| *cell = value - mean);
    let last = features.len();
    to[last] = target - means[last];
}

/// Adds the weighted products of each pair of cells of some rows to `products`. Each sum is fetched and put back once for all of the
/// rows, which takes longer than the products do.
fn add_products(products: &mut [f64], rows: &[f64], weights: [f64; AT_ONCE]) {
    let width = rows.len() / AT_ONCE;
    let row = |i: usize| &rows[i * width..(i + 1) * width];
    for j in 0..width {
        let scaled: [f64; AT_ONCE] = std::array::from_fn(|i| weights[i] * row(i)[j]);
        let pairs = row(0)[..=j].iter().zip(&row(1)[..=j]).zip(row(2)[..=j].iter().zip(&row(3)[..=j]));
        for (sum, ((a, b), (c, d))) in products[j * width..=j * width + j].iter_mut().zip(pairs) {
            *sum += (scaled[0] * a + scaled[1] * b) + (scaled[2] * c + scaled[3] * d);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::tests::Quiet;

    const ROWS: usize = 10_000;

    /// A trend far from 0, a wave, and a constant that no binary fraction is.
    fn rows() -> (Matrix, Vec<f64>) {
        let row = |i: usize| [1e6 + i as f64, (i as f64 * 0.37).sin(), 0.1];
        let target = |i: usize| i as f64 * 0.5 + (i as f64 * 0.11).cos();
        (Matrix::new(ROWS, 3, (0..ROWS).flat_map(row).collect()).unwrap(), (0..ROWS).map(target).collect())
    }

    fn scatter(weights: &[f64]) -> Scatter {
        let (features, targets) = rows();
        let context = FitContext { seed: 0, threads: 1, progress: &Quiet };
        Scatter::new(&features, &targets, weights, &context).unwrap()
    }

    /// The same in two passes over all rows.
    fn expected(weights: &[f64], about_means: bool) -> (Vec<f64>, Vec<f64>) {
        let (features, targets) = rows();
        let cells = |i: usize| [features.row(i), &targets[i..=i]].concat();
        let (first, total) = (cells(0), weights.iter().sum::<f64>());
        let mean = |j: usize| first[j] + (0..ROWS).map(|i| weights[i] * (cells(i)[j] - first[j])).sum::<f64>() / total;
        let means: Vec<f64> = (0..4).map(|j| if about_means { mean(j) } else { 0.0 }).collect();
        let product = |i: usize, a: usize, b: usize| weights[i] * (cells(i)[a] - means[a]) * (cells(i)[b] - means[b]);
        let pairs = (0..16).map(|at| (at / 4, at % 4));
        let products = pairs.map(|(a, b)| if b > a { 0.0 } else { (0..ROWS).map(|i| product(i, a, b)).sum() });
        (means.clone(), products.collect())
    }

    fn lower(scatter: &Scatter) -> Vec<f64> {
        let below = |(at, product): (usize, &f64)| if at % 4 > at / 4 { 0.0 } else { *product };
        scatter.products.iter().enumerate().map(below).collect()
    }

    #[test]
    fn blocks_make_what_two_passes_over_all_rows_make() {
        // One block counts nothing at all.
        let weights: Vec<f64> = (0..ROWS).map(|i| if i < 4096 { 0.0 } else { 1.0 + (i % 3) as f64 }).collect();
        for weights in [vec![1.0; ROWS], weights] {
            let (found, about_zero) = (scatter(&weights), scatter(&weights).about_zero());
            assert_eq!(found.products[2 * 5].to_bits(), 0.0_f64.to_bits(), "a constant has no spread at all");
            assert_eq!(about_zero.means, [0.0; 4]);
            let (means, products) = expected(&weights, true);
            found.means.iter().zip(&means).for_each(|(a, b)| assert!((a - b).abs() <= b.abs().max(1.0) * 1e-11));
            for (found, products) in [(found, products), (about_zero, expected(&weights, false).1)] {
                let scale = |at: usize| (products[at / 4 * 5] * products[at % 4 * 5]).sqrt();
                for (at, (a, b)) in lower(&found).iter().zip(&products).enumerate() {
                    assert!((a - b).abs() <= scale(at) * 1e-11, "{at}: {a} {b}");
                }
            }
        }
    }
}
