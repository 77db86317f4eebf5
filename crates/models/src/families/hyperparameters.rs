//! Hyperparameters: what a family takes, and values checked against that.

use std::collections::BTreeMap;

use lineal_kernel::Digest;
use serde::{Deserialize, Serialize};

use super::FamilyDescription;

/// One setting of a family.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HyperparameterDescription {
    /// Its name, stable for ever.
    pub name: &'static str,
    /// Its kind, range and default.
    pub kind: HyperparameterKind,
    /// Meaning and unit, one sentence.
    pub doc: &'static str,
}

/// What values a hyperparameter takes; ranges include both ends.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)] // min, max, default and choices say it themselves
pub enum HyperparameterKind {
    /// A whole number.
    Integer { min: i64, max: i64, default: i64 },
    /// A number; whole numbers are taken too.
    Float { min: f64, max: f64, default: f64 },
    /// Yes or no.
    Boolean { default: bool },
    /// One of a few texts.
    Choice { choices: &'static [&'static str], default: &'static str },
}

/// The value of a hyperparameter. As JSON simply the number, boolean or string.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// `true` or `false`.
    Boolean(bool),
    /// A number written without a point.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// A text.
    Text(String),
}

/// What is wrong with one hyperparameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("hyperparameter `{name}` {problem}")]
pub struct HyperparameterError {
    /// Its name, cut to 64 characters.
    pub name: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

/// A value for every hyperparameter of one family.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hyperparameters(BTreeMap<String, Value>);

impl Hyperparameters {
    /// Checks `given` against what the family takes and fills what is missing with defaults.
    ///
    /// # Errors
    /// Every problem at once: unknown names, wrong kinds, NaN and values out of range.
    pub fn resolve(
        family: &FamilyDescription,
        given: BTreeMap<String, Value>,
    ) -> Result<Self, Vec<HyperparameterError>> {
        Self::check(family.name, family.hyperparameters, given)
    }

    /// Values for `hyperparameters`, which `family` takes.
    pub(crate) fn check(
        family: &str,
        hyperparameters: &[HyperparameterDescription],
        given: BTreeMap<String, Value>,
    ) -> Result<Self, Vec<HyperparameterError>> {
        let known = || hyperparameters.iter().map(|h| h.name).collect::<Vec<_>>().join(", ");
        let mut values: BTreeMap<_, _> =
            hyperparameters.iter().map(|h| (h.name.to_owned(), h.kind.default_value())).collect();
        let mut errors = Vec::new();
        for (name, value) in given {
            let checked = match hyperparameters.iter().find(|h| h.name == name) {
                Some(description) => description.kind.check(value),
                None => Err(format!("is unknown to {family}, it takes {}", known())),
            };
            match checked {
                Ok(value) => drop(values.insert(name, value)),
                Err(problem) => errors.push(HyperparameterError { name: name.chars().take(64).collect(), problem }),
            }
        }
        if errors.is_empty() { Ok(Self(values)) } else { Err(errors) }
    }

    /// Every value by name, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The JSON object with sorted keys: equal hyperparameters, equal bytes.
    ///
    /// # Errors
    /// Never for values that [`Hyperparameters::resolve`] let through.
    pub fn canonical(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// The digest of the canonical bytes.
    ///
    /// # Errors
    /// As [`Hyperparameters::canonical`].
    pub fn digest(&self) -> Result<Digest, serde_json::Error> {
        Ok(Digest::of(&self.canonical()?))
    }

    pub(crate) fn integer(&self, name: &str) -> Result<usize, HyperparameterError> {
        match self.0.get(name) {
            Some(Value::Integer(value)) => usize::try_from(*value).map_err(|_| absent(name, "a whole number")),
            _ => Err(absent(name, "a whole number")),
        }
    }

    pub(crate) fn float(&self, name: &str) -> Result<f64, HyperparameterError> {
        match self.0.get(name) {
            Some(Value::Float(value)) => Ok(*value),
            _ => Err(absent(name, "a number")),
        }
    }

    pub(crate) fn boolean(&self, name: &str) -> Result<bool, HyperparameterError> {
        match self.0.get(name) {
            Some(Value::Boolean(value)) => Ok(*value),
            _ => Err(absent(name, "true or false")),
        }
    }

    pub(crate) fn choice(&self, name: &str) -> Result<&str, HyperparameterError> {
        match self.0.get(name) {
            Some(Value::Text(value)) => Ok(value),
            _ => Err(absent(name, "a text")),
        }
    }
}

/// Values read back from a file were not resolved, so a family still asks politely.
fn absent(name: &str, expected: &str) -> HyperparameterError {
    HyperparameterError { name: name.to_owned(), problem: format!("is not {expected}, resolve the values first") }
}

impl HyperparameterKind {
    /// The value taken when none is given.
    pub fn default_value(&self) -> Value {
        match *self {
            Self::Integer { default, .. } => Value::Integer(default),
            Self::Float { default, .. } => Value::Float(default),
            Self::Boolean { default } => Value::Boolean(default),
            Self::Choice { default, .. } => Value::Text(default.to_owned()),
        }
    }

