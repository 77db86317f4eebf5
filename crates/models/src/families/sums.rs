//! Derivatives as whole numbers: sums of them are exact, so neither threads nor the order of rows change a bit, and what a
//! part of the rows leaves of a sum is that of the others.

/// The first and the second derivative of the loss of one row, or sums of them, in units of a [`Scale`].
pub(super) type Pair = [i64; 2];

/// The largest sum is below two to the power of this.
const BITS: i32 = 62;
/// The mantissa of an `f64`.
const MANTISSA: u32 = 52;
/// What is added to the exponent of an `f64`.
const BIAS: i32 = 1023;
/// Beyond these powers of two, a unit or its inverse is none.
const POWERS: std::ops::RangeInclusive<i32> = -1000..=1000;

/// What one unit stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    units: [f64; 2],
}

impl Scale {
    /// The finest units in which `rows` derivatives, none of them larger than `largest`, can be summed.
    pub(super) fn new(rows: usize, largest: [f64; 2]) -> Self {
        let unit = |largest: f64| {
            let exponent = ((largest * rows as f64).to_bits() >> MANTISSA) as i32 - BIAS;
            2_f64.powi((exponent + 1 - BITS).clamp(*POWERS.start(), *POWERS.end()))
        };
        Self { units: largest.map(unit) }
    }

    /// Rounded towards 0.
    pub(super) fn whole(self, pair: [f64; 2]) -> Pair {
        [(pair[0] / self.units[0]) as i64, (pair[1] / self.units[1]) as i64]
    }

    pub(super) fn real(self, pair: Pair) -> [f64; 2] {
        [pair[0] as f64 * self.units[0], pair[1] as f64 * self.units[1]]
    }
}

/// Adds `pair` to `sum`. No sum leaves its range, which is what [`Scale::new`] is for.
#[inline]
pub(super) fn add(sum: &mut Pair, pair: Pair) {
    *sum = [sum[0].wrapping_add(pair[0]), sum[1].wrapping_add(pair[1])];
}

/// `sum` without `pair`.
#[inline]
pub(super) fn without(sum: Pair, pair: Pair) -> Pair {
    [sum[0].wrapping_sub(pair[0]), sum[1].wrapping_sub(pair[1])]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_sum_fits_and_small_numbers_keep_their_digits() {
        for (rows, largest) in [(1, 1.0), (300_000, 0.25), (3, 1e18), (7, 1e-200), (5, 0.0)] {
            let scale = Scale::new(rows, [largest; 2]);
            let [one, _] = scale.whole([-largest, largest]);
            assert!(one.checked_mul(rows as i64).is_some_and(|sum| sum.unsigned_abs() < 1 << BITS), "{rows} {largest}");
            let found = scale.real(scale.whole([largest * 1e-3, 0.0]))[0];
            assert!((found - largest * 1e-3).abs() <= largest * 1e-12, "{rows} {largest}");
        }
    }

    #[test]
    fn what_is_taken_away_leaves_what_was_there() {
        let scale = Scale::new(3, [0.7; 2]);
        let pairs = [[0.1, 0.2], [-0.7, 0.3], [0.6, 0.1]].map(|pair| scale.whole(pair));
        let mut sum = [0; 2];
        for pair in pairs {
            add(&mut sum, pair);
        }
        assert_eq!(without(without(sum, pairs[0]), pairs[2]), pairs[1]);
    }
}
