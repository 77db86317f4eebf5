//! Exact quantiles of more numbers than memory holds.

use std::{
    fs::File,
    io::{BufReader, Read, Seek as _, Write},
    path::Path,
};

use crate::DataError;

/// Bytes that are written or read together; a multiple of a number's eight.
const BUFFER: usize = 1 << 16;
/// Bits that one pass settles.
const DIGIT: u32 = 16;

/// Finite numbers in a file without a name, which is gone with the process.
#[derive(Debug)]
pub struct Spool {
    file: File,
    pending: Vec<u8>,
    count: u64,
    sum: f64,
}

impl Spool {
    /// An empty one, with its file in `folder`.
    ///
    /// # Errors
    /// [`DataError::Io`].
    pub fn new(folder: &Path) -> Result<Self, DataError> {
        let file = tempfile::tempfile_in(folder)?;
        Ok(Self { file, pending: Vec::with_capacity(BUFFER), count: 0, sum: 0.0 })
    }

    /// Adds a number.
    ///
    /// # Errors
    /// [`DataError::Io`].
    pub fn push(&mut self, number: f64) -> Result<(), DataError> {
        self.pending.extend(number.to_le_bytes());
        self.count += 1;
        self.sum += number;
        if self.pending.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; NaN if there are none.
    pub fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }

    /// The quantiles at `levels`, each from 0 to 1: between two numbers in order the line between them, as numpy's default and
    /// definition 7 of Hyndman and Fan, "Sample quantiles in statistical packages" (1996). Empty if there are no numbers.
    ///
    /// It takes four passes and memory for a few counters: each pass settles 16 bits of every order statistic that is asked for.
    ///
    /// # Errors
    /// [`DataError::Io`].
    pub fn quantiles(&mut self, levels: &[f64]) -> Result<Vec<f64>, DataError> {
        let Some(last) = self.count.checked_sub(1) else { return Ok(Vec::new()) };
        let place = |level: f64| level.clamp(0.0, 1.0) * last as f64;
        let ranks = levels.iter().flat_map(|level| {
            let below = place(*level).floor() as u64;
            [below, (below + 1).min(last)]
        });
        let found = self.select(&ranks.collect::<Vec<_>>())?;
        let pairs = levels.iter().zip(found.chunks_exact(2));
        Ok(pairs.map(|(level, pair)| between(pair[0], pair[1], place(*level).fract())).collect())
    }

    /// How many numbers lie in each bin: up to and with the first of the ascending `edges`, above it and up to the second, and so
    /// on, and above the last one. There is one bin more than edges.
    ///
    /// # Errors
    /// [`DataError::Io`].
    pub fn counts(&mut self, edges: &[f64]) -> Result<Vec<u64>, DataError> {
        let mut counts = vec![0; edges.len() + 1];
        self.each(|number| counts[edges.partition_point(|edge| *edge < number)] += 1)?;
        Ok(counts)
    }

    /// The numbers that stand at `ranks` when all are in order.
    fn select(&mut self, ranks: &[u64]) -> Result<Vec<f64>, DataError> {
        // Of each rank: the bits that are settled, and its rank among the numbers that begin with them.
        let mut sought: Vec<(u64, u64)> = ranks.iter().map(|rank| (0, *rank)).collect();
        for shift in (0..u64::BITS / DIGIT).rev().map(|digit| digit * DIGIT) {
            let mut prefixes: Vec<u64> = sought.iter().map(|(prefix, _)| *prefix).collect();
            prefixes.sort_unstable();
            prefixes.dedup();
            let mut counts = vec![vec![0u64; 1 << DIGIT]; prefixes.len()];
            self.each(|number| {
                let bits = ordered(number) >> shift;
                if let Ok(group) = prefixes.binary_search(&(bits >> DIGIT)) {
                    counts[group][(bits & 0xffff) as usize] += 1;
                }
            })?;
            for (prefix, rank) in &mut sought {
                let Ok(group) = prefixes.binary_search(prefix) else { continue };
                let digit = counts[group].iter().position(|count| {
                    let here = *rank < *count;
                    *rank -= if here { 0 } else { *count };
                    here
                });
                *prefix = *prefix << DIGIT | digit.unwrap_or_default() as u64;
            }
        }
        Ok(sought.into_iter().map(|(bits, _)| number(bits)).collect())
    }