    /// The value in this kind, or what is wrong with it. The value itself is not repeated: it may be huge.
    fn check(&self, value: Value) -> Result<Value, String> {
        match (*self, value) {
            (Self::Integer { min, max, .. }, Value::Integer(value)) if (min..=max).contains(&value) => {
                Ok(Value::Integer(value))
            }
            (Self::Integer { min, max, .. }, _) => Err(format!("must be a whole number in {min}..={max}")),
            (Self::Float { min, max, .. }, Value::Integer(value)) if (min..=max).contains(&(value as f64)) => {
                Ok(Value::Float(value as f64))
            }
            (Self::Float { min, max, .. }, Value::Float(value)) if (min..=max).contains(&value) => {
                Ok(Value::Float(value))
            }
            (Self::Float { min, max, .. }, _) => Err(format!("must be a number in {min}..={max}")),
            (Self::Boolean { .. }, Value::Boolean(value)) => Ok(Value::Boolean(value)),
            (Self::Boolean { .. }, _) => Err("must be true or false".to_owned()),
            (Self::Choice { choices, .. }, Value::Text(value)) if choices.contains(&value.as_str()) => {
                Ok(Value::Text(value))
            }
            (Self::Choice { choices, .. }, _) => Err(format!("must be one of {}", choices.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Task, family};

    const FAMILY: FamilyDescription = FamilyDescription {
        name: "example",
        title: "Example",
        tasks: &[Task::Regression],
        hyperparameters: &[
            HyperparameterDescription {
                name: "depth",
                kind: HyperparameterKind::Integer { min: 1, max: 16, default: 6 },
                doc: "levels",
            },
            HyperparameterDescription {
                name: "rate",
                kind: HyperparameterKind::Float { min: 0.0, max: 1.0, default: 0.1 },
                doc: "step size",
            },
            HyperparameterDescription {
                name: "shuffle",
                kind: HyperparameterKind::Boolean { default: true },
                doc: "whether to",
            },
            HyperparameterDescription {
                name: "loss",
                kind: HyperparameterKind::Choice { choices: &["l1", "l2"], default: "l2" },
                doc: "what to minimise",
            },
        ],
    };

    fn given(json: &str) -> BTreeMap<String, Value> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn blanks_become_defaults() {
        // F67
        let boosting = family("gradient_boosting").unwrap().describe();
        let values = Hyperparameters::resolve(&boosting, BTreeMap::new()).unwrap();
        assert_eq!(values.float("learning_rate"), Ok(0.1));
        assert_eq!(values.integer("rounds"), Ok(100));
        let json = String::from_utf8(values.canonical().unwrap()).unwrap();
        assert!(json.contains(r#""learning_rate":0.1"#) && json.contains(r#""rounds":100"#), "{json}");
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let wrong = r#"{"depth": 0, "rate": 1.01, "shuffle": "yes", "loss": "l3", "magic": 1}"#;
        let errors = Hyperparameters::resolve(&FAMILY, given(wrong)).unwrap_err();
        let names: Vec<_> = errors.iter().map(|error| error.name.as_str()).collect();
        assert_eq!(names, ["depth", "loss", "magic", "rate", "shuffle"]);
        assert!(errors[2].to_string().contains("depth, rate, shuffle, loss"), "{}", errors[2]);
    }

    #[test]
    fn code_huge_texts_and_not_numbers_are_refused_by_type() {
        // F85
        let huge = "9".repeat(10 << 20);
        let bad = [
            Value::Text("__import__('os').system('id')".into()),
            Value::Text(huge),
            Value::Float(f64::NAN),
            Value::Float(f64::INFINITY),
            Value::Boolean(true),
        ];
        for value in bad {
            for name in ["depth", "rate", "loss"] {
                let errors = Hyperparameters::resolve(&FAMILY, [(name.to_owned(), value.clone())].into()).unwrap_err();
                assert_eq!(errors.len(), 1);
                assert!(errors[0].to_string().len() < 200);
            }
        }
    }

    #[test]
    fn equal_values_have_equal_digests_however_they_were_written() {
        let digest = |json| Hyperparameters::resolve(&FAMILY, given(json)).unwrap().digest().unwrap();
        assert_eq!(digest(r#"{"rate": 1, "depth": 6}"#), digest(r#"{"loss": "l2", "rate": 1.0}"#));
        assert_ne!(digest("{}"), digest(r#"{"depth": 7}"#));
    }

    #[test]
    fn values_survive_json() {
        let values = Hyperparameters::resolve(&FAMILY, given(r#"{"rate": 1}"#)).unwrap();
        let back: Hyperparameters = serde_json::from_slice(&values.canonical().unwrap()).unwrap();
        assert_eq!(back, values);
    }

    #[test]
    fn the_ends_of_a_range_belong_to_it() {
        for json in [r#"{"depth": 1}"#, r#"{"depth": 16}"#, r#"{"rate": 0}"#, r#"{"rate": 1.0}"#] {
            assert!(Hyperparameters::resolve(&FAMILY, given(json)).is_ok(), "{json}");
        }
    }
}
