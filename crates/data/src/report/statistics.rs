//! What the values of a column look like.

use std::collections::HashMap;

use arrow::array::Array;
use serde::{Deserialize, Serialize};

use crate::{ColumnType, Table, table::Cells};

/// Bins of a histogram.
const BINS: usize = 20;
/// How many of the most frequent values are listed.
const TOP: usize = 10;
/// The quantiles that are listed.
const SHARES: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];

/// The statistics of one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnStatistics {
    /// The column.
    pub name: String,
    /// What it holds.
    pub column_type: ColumnType,
    /// Values that are there.
    pub count: u64,
    /// Values that are missing.
    pub nulls: u64,
    /// Values that differ from each other.
    pub distinct: u64,
    /// Only of a column of numbers with at least one finite value.
    pub numbers: Option<NumberStatistics>,
    /// The most frequent values, as text, the first in order among equals.
    pub top: Vec<ValueCount>,
}

/// The finite numbers of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NumberStatistics {
    /// Infinite values, which are left out of everything below.
    pub infinite: u64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// The arithmetic mean; `None` if no `f64` holds it.
    pub mean: Option<f64>,
    /// The standard deviation of the population, that is divided by n; `None` if no `f64` holds it.
    pub sd: Option<f64>,
    /// Interpolated between the nearest values.
    pub quantiles: Vec<Quantile>,
    /// `None` if the range is too wide for a number.
    pub histogram: Option<Histogram>,
}

/// The value below which a share of the values lies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quantile {
    /// 0 to 1.
    pub share: f64,
    /// The value.
    pub value: f64,
}

/// How many values lie in bins of equal width. A bin holds its lower edge, the last one also its upper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// One more than there are bins, ascending.
    pub edges: Vec<f64>,
    /// Values in each bin.
    pub counts: Vec<u64>,
}

/// A value and how often it occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueCount {
    /// The value as text.
    pub value: String,
    /// How often.
    pub count: u64,
}

impl Table {
    /// The statistics of every column, in order.
    pub fn statistics(&self) -> Vec<ColumnStatistics> {
        let columns = self.schema().zip(self.cells());
        columns.map(|((name, column_type), cells)| column(name, column_type, cells)).collect()
    }
}

fn column(name: &str, column_type: ColumnType, cells: Cells<'_>) -> ColumnStatistics {
    let (nulls, rows) = match cells {
        Cells::Integers(array) => (array.null_count(), array.len()),
        Cells::Floats(array) => (array.null_count(), array.len()),
        Cells::Texts(array) => (array.null_count(), array.len()),
        Cells::Booleans(array) => (array.null_count(), array.len()),
    };
    let (distinct, top, numbers) = match cells {
        Cells::Integers(array) => {
            let mut values: Vec<i64> = array.iter().flatten().collect();
            values.sort_unstable();
            let (distinct, top) = runs(&values, |a, b| a == b);
            (distinct, top, self::numbers(values.into_iter().map(|value| value as f64).collect(), 0))
        }
        Cells::Floats(array) => {
            // Adding zero turns -0 into 0, which is the same number.
            let mut values: Vec<f64> = array.iter().flatten().map(|value| value + 0.0).collect();
            values.sort_unstable_by(f64::total_cmp);
            let (distinct, top) = runs(&values, |a, b| a.total_cmp(b).is_eq());
            let present = values.len();
            values.retain(|value| value.is_finite());
            let infinite = present - values.len();
            (distinct, top, self::numbers(values, infinite))
        }
        Cells::Texts(array) => {
            let (distinct, top) = texts(array.iter().flatten());
            (distinct, top, None)
        }
        Cells::Booleans(array) => {
            let (distinct, top) = texts(array.iter().flatten().map(|value| if value { "true" } else { "false" }));
            (distinct, top, None)
        }
    };
    ColumnStatistics {
        name: name.to_owned(),
        column_type,
        count: (rows - nulls) as u64,
        nulls: nulls as u64,
        distinct,
        numbers,
        top,
    }
}

/// How many sorted values differ, and the most frequent of them.
fn runs<T: ToString>(sorted: &[T], same: impl FnMut(&T, &T) -> bool) -> (u64, Vec<ValueCount>) {
    let mut runs: Vec<_> = sorted.chunk_by(same).collect();
    let distinct = runs.len() as u64;
    // Stable, so that equals stay in the order of their values.
    runs.sort_by_key(|run| std::cmp::Reverse(run.len()));
    let count = |run: &[T]| ValueCount { value: run[0].to_string(), count: run.len() as u64 };
    (distinct, runs.into_iter().take(TOP).map(count).collect())
}

fn texts<'a>(values: impl Iterator<Item = &'a str>) -> (u64, Vec<ValueCount>) {
    let mut counts: HashMap<&str, u64> = HashMap::new();
    values.for_each(|value| *counts.entry(value).or_insert(0) += 1);
    let distinct = counts.len() as u64;
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_unstable_by_key(|&(value, count)| (std::cmp::Reverse(count), value));
    counts.truncate(TOP);
    (distinct, counts.into_iter().map(|(value, count)| ValueCount { value: value.to_owned(), count }).collect())
}

/// The statistics of finite `sorted` numbers.
fn numbers(sorted: Vec<f64>, infinite: usize) -> Option<NumberStatistics> {
    let (&min, &max) = (sorted.first()?, sorted.last()?);
    let finite = |value: f64| value.is_finite().then_some(value);
    let mean = if min.total_cmp(&max).is_eq() { min } else { sorted.iter().sum::<f64>() / sorted.len() as f64 };
    let squares = sorted.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>();
    Some(NumberStatistics {
        infinite: infinite as u64,
        min,
        max,
        mean: finite(mean),
        sd: finite((squares / sorted.len() as f64).sqrt()),
        quantiles: SHARES.map(|share| Quantile { share, value: quantile(&sorted, share) }).into(),
        histogram: histogram(&sorted, min, max),
    })
}

/// Between the two values next to the place `share * (n - 1)`, in proportion.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (low, part) = (place.floor() as usize, place.fract());
    let (a, b) = (sorted[low], sorted[(low + 1).min(sorted.len() - 1)]);
    // Not `a + (b - a) * part`: the difference may be too large.
    a * (1.0 - part) + b * part
}

fn histogram(sorted: &[f64], min: f64, max: f64) -> Option<Histogram> {
    let (from, to) = if min < max { (min, max) } else { (min - 0.5, max + 0.5) };
    let width = (to - from) / BINS as f64;
    if !width.is_finite() {
        return None;
    }
    let mut edges: Vec<_> = (0..BINS).map(|bin| from + bin as f64 * width).collect();
    edges.push(to);
    let below = |edge: f64| sorted.partition_point(|&value| value < edge);
    let mut bounds: Vec<_> = edges.iter().map(|&edge| below(edge)).collect();
    // The last bin is closed, and rounding never loses the first value.
    (bounds[0], bounds[BINS]) = (0, sorted.len());
    let counts = bounds.windows(2).map(|bounds| (bounds[1] - bounds[0]) as u64).collect();
    Some(Histogram { edges, counts })
}
