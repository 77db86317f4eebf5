//! Numbers as they are written in files.

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    /// A 64-bit integer; 0 with a minus, which as a float is another number than 0, is told.
    Integer { value: i64, negative_zero: bool },
    /// Another finite decimal number.
    Float(f64),
}

impl Number {
    /// An integer is rounded to the nearest float.
    pub(super) fn float(self) -> f64 {
        match self {
            Self::Integer { negative_zero: true, .. } => -0.0,
            Self::Integer { value, .. } => value as f64,
            Self::Float(value) => value,
        }
    }
}

/// Most digits that make an `i64` and, in a float, an integer that every step of `f64` arithmetic keeps exact.
const INTEGER_DIGITS: usize = 18;
const FLOAT_DIGITS: usize = 15;
/// Powers of ten that are exact in an `f64`.
const TENS: [f64; 16] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// Powers of ten that are exact in both.
const POWERS: [i64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];

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

/// The integer that `bytes` begin with and a comma or a line break ends, without a superfluous zero; and how many bytes it takes.
/// None says nothing of longer ones.
#[inline]
pub(super) fn leading_integer(bytes: &[u8]) -> Option<(i64, usize)> {
    let negative = bytes.first() == Some(&b'-');
    let digits = &bytes[usize::from(negative)..];
    let Some((value, length)) = few_digits(digits) else {
        return match leading(negative, digits)? {
            (Number::Integer { value, .. }, length) => Some((value, length)),
            (Number::Float(_), _) => None,
        };
    };
    let is_plain = length == 1 || length > 1 && digits[0] != b'0';
    let value = if negative { -value } else { value };
    (is_plain && ends_field(digits[length])).then_some((value, length + usize::from(negative)))
}

/// As [`leading_integer`], for any number.
#[inline]
pub(super) fn leading_float(bytes: &[u8]) -> Option<(f64, usize)> {
    let negative = bytes.first() == Some(&b'-');
    let digits = &bytes[usize::from(negative)..];
    let Some((size, length)) = few_decimals(digits) else {
        return leading(negative, digits).map(|(number, length)| (number.float(), length));
    };
    let is_plain = !matches!(digits, [b'0', b'0'..=b'9', ..] | [b'.', b',' | b'\n', ..]);
    let value = if negative { -size } else { size };
    (is_plain && length > 0 && ends_field(digits[length])).then_some((value, length + usize::from(negative)))
}

#[inline]
fn ends_field(byte: u8) -> bool {
    matches!(byte, b',' | b'\n')
}

/// A number of more digits, behind its sign; its length with the sign.
fn leading(negative: bool, digits: &[u8]) -> Option<(Number, usize)> {
    let (number, length) = scan(negative, digits);
    let is_plain = !matches!(digits, [b'0', b'0'..=b'9', ..] | [b'.', b',' | b'\n', ..]);
    let ended = length > 0 && digits.get(length).copied().is_some_and(ends_field);
    number.filter(|_| is_plain && ended).map(|number| (number, length + usize::from(negative)))
}

/// What at most seven digits before and behind a point make, if there is one, and how many bytes they are, which are not the last of
/// `bytes`.
#[inline]
fn few_decimals(bytes: &[u8]) -> Option<(f64, usize)> {
    let (whole, digits) = few_digits(bytes)?;
    if bytes[digits] != b'.' {
        return Some((whole as f64, digits));
    }
    let (part, decimals) = few_digits(&bytes[digits + 1..])?;
    // Many whole numbers are written as floats, and a division takes as long as all the rest.
    let size = if part == 0 { whole as f64 } else { (whole * POWERS[decimals] + part) as f64 / TENS[decimals] };
    Some((size, digits + 1 + decimals))
}

/// The number that at most seven digits make, and how many they are: all of them at once, as the bytes of one integer.
#[inline]
fn few_digits(bytes: &[u8]) -> Option<(i64, usize)> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let values = u64::from_le_bytes(*bytes.first_chunk()?) ^ (ONES * u64::from(b'0'));
    // The highest bit of each byte that is above 9; a carry can only reach bytes behind the first of them.
    let others = (values | values.wrapping_add(ONES * 0x76)) & (ONES * 0x80);
    let digits = others.trailing_zeros() as usize / 8;
    if digits == 8 {
        return None;
    }
    // Zeros come before the digits; then neighbours are put together: 8 numbers, 4, 2 and 1.
    let eight = (values << 8) << (8 * (7 - digits));
    let four = eight.wrapping_mul(10).wrapping_add(eight >> 8) & 0x00ff_00ff_00ff_00ff;
    let two = four.wrapping_mul(100).wrapping_add(four >> 16) & 0x0000_ffff_0000_ffff;
    Some(((two.wrapping_mul(10_000).wrapping_add(two >> 32) & 0xffff_ffff) as i64, digits))
}

