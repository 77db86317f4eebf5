//! How a split sends a value to the left.

use serde::{Deserialize, Serialize};

/// How a split sends a value to the left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// It is smaller than a threshold.
    #[default]
    Below,
    /// It is smaller than a threshold; a value within 1e-35 of 0 counts as missing.
    BelowUnlessZero,
    /// Its whole part is in a set.
    Member,
}

impl Comparison {
    /// The largest number that is as good as 0.
    pub(crate) const ZERO: f64 = 1e-35_f32 as f64;

    /// Whether `value` is as good as 0.
    pub(crate) fn is_zero(value: f64) -> bool {
        value.abs() <= Self::ZERO
    }
}

/// Whether the whole part of `value` is in a set. In single precision the value is rounded first, and no negative one is
/// in any set.
pub(crate) fn is_member(set: &[u32], value: f64, single: bool) -> bool {
    let value = if single { f64::from(value as f32) } else { value };
    let number = if single { value.floor() } else { value.trunc() };
    if !(0.0..32.0 * set.len() as f64).contains(&number) {
        return false;
    }
    let number = number as usize;
    set[number / 32] >> (number % 32) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_part_is_looked_for() {
        let set = [1 | 1 << 31, 1 << 1];
        for (value, found) in [(0.0, true), (31.9, true), (33.0, true), (1.0, false), (64.0, false), (1e300, false)] {
            assert_eq!([is_member(&set, value, false), is_member(&set, value, true)], [found; 2], "{value}");
        }
        assert_eq!([is_member(&set, -0.5, false), is_member(&set, -0.5, true)], [true, false]);
        assert_eq!([is_member(&set, 30.999_999_999, false), is_member(&set, 30.999_999_999, true)], [false, true]);
        assert!(!is_member(&set, f64::NEG_INFINITY, true) && !is_member(&[], 0.0, false));
    }
}
