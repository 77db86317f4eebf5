//! Slots: a model name with labels has one champion of its own.

use std::{collections::BTreeMap, fmt};

use crate::FieldError;

/// The sorted labels that tell the slots of one model apart. No labels is the default slot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(BTreeMap<String, String>);

impl Slot {
    /// Checks at most 8 labels; keys are lowercase words, values letters, digits, `-`, `_`, `.`.
    pub fn new(labels: BTreeMap<String, String>) -> Result<Self, FieldError> {
        if labels.len() > 8 {
            return Err(FieldError::new("", "a slot has at most 8 labels"));
        }
        for (key, value) in &labels {
            let key_ok = !key.is_empty()
                && key.len() <= 63
                && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            if !key_ok {
                return Err(FieldError::new("", "a slot's label keys are 1 to 63 of a-z, 0-9 and '_'"));
            }
            let value_ok = !value.is_empty()
                && value.len() <= 63
                && value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
            if !value_ok {
                return Err(FieldError::new(
                    key,
                    "a slot's label values are 1 to 63 letters, digits, '-', '_' and '.'",
                ));
            }
        }
        Ok(Self(labels))
    }

    /// Reads `key=value,key=value`; the empty text is the default slot.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let mut labels = BTreeMap::new();
        for pair in text.split(',').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair
                .split_once('=')
                .ok_or_else(|| FieldError::new("", format!("expected key=value, found `{pair}`")))?;
            if labels.insert(key.trim().to_owned(), value.trim().to_owned()).is_some() {
                return Err(FieldError::new("", format!("label `{key}` is given twice")));
            }
        }
        Self::new(labels)
    }

    /// The labels in order.
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// Whether this is the default slot.
    pub fn is_default(&self) -> bool {
        self.0.is_empty()
    }
}

/// The canonical text: `key=value` pairs in order of their keys, joined by commas. It identifies the slot.
impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (key, value)) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            write!(f, "{key}={value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_labels_does_not_matter() {
        let slot = Slot::parse("symbol=BTCUSDT,regime=trending");
        assert_eq!(slot, Slot::parse("regime=trending, symbol=BTCUSDT"));
        assert_eq!(slot.map(|slot| slot.to_string()), Ok("regime=trending,symbol=BTCUSDT".to_owned()));
    }

    #[test]
    fn a_label_without_a_value_or_given_twice_is_refused() {
        for text in ["regime", "regime=", "a=1,a=2", "A=1", "a=b c"] {
            assert!(Slot::parse(text).is_err(), "{text}");
        }
        assert!(Slot::parse("").is_ok_and(|slot| slot.is_default()));
    }
}