fn short(negative: bool, digits: &[u8]) -> Option<Number> {
    let (number, length) = scan(negative, digits);
    number.filter(|_| length == digits.len())
}

/// A number of few digits, up to where it ends. One of its two integers is divided by the other, both exact, so that the
/// quotient is the float that is closest (Clinger, How to read floating point numbers accurately, 1990).
#[inline]
fn scan(negative: bool, digits: &[u8]) -> (Option<Number>, usize) {
    let (mut value, mut point, mut length) = (0_i64, None, 0);
    for byte in digits.iter().take(INTEGER_DIGITS + 1) {
        match byte {
            b'0'..=b'9' => value = value.wrapping_mul(10).wrapping_add(i64::from(byte - b'0')),
            b'.' if point.is_none() => point = Some(length),
            _ => break,
        }
        length += 1;
    }
    let number = match point {
        _ if length > INTEGER_DIGITS => None,
        None => Some(Number::Integer {
            value: if negative { -value } else { value },
            negative_zero: negative && value == 0,
        }),
        Some(_) if length > FLOAT_DIGITS + 1 => None,
        Some(point) => {
            let size = value as f64 / TENS[length - 1 - point];
            Some(Number::Float(if negative { -size } else { size }))
        }
    };
    (number, length)
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
        number(text).map(|number| number.float().to_bits())
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

    #[test]
    fn a_leading_number_ends_with_its_field() {
        assert_eq!(leading_integer(b"12,x345678"), Some((12, 2)));
        assert_eq!(leading_integer(b"-7\n"), Some((-7, 2)));
        assert_eq!(leading_integer(b"-0,"), Some((0, 2)));
        assert_eq!(
            leading_float(b"-0,").map(|(value, length)| (value.to_bits(), length)),
            Some(((-0.0_f64).to_bits(), 2))
        );
        assert_eq!(leading_float(b"-2.50,1"), Some((-2.5, 5)));
        assert_eq!(leading_float(b".5,"), Some((0.5, 2)));
        assert_eq!(leading_integer(b"1234567,12345678"), Some((1_234_567, 7)));
        assert_eq!(leading_integer(b"12345678\n12345678"), Some((12_345_678, 8)));
        assert_eq!(leading_float(b"-1234567.7654321\n12345678"), Some((-1_234_567.765_432_1, 16)));
        assert_eq!(leading_integer(b"2.5,12345678"), None);
        for text in ["", ",", "-,", ".,", "-.\n", "07,", "12", "1x,", "1.2.3,", "+1,", "1e5,", "1234567890123456789,"] {
            let longer = if text.ends_with([',', '\n']) { format!("{text}12345678") } else { String::new() };
            for text in [text, &longer] {
                assert_eq!((leading_integer(text.as_bytes()), leading_float(text.as_bytes())), (None, None), "{text}");
            }
        }
    }

    proptest! {
        #[test]
        fn numbers_are_those_of_the_standard_library(text in "[+-]?(0|[1-9][0-9]{0,20})?(\\.[0-9]{0,20})?(e-?[0-9]{1,2})?") {
            let digits = text.trim_start_matches(['+', '-']);
            if digits.starts_with(|c: char| c.is_ascii_digit()) || digits.len() > 1 && digits.as_bytes()[1].is_ascii_digit() {
                prop_assert_eq!(found(&text), expected(&text), "{}", text);
            }
            let field = format!("{text},12345678");
            if let Some((leading, length)) = leading_float(field.as_bytes()) {
                prop_assert_eq!((Some(leading.to_bits()), length), (expected(&text), text.len()), "{}", text);
            }
            if let Some((leading, length)) = leading_integer(field.as_bytes()) {
                prop_assert_eq!((Ok(leading), length), (text.parse(), text.len()), "{}", text);
            }
        }
    }
}
