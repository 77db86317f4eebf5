//! Traffic: what part of a slot's requests an alias gets.

use std::{fmt, str::FromStr};

use crate::FieldError;

const WHOLE: u32 = 1000;

/// A part of requests, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

impl Share {
    /// Everything.
    pub const ALL: Self = Self(WHOLE);

    /// Checks that there are at most a thousand thousandths.
    pub fn new(per_mille: u32) -> Result<Self, FieldError> {
        if per_mille > WHOLE {
            return Err(FieldError::new("", format!("expected at most {WHOLE} thousandths, found {per_mille}")));
        }
        Ok(Self(per_mille))
    }

    /// How many thousandths it is.
    pub const fn per_mille(self) -> u32 {
        self.0
    }

    /// What is left beside it.
    #[must_use]
    pub fn rest(self) -> Self {
        Self(WHOLE - self.0)
    }
}

/// In percent: `10%`, `2.5%`.
impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 % 10 {
            0 => write!(f, "{}%", self.0 / 10),
            tenth => write!(f, "{}.{tenth}%", self.0 / 10),
        }
    }
}

impl FromStr for Share {
    type Err = FieldError;

    /// Reads percent with at most one decimal.
    fn from_str(text: &str) -> Result<Self, FieldError> {
        let bad = || FieldError::new("", format!("expected a percentage like 10% or 2.5%, found `{text}`"));
        let digits = |part: &str, most: usize| {
            let fine = (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
            fine.then(|| part.parse::<u32>().ok()).flatten().ok_or_else(bad)
        };
        let number = text.strip_suffix('%').ok_or_else(bad)?;
        let (whole, tenths) = number.split_once('.').unwrap_or((number, "0"));
        Self::new(digits(whole, 3)? * 10 + digits(tenths, 1)?).map_err(|_| bad())
    }
}

/// What an alias gets of the requests to its slot that ask for no version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Traffic {
    /// Nothing: it answers whoever asks for it.
    #[default]
    None,
    /// It answers a part of them instead of the champion.
    Split(Share),
    /// It gets copies of a part of them once they are answered; nobody sees what it says.
    Mirror(Share),
}

impl Traffic {
    /// The part that it answers.
    pub fn split(self) -> Option<Share> {
        match self {
            Self::Split(share) => Some(share),
            Self::None | Self::Mirror(_) => None,
        }
    }

    /// The part that it gets copies of.
    pub fn mirror(self) -> Option<Share> {
        match self {
            Self::Mirror(share) => Some(share),
            Self::None | Self::Split(_) => None,
        }
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Split(share) => write!(f, "{share}"),
            Self::Mirror(share) => write!(f, "mirror {share}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_written_in_percent() {
        for (text, per_mille) in [("0%", 0), ("0.1%", 1), ("2.5%", 25), ("10%", 100), ("99.9%", 999), ("100%", 1000)] {
            let share: Share = text.parse().unwrap();
            assert_eq!((share.per_mille(), share.to_string().as_str()), (per_mille, text));
            assert_eq!(share.rest().per_mille() + per_mille, 1000);
        }
        for text in ["", "%", "10", "-1%", "+1%", ".5%", "1.%", "0.05%", "100.1%", "1000%", "9999999999%", "a%"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
        assert!(Share::new(1001).is_err());
    }
}
