//! Which version a request asks for.

use std::fmt;

use lineal_kernel::{AliasName, FieldError, VersionNumber};

/// Which version a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// None in particular: the champion, unless another alias has a part of the slot's traffic.
    Any,
    /// Whatever the alias points at.
    Alias(AliasName),
    /// This number and no other.
    Number(VersionNumber),
}

impl Wanted {
    /// Reads a number or `@alias`; the empty text asks for none in particular.
    pub(crate) fn parse(text: &str) -> Result<Self, FieldError> {
        match (text, text.strip_prefix('@')) {
            ("", _) => Ok(Self::Any),
            (_, Some(alias)) => AliasName::new(alias).map(Self::Alias),
            (number, None) => number
                .parse()
                .map_err(|_| FieldError::new("", "expected a version number, `@` and an alias, or nothing"))
                .and_then(VersionNumber::new)
                .map(Self::Number),
        }
    }

    /// The production version.
    pub(crate) fn champion() -> Self {
        Self::Alias(AliasName::champion())
    }

    /// The alias that it names; the champion's, if it names none.
    pub(crate) fn alias(&self) -> AliasName {
        match self {
            Self::Alias(alias) => alias.clone(),
            Self::Any | Self::Number(_) => AliasName::champion(),
        }
    }

    /// Whether it is the production version, by its alias or for want of another.
    pub(crate) fn is_champion(&self) -> bool {
        match self {
            Self::Any => true,
            Self::Alias(alias) => alias.is_champion(),
            Self::Number(_) => false,
        }
    }

    /// Whether `alias`, which points at `version`, is asked for.
    pub(crate) fn is_met_by(&self, alias: &AliasName, version: VersionNumber) -> bool {
        match self {
            Self::Any => alias.is_champion(),
            Self::Alias(wanted) => wanted == alias,
            Self::Number(wanted) => *wanted == version,
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Alias(alias) => write!(f, "@{alias}"),
            Self::Number(number) => number.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_is_asked_for_by_any_of_its_names() {
        // F8, F124
        assert_eq!(Wanted::parse(""), Ok(Wanted::Any));
        for text in ["@champion", "@prod", "@production", "@Champion"] {
            assert_eq!(Wanted::parse(text), Ok(Wanted::champion()), "{text}");
        }
        assert_eq!(Wanted::parse("7").map(|wanted| wanted.to_string()), Ok("7".to_owned()));
        assert_eq!(Wanted::parse("@canary").map(|wanted| wanted.to_string()), Ok("@canary".to_owned()));
    }

    #[test]
    fn anything_else_is_no_version() {
        for text in ["0", "-1", "latest", "@", "@5", "1.0", "99999999999999999999"] {
            assert!(Wanted::parse(text).is_err(), "{text}");
        }
    }
}
