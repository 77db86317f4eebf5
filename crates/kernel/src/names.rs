//! Checked names and numbers. Each has one constructor; a value that exists is valid.

use std::{fmt, str::FromStr};

use crate::FieldError;

const MAX_NAME: usize = 63;

fn checked(kind: &str, text: &str) -> Result<String, FieldError> {
    let first = text.chars().next().is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let rest = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.'));
    if first && rest && text.len() <= MAX_NAME && !text.contains("..") {
        return Ok(text.to_owned());
    }
    let problem = if text.is_empty() {
        format!("a {kind} is required")
    } else {
        format!(
            "a {kind} is 1 to {MAX_NAME} of a-z, 0-9, '-', '_' and '.', starts with a letter or digit and has no '..'"
        )
    };
    Err(FieldError::new("", problem))
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
        pub struct $type(String);

        impl $type {
            #[doc = concat!("Checks that `text` can be a ", $kind, ".")]
            pub fn new(text: &str) -> Result<Self, FieldError> {
                checked($kind, text).map(Self)
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $type {
            type Err = FieldError;
            fn from_str(text: &str) -> Result<Self, FieldError> {
                Self::new(text)
            }
        }
    };
}

name!(
    /// The name of a registered model.
    ModelName, "model name"
);
name!(
    /// The owner of everything else; `default` on a laptop.
    TenantId, "tenant"
);
name!(
    /// Any other name a user chooses: datasets, splits, families.
    Name, "name"
);

impl Default for TenantId {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

/// A named pointer in a slot. The production alias has one canonical name, `champion`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct AliasName(String);

impl AliasName {
    /// Checks the name; `prod`, `production` and `Champion` become `champion`.
    pub fn new(text: &str) -> Result<Self, FieldError> {
        match text {
            "prod" | "production" | "Champion" => Ok(Self::champion()),
            _ if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => {
                Err(FieldError::new("", "an alias cannot be a number: numbers name versions"))
            }
            _ => checked("alias", text).map(Self),
        }
    }

    /// The production alias.
    pub fn champion() -> Self {
        Self("champion".to_owned())
    }

    /// Whether this is the production alias.
    pub fn is_champion(&self) -> bool {
        self.0 == "champion"
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AliasName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number of a version within its model: 1, 2, 3, ...
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct VersionNumber(u64);

impl VersionNumber {
    /// Checks that `number` is at least 1.
    pub fn new(number: u64) -> Result<Self, FieldError> {
        if number == 0 || i64::try_from(number).is_err() {
            return Err(FieldError::new("", "a version number is 1 or more"));
        }
        Ok(Self(number))
    }

    /// The number itself.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for VersionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A caller's key for one intended change: the same key is the same change, however often it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId(String);

impl RequestId {
    /// Checks that the key is 1 to 128 printable ASCII characters.
    pub fn new(text: &str) -> Result<Self, FieldError> {
        if text.is_empty() || text.len() > 128 || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(FieldError::new("", "a request id is 1 to 128 printable ASCII characters without spaces"));
        }
        Ok(Self(text.to_owned()))
    }

    /// A fresh key, for callers that sent none.
    pub fn random() -> Self {
        Self(uuid::Uuid::now_v7().to_string())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_mislead_are_refused() {
        for text in ["", "..", "a..b", "a/b", "a%2fb", "A", "a b", "a\u{202e}b", "a\nb", ".a", "-a", &"a".repeat(64)] {
            assert!(ModelName::new(text).is_err(), "{text:?}");
        }
        for text in ["churn", "ngm-churn-model", "a", "9lives", "a.b_c-d"] {
            assert!(ModelName::new(text).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn production_has_four_spellings_and_one_name() {
        // F8
        for text in ["prod", "production", "Champion", "champion"] {
            assert_eq!(AliasName::new(text), Ok(AliasName::champion()));
        }
        assert!(AliasName::new("5").is_err());
    }
}