    fn each(&mut self, mut visit: impl FnMut(f64)) -> Result<(), DataError> {
        self.flush()?;
        self.file.rewind()?;
        let mut source = BufReader::with_capacity(BUFFER, &self.file);
        let mut bytes = [0; 8];
        for _ in 0..self.count {
            source.read_exact(&mut bytes)?;
            visit(f64::from_le_bytes(bytes));
        }
        Ok(())
    }

    /// Reads leave the file at its end, where writes go on.
    fn flush(&mut self) -> Result<(), DataError> {
        self.file.write_all(&self.pending)?;
        self.pending.clear();
        Ok(())
    }
}

/// The bits of a number as an integer of the same order.
fn ordered(number: f64) -> u64 {
    let bits = number.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// The number whose bits [`ordered`] gave.
fn number(ordered: u64) -> f64 {
    f64::from_bits(if ordered >> 63 == 1 { ordered & !(1 << 63) } else { !ordered })
}

/// The number at `share` of the way from `low` to `high`, as numpy rounds it.
fn between(low: f64, high: f64, share: f64) -> f64 {
    if share < 0.5 { low + (high - low) * share } else { high - (high - low) * (1.0 - share) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spool(numbers: &[f64]) -> Spool {
        let mut spool = Spool::new(&std::env::temp_dir()).unwrap();
        for number in numbers {
            spool.push(*number).unwrap();
        }
        spool
    }

    /// Numbers of all sizes and signs, with ties.
    fn mixed() -> Vec<f64> {
        let number = |i: u64| {
            let bits = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
            (bits as f64 / 1e6 - 8.0).powi(3)
        };
        (0..30_011).map(|i| number(i % 25_000)).chain([0.0, -0.0, 1e300, -1e300, 5e-324]).collect()
    }

    #[test]
    fn order_statistics_are_those_of_the_sorted_numbers() {
        // F118
        let mut numbers = mixed();
        let mut spool = spool(&numbers);
        numbers.sort_by(f64::total_cmp);
        let last = numbers.len() - 1;
        let ranks: Vec<u64> = [0, 1, 17, last / 2, last - 1, last].map(|rank| rank as u64).into();
        let found: Vec<u64> = spool.select(&ranks).unwrap().into_iter().map(f64::to_bits).collect();
        let expected: Vec<u64> = ranks.iter().map(|rank| numbers[*rank as usize].to_bits()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn quantiles_lie_on_the_line_between_two_numbers() {
        // F118
        let mut spool = spool(&[3.0, 1.0, 2.0, 10.0]);
        assert_eq!(
            spool.quantiles(&[0.0, 0.25, 0.5, 0.9, 1.0]).unwrap(),
            [1.0, 1.75, 2.5, 7.900_000_000_000_001, 10.0]
        );
        spool.push(4.0).unwrap();
        assert_eq!(spool.quantiles(&[0.5]).unwrap(), [3.0]);
        assert_eq!((spool.count(), spool.mean()), (5, 4.0));
        assert!(self::spool(&[]).quantiles(&[0.5]).unwrap().is_empty());
    }

    #[test]
    fn a_number_on_an_edge_belongs_below_it() {
        assert_eq!(spool(&[0.1, 0.2, 0.2, 0.3, 0.5]).counts(&[0.2, 0.3]).unwrap(), [3, 1, 1]);
        assert_eq!(spool(&[0.1]).counts(&[]).unwrap(), [1]);
    }
}
