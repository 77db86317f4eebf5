//! References: the spellings by which people name a version.

use std::str::FromStr;

use lineal_kernel::{AliasName, Digest, FieldError, ModelName, VersionNumber};

/// A model and which of its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The model.
    pub model: ModelName,
    /// The version within it.
    pub selector: Selector,
}

/// Ways to name a version within its model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// `churn/5`
    Number(VersionNumber),
    /// `churn@champion`
    Alias(AliasName),
    /// `churn/gradient_boosting-20250115-143022`
    Label(String),
    /// `churn/sha256:...`
    Digest(Digest),
}

impl FromStr for Reference {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let path = text.strip_prefix("models:/").unwrap_or(text);
        let unreadable = || {
            FieldError::new(
                "reference",
                "expected MODEL@ALIAS, MODEL/NUMBER, MODEL/LABEL or MODEL/sha256:DIGEST, e.g. churn@champion",
            )
        };
        let within = |error: FieldError| error.under("reference");
        if let Some((model, alias)) = path.split_once('@') {
            let alias = AliasName::new(alias).map_err(within)?;
            return Ok(Self { model: ModelName::new(model).map_err(within)?, selector: Selector::Alias(alias) });
        }
        let (model, rest) = path.split_once('/').ok_or_else(unreadable)?;
        let selector = match rest.parse::<u64>() {
            Ok(number) => Selector::Number(VersionNumber::new(number).map_err(within)?),
            Err(_) if rest.starts_with("sha256:") => Selector::Digest(rest.parse().map_err(within)?),
            Err(_) if rest.is_empty() || rest.contains('/') => return Err(unreadable()),
            Err(_) => Selector::Label(rest.to_owned()),
        };
        Ok(Self { model: ModelName::new(model).map_err(within)?, selector })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(text: &str) -> Option<Selector> {
        text.parse::<Reference>().ok().filter(|reference| reference.model.as_str() == "churn").map(|r| r.selector)
    }

    #[test]
    fn every_spelling_of_a_version_is_understood() {
        // F9
        assert_eq!(selector("models:/churn@Champion"), Some(Selector::Alias(AliasName::champion())));
        assert_eq!(selector("churn@prod"), Some(Selector::Alias(AliasName::champion())));
        assert_eq!(selector("models:/churn/5"), VersionNumber::new(5).ok().map(Selector::Number));
        assert_eq!(selector("churn/poisson-20250115-143022"), Some(Selector::Label("poisson-20250115-143022".into())));
        let digest = Digest::of(b"bundle");
        assert_eq!(selector(&format!("churn/{digest}")), Some(Selector::Digest(digest)));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "churn", "churn/", "churn/0", "churn/1/2", "../churn/1", "churn@", "churn@5", "models:/"] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }
}
