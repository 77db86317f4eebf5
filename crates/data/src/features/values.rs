//! The arithmetic of transforms, the same for one row and for many.

use time::{OffsetDateTime, UtcOffset};

use crate::moment;

/// The columns that a date becomes.
pub(super) const DATE_PARTS: [&str; 6] = ["year", "month", "day", "weekday", "hour", "minute"];

/// The logarithm of one more than the size, with the sign. `libm` gives the same bits on every machine.
pub(super) fn log(value: f64) -> f64 {
    libm::copysign(libm::log1p(value.abs()), value)
}

/// A quotient, or nothing that could be one.
pub(super) fn ratio(value: f64, over: f64) -> f64 {
    let quotient = value / over;
    if over == 0.0 || !quotient.is_finite() { f64::NAN } else { quotient }
}

/// The range that a number lies in: how many edges are not above it.
pub(super) fn bucket(edges: &[f64], value: f64) -> usize {
    edges.partition_point(|&edge| edge <= value)
}

/// The parts of a date in order of [`DATE_PARTS`], if it is one.
pub(super) fn date_parts(text: &str) -> Option<[f64; 6]> {
    let nanos = i128::from(moment::micros(text)?) * 1000;
    let moment = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?.to_offset(UtcOffset::UTC);
    let (date, time) = (moment.date(), moment.time());
    Some([
        f64::from(date.year()),
        f64::from(u8::from(date.month())),
        f64::from(date.day()),
        f64::from(date.weekday().number_from_monday()),
        f64::from(time.hour()),
        f64::from(time.minute()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_has_its_parts_in_utc() {
        assert_eq!(date_parts("2025-01-15T00:30:22+01:00"), Some([2025.0, 1.0, 14.0, 2.0, 23.0, 30.0]));
        assert_eq!(date_parts("2024-02-29"), Some([2024.0, 2.0, 29.0, 4.0, 0.0, 0.0]));
        assert_eq!(date_parts("yesterday"), None);
    }

    #[test]
    fn a_number_lies_in_one_bucket() {
        let edges = [1.0, 2.0];
        assert_eq!([0.5, 1.0, 1.5, 2.0, f64::MAX].map(|value| bucket(&edges, value)), [0, 1, 1, 2, 2]);
    }

    #[test]
    fn a_logarithm_keeps_the_sign_and_a_ratio_of_nothing_is_missing() {
        assert_eq!(log(0.0).to_bits(), 0);
        assert!((log(-(std::f64::consts::E - 1.0)) + 1.0).abs() < 1e-15);
        assert!(ratio(1.0, 0.0).is_nan() && ratio(0.0, 0.0).is_nan() && ratio(f64::MAX, 0.1).is_nan());
        assert_eq!(ratio(1.0, 4.0).to_bits(), 0.25_f64.to_bits());
    }
}
