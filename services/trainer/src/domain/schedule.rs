//! When and how often a job may be tried, and what goes before it.

use std::{ops::RangeInclusive, time::Duration};

use lineal_kernel::{Digest, FieldError, FieldErrors, Timestamp};
use serde::{Deserialize, Serialize};

use super::{JobId, text};

/// How often a job is started when nobody says.
const DEFAULT_ATTEMPTS: u32 = 3;
const MAX_ATTEMPTS: u32 = 10;
/// Priorities lie between minus this and this.
const MAX_PRIORITY: i32 = 1000;
/// The pause after the first failed attempt, before jitter; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// The years 1 to 9999, in microseconds. Neither RFC 3339 nor JSON can say what lies beyond.
const YEARS: RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

/// A job's place in time and in the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Schedule {
    /// Jobs of greater priority are claimed first.
    pub(crate) priority: i32,
    /// How often it is started before it fails for good.
    pub(crate) max_attempts: u32,
    #[serde(with = "text::moment")]
    pub(crate) not_before: Option<Timestamp>,
    /// If it has not started by then, it never does.
    #[serde(with = "text::moment")]
    pub(crate) start_by: Option<Timestamp>,
    /// If it has not ended by then, it fails.
    #[serde(with = "text::moment")]
    pub(crate) finish_by: Option<Timestamp>,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { priority: 0, max_attempts: DEFAULT_ATTEMPTS, not_before: None, start_by: None, finish_by: None }
    }
}

impl Schedule {
    /// Checks all fields; 0 attempts stand for the default.
    pub(super) fn check(self, errors: &mut FieldErrors) -> Option<Self> {
        let before = errors.0.len();
        if self.priority.abs_diff(0) > MAX_PRIORITY.unsigned_abs() {
            let problem = format!("must be between -{MAX_PRIORITY} and {MAX_PRIORITY}");
            errors.0.push(FieldError::new("schedule.priority", problem));
        }
        if self.max_attempts > MAX_ATTEMPTS {
            let problem = format!("at most {MAX_ATTEMPTS}; 0 stands for {DEFAULT_ATTEMPTS}");
            errors.0.push(FieldError::new("schedule.max_attempts", problem));
        }
        let times = [
            ("schedule.not_before_time", self.not_before),
            ("schedule.start_by_time", self.start_by),
            ("schedule.finish_by_time", self.finish_by),
        ];
        for (path, time) in times {
            if time.is_some_and(|time| !YEARS.contains(&time.micros())) {
                errors.0.push(FieldError::new(path, "must lie in the years 1 to 9999"));
            }
        }
        let order = [
            ("schedule.start_by_time", self.not_before, self.start_by, "must be later than not_before_time"),
            (
                "schedule.finish_by_time",
                self.start_by.or(self.not_before),
                self.finish_by,
                "must be later than the start",
            ),
        ];
        for (path, earlier, later, problem) in order {
            if earlier.zip(later).is_some_and(|(earlier, later)| later <= earlier) {
                errors.0.push(FieldError::new(path, problem));
            }
        }
        let max_attempts = if self.max_attempts == 0 { DEFAULT_ATTEMPTS } else { self.max_attempts };
        (errors.0.len() == before).then_some(Self { max_attempts, ..self })
    }
}

/// How long a job waits after its failed attempt `attempt`, 1 for the first: exponential, and spread over the upper half, so that
/// jobs that failed together do not come back together. The job and the attempt alone decide.
pub(super) fn pause(id: &JobId, attempt: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(LONGEST_PAUSE);
    let seed = Digest::of(format!("{id}:{attempt}").as_bytes()).hex();
    let share = u32::from_str_radix(seed.get(..8).unwrap_or_default(), 16).unwrap_or(0);
    doubled / 2 + (doubled / 2).mul_f64(f64::from(share) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_no_answer_could_tell_are_refused() {
        // F85
        let last = "9999-12-31T23:59:59.999999Z".parse::<Timestamp>().unwrap();
        let first = "0001-01-01T00:00:00Z".parse::<Timestamp>().unwrap();
        assert_eq!((first.micros(), last.micros()), (*YEARS.start(), *YEARS.end()));
        let check = |not_before, finish_by| {
            let mut errors = FieldErrors::default();
            Schedule { not_before: Some(not_before), finish_by: Some(finish_by), ..Schedule::default() }
                .check(&mut errors);
            errors.0.into_iter().map(|error| error.path).collect::<Vec<_>>()
        };
        assert_eq!(check(first, last), Vec::<String>::new());
        let beyond = Timestamp::from_micros(i64::MAX);
        assert_eq!(check(Timestamp::from_micros(first.micros() - 1), last), ["schedule.not_before_time"]);
        assert_eq!(check(first, beyond), ["schedule.finish_by_time"]);
    }

    #[test]
    fn pauses_double_up_to_a_limit_and_differ_between_jobs() {
        // F80
        let (one, two) = (JobId::from("one".to_owned()), JobId::from("two".to_owned()));
        for attempt in 1..=40 {
            let whole = Duration::from_secs(2).saturating_mul(1 << (attempt - 1).min(16)).min(LONGEST_PAUSE);
            let found = pause(&one, attempt);
            assert!(found >= whole / 2 && found <= whole, "attempt {attempt}: {found:?}");
            assert_eq!(found, pause(&one, attempt));
        }
        assert_ne!(pause(&one, 3), pause(&two, 3));
    }
}
