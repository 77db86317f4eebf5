//! Time, passed in.

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use time::{OffsetDateTime, Time, format_description::well_known::Rfc3339, macros::format_description};

use crate::FieldError;

/// A moment in UTC, to the microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since 1970-01-01T00:00:00Z.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// This moment moved forward.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// The time from `earlier` to this moment, zero if it is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The beginning of the month, in UTC, that this moment is in.
    #[must_use]
    pub fn month(self) -> Self {
        let first = self.date_time().replace_day(1).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Self((first.replace_time(Time::MIDNIGHT).unix_timestamp_nanos() / 1000) as i64)
    }

    /// `20250115-143022`, the form used in version labels.
    pub fn compact(self) -> String {
        self.date_time().format(format_description!("[year][month][day]-[hour][minute][second]")).unwrap_or_default()
    }

    fn date_time(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

/// RFC 3339 in UTC.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.date_time().format(&Rfc3339).unwrap_or_default())
    }
}

/// RFC 3339 with any offset.
impl FromStr for Timestamp {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let moment = OffsetDateTime::parse(text, &Rfc3339);
        let micros = moment.ok().and_then(|moment| i64::try_from(moment.unix_timestamp_nanos().div_euclid(1000)).ok());
        micros.map(Self).ok_or_else(|| FieldError::new("", format!("`{text}` is no moment like 2025-01-15T14:30:22Z")))
    }
}

/// Where the time comes from.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp((OffsetDateTime::now_utc().unix_timestamp_nanos() / 1000) as i64)
    }
}

/// A clock that a test turns by hand.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// Starts at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(now.micros())))
    }

    /// Moves the clock forward.
    pub fn advance(&self, duration: Duration) {
        self.0.fetch_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_for_people_and_for_labels() {
        // F1: the example's moment
        let moment = Timestamp::from_micros(1_736_951_422_000_000);
        assert_eq!(moment.to_string(), "2025-01-15T14:30:22Z");
        assert_eq!(moment.compact(), "20250115-143022");
        assert_eq!(moment.month().to_string(), "2025-01-01T00:00:00Z");
        assert_eq!(Timestamp::from_micros(-1).month().to_string(), "1969-12-01T00:00:00Z");
    }

    #[test]
    fn a_moment_is_read_with_its_offset() {
        let moment = Ok(Timestamp::from_micros(1_736_951_422_000_001));
        assert_eq!("2025-01-15T14:30:22.000001Z".parse(), moment);
        assert_eq!("2025-01-15T16:30:22.0000019+02:00".parse(), moment);
        for text in ["", "yesterday", "2025-01-15", "2025-01-15T14:30:22", "2025-02-30T00:00:00Z"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }
}
