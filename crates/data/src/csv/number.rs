//! Numbers as they are written in files.

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    /// A 64-bit integer; 0 with a minus, which as a float is another number than 0, is told.
    Integer { value: i64, negative_zero: bool },
    /// Another finite decimal number.
    Float(f64),
}

/// Most digits that make an `i64` and, in a float, an integer that every step of `f64` arithmetic keeps exact.
const INTEGER_DIGITS: usize = 18;
const FLOAT_DIGITS: usize = 15;
/// Powers of ten that are exact in an `f64`.
const TENS: [f64; 16] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// Digits, at most one of them zero before others, and what goes with them: no `inf`, no `nan`, no `007`.
pub(super) fn number(text: &str) -> Option<Number> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    match digits {
        [b'0', b'0'..=b'9', ..] => None,
        [b'0'..=b'9', ..] | [b'.', b'0'..=b'9', ..] => short(negative, digits).or_else(|| long(text)),
        _ => None,
    }
}

/// A number of few digits. One of its two integers is divided by the other, both exact, so that the quotient is the float
/// that is closest (Clinger, How to read floating point numbers accurately, 1990).
fn short(negative: bool, digits: &[u8]) -> Option<Number> {
    let (mut value, mut point) = (0_i64, None);
    if digits.len() > INTEGER_DIGITS {
        return None;
    }
    for (place, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => value = 10 * value + i64::from(byte - b'0'),
            b'.' if point.is_none() => point = Some(place),
            _ => return None,
        }
    }
    match point {
        None => {
            let negative_zero = negative && value == 0;
            Some(Number::Integer { value: if negative { -value } else { value }, negative_zero })
        }
        Some(_) if digits.len() > FLOAT_DIGITS + 1 => None,
        Some(point) => {
            let size = value as f64 / TENS.get(digits.len() - 1 - point)?;
            Some(Number::Float(if negative { -size } else { size }))
        }
    }
}

fn long(text: &str) -> Option<Number> {
    match text.parse() {
        Ok(value) => Some(Number::Integer { value, negative_zero: value == 0 && text.starts_with('-') }),
        Err(_) => text.parse().ok().filter(|value: &f64| value.is_finite()).map(Number::Float),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// By the standard library alone.
    fn expected(text: &str) -> Option<u64> {
        text.parse().ok().map(|value: f64| value.to_bits())
    }

    fn found(text: &str) -> Option<u64> {
        Some(match number(text)? {
            Number::Integer { negative_zero: true, .. } => (-0.0_f64).to_bits(),
            Number::Integer { value, .. } => (value as f64).to_bits(),
            Number::Float(value) => value.to_bits(),
        })
    }

    #[test]
    fn what_only_resembles_a_number_is_none() {
        for text in ["", "-", ".", "+.", "007", "-01", "1.2.3", "1e", "0x1", "1_0", "inf", "nan", "1e999", " 1", "--1"]
        {
            assert_eq!(number(text), None, "{text}");
        }
        assert_eq!(number("-0"), Some(Number::Integer { value: 0, negative_zero: true }));
        assert_eq!(number("9223372036854775807"), Some(Number::Integer { value: i64::MAX, negative_zero: false }));
        assert_eq!(number("9223372036854775808"), Some(Number::Float(9_223_372_036_854_775_808.0)));
    }

    proptest! {
        #[test]
        fn numbers_are_those_of_the_standard_library(text in "[+-]?(0|[1-9][0-9]{0,20})?(\\.[0-9]{0,20})?(e-?[0-9]{1,2})?") {
            let digits = text.trim_start_matches(['+', '-']);
            if digits.starts_with(|c: char| c.is_ascii_digit()) || digits.len() > 1 && digits.as_bytes()[1].is_ascii_digit() {
                prop_assert_eq!(found(&text), expected(&text), "{}", text);
            }
        }
    }
}
