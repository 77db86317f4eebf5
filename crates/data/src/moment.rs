//! Moments as tables write them.

use time::{Date, Month, PrimitiveDateTime, Time, UtcOffset};

use crate::{Column, DataError, Table};

const MICROS: i128 = 1000;

/// Microseconds since 1970-01-01T00:00:00Z of a date or a date and time as ISO 8601 writes them, e.g. `2025-01-15`,
/// `2025-01-15T14:30`, `2025-01-15 14:30:22.5` or `2025-01-15T14:30:22+01:00`. Without an offset it is UTC.
pub(crate) fn micros(text: &str) -> Option<i64> {
    let (date, rest) = (text.get(..10)?, text.get(10..)?);
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
    let (time, offset) = match rest {
        "" => (Time::MIDNIGHT, UtcOffset::UTC),
        rest => {
            let rest = rest.strip_prefix(['T', ' '])?;
            let split = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
            (time_of_day(&rest[..split])?, offset(&rest[split..])?)
        }
    };
    let nanos = PrimitiveDateTime::new(date, time).assume_offset(offset).unix_timestamp_nanos();
    i64::try_from(nanos.div_euclid(MICROS)).ok()
}

fn time_of_day(text: &str) -> Option<Time> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let [hour, minute, second] = match whole.len() {
        5 => {
            let [hour, minute] = numbers(whole, ':', [2, 2])?;
            [hour, minute, 0]
        }
        _ => numbers(whole, ':', [2, 2, 2])?,
    };
    let digits = fraction.len() <= 9 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let nanos = digits.then(|| format!("{fraction:0<9}").parse().ok()).flatten()?;
    let part = |value: u32| u8::try_from(value).ok();
    Time::from_hms_nano(part(hour)?, part(minute)?, part(second)?, nanos).ok()
}

fn offset(text: &str) -> Option<UtcOffset> {
    if text.is_empty() || text == "Z" {
        return Some(UtcOffset::UTC);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let [hours, minutes] = numbers(&text[1..], ':', [2, 2])?;
    let part = |value: u32| i8::try_from(value).ok().map(|value| sign * value);
    UtcOffset::from_hms(part(hours)?, part(minutes)?, 0).ok()
}

/// Numbers of so many digits each.
fn numbers<const N: usize>(text: &str, between: char, digits: [usize; N]) -> Option<[u32; N]> {
    let mut numbers = [0; N];
    let mut parts = text.split(between);
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next()?;
        if part.len() != digits || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

impl Table {
    /// The column `name` as microseconds since 1970-01-01T00:00:00Z: texts as ISO 8601 writes dates, with or without a
    /// time, numbers as seconds since then. `None` is a missing value.
    ///
    /// # Errors
    /// [`DataError::UnknownColumn`], [`DataError::NotATime`].
    pub fn moments(&self, name: &str) -> Result<Vec<Option<i64>>, DataError> {
        let no_time = |row| DataError::NotATime { column: name.to_owned(), row };
        match self.column(name)? {
            Column::Numbers(seconds) => {
                let micros = |(row, value): (usize, f64)| {
                    let micros = (value * 1e6).round();
                    // Beyond it a whole number of microseconds is no `f64`; it is the year 2255.
                    if micros.is_nan() {
                        Ok(None)
                    } else if micros.abs() <= 9.0e15 {
                        Ok(Some(micros as i64))
                    } else {
                        Err(no_time(row))
                    }
                };
                seconds.into_iter().enumerate().map(micros).collect()
            }
            Column::Texts(texts) => {
                let parse = |(row, text): (usize, Option<Box<str>>)| match text {
                    Some(text) => micros(&text).map(Some).ok_or_else(|| no_time(row)),
                    None => Ok(None),
                };
                texts.into_iter().enumerate().map(parse).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_of_iso_8601_are_moments() {
        let second = 1_736_951_422_000_000;
        assert_eq!(micros("2025-01-15T14:30:22Z"), Some(second));
        assert_eq!(micros("2025-01-15 14:30:22"), Some(second));
        assert_eq!(micros("2025-01-15T15:30:22.000001+01:00"), Some(second + 1));
        assert_eq!(micros("2025-01-15T09:00:22-05:30"), Some(second));
        assert_eq!(micros("2025-01-15T14:30"), Some(second - 22_000_000));
        assert_eq!(micros("1970-01-01"), Some(0));
        assert_eq!(micros("1969-12-31"), Some(-86_400_000_000));
    }

    #[test]
    fn what_only_resembles_a_moment_is_none() {
        for text in [
            "",
            "2025",
            "2025-13-01",
            "2025-02-29",
            "2025-1-5",
            "2025-01-15T",
            "2025-01-15T25:00",
            "15.01.2025",
            "2025-01-15T14:30:22+1",
            "2025-01-15x",
            "２025-01-15",
        ] {
            assert_eq!(micros(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_seconds() {
        let table = Table::from_csv(b"at,day\n0.5,2025-01-01\n,\n1e9,soon\n").unwrap();
        assert_eq!(table.moments("at").unwrap(), [Some(500_000), None, Some(1_000_000_000_000_000)]);
        assert!(matches!(table.moments("day"), Err(DataError::NotATime { row: 2, .. })));
    }
}
