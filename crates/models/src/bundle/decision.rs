//! From scores to an answer.

use lineal_data::{Table, Target};
use serde::{Deserialize, Serialize};

use super::{BundleError, ScoreError, manifest::MANIFEST};
use crate::{OUTCOME, Task, member_labels};

/// How the scores of a row become its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Decision {
    /// One of two classes, by a threshold on the probability of the positive one.
    Threshold(Threshold),
    /// One of several classes.
    MostProbable(MostProbable),
    /// The score itself; `null` in a manifest.
    Number,
}

/// One of two classes, by a threshold on the probability of the positive one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// The label of scores at or above the threshold.
    pub positive_class: String,
    /// The label of scores below it; `not` and the positive class when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative_class: Option<String>,
    /// The score from which on the label is positive.
    pub threshold: f64,
    /// How score and threshold are compared.
    pub rule: Rule,
}

/// The class with the highest probability, the first one of equals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MostProbable {
    /// The labels of classes 0, 1 and so on.
    pub classes: Vec<String>,
}

/// How score and threshold are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Rule {
    /// Positive when `score >= threshold`.
    #[default]
    #[serde(rename = ">=")]
    AtLeast,
}

impl Decision {
    /// How many scores a row has.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Threshold(_) | Self::Number => 1,
            Self::MostProbable(most) => most.classes.len(),
        }
    }

    /// The class, counted from 0, that a row with `scores` is given; `None` where the score is the answer.
    pub fn class(&self, scores: &[f64]) -> Option<usize> {
        match self {
            Self::Threshold(two) => Some(usize::from(scores.iter().any(|score| two.is_positive(*score)))),
            Self::MostProbable(_) => {
                let better = |best: usize, i: usize| if scores[i] > scores[best] { i } else { best };
                (0..scores.len()).reduce(better)
            }
            Self::Number => None,
        }
    }

    /// The names of classes 0, 1 and so on; none where the score is the answer.
    pub fn classes(&self) -> Vec<String> {
        match self {
            Self::Threshold(two) => {
                let negative = two.negative_class.clone();
                vec![negative.unwrap_or_else(|| format!("not {}", two.positive_class)), two.positive_class.clone()]
            }
            Self::MostProbable(most) => most.classes.clone(),
            Self::Number => Vec::new(),
        }
    }

    /// What the scores of a row are, in order: the probability of a class by the class's name, or `value`.
    pub fn answers(&self) -> Vec<String> {
        match self {
            Self::Threshold(two) => vec![two.positive_class.clone()],
            Self::MostProbable(most) => most.classes.clone(),
            Self::Number => vec!["value".to_owned()],
        }
    }

    /// The labels of `table` as they are learned from and measured against: 1 for the positive class, the position of the class,
    /// or the number. Outcomes of matches that are not in the table are told from their goals.
    ///
    /// # Errors
    /// As [`Target::classes`], [`Target::positions`], [`Target::numbers`] or [`crate::match_outcomes`].
    pub fn labels(&self, target: &Target, table: &Table) -> Result<Vec<f64>, ScoreError> {
        match self {
            Self::Threshold(_) => Ok(target.classes(table)?.values),
            Self::MostProbable(most) if target.column == OUTCOME => Ok(member_labels(table, &most.classes)?),
            Self::MostProbable(most) => Ok(target.positions(table, &most.classes)?),
            Self::Number => Ok(target.numbers(table)?),
        }
    }

    /// The score from which on a label is positive, one half where there is no such score.
    pub fn threshold(&self) -> f64 {
        match self {
            Self::Threshold(two) => two.threshold,
            Self::MostProbable(_) | Self::Number => 0.5,
        }
    }

    pub(super) fn check(&self, task: Task) -> Result<(), BundleError> {
        let malformed = |problem: &str| Err(BundleError::Malformed { file: MANIFEST, problem: problem.to_owned() });
        match (self, task) {
            (Self::Threshold(two), Task::BinaryClassification) if !two.threshold.is_finite() => {
                malformed("the threshold is not finite")
            }
            (Self::Threshold(two), Task::BinaryClassification) => match &two.negative_class {
                Some(negative) if *negative == two.positive_class => malformed("both classes have the same name"),
                _ => Ok(()),
            },
            (Self::MostProbable(most), Task::MulticlassClassification) => {
                let names: std::collections::BTreeSet<_> = most.classes.iter().collect();
                match most.classes.len() {
                    0 | 1 => malformed("there are less than two classes"),
                    count if names.len() < count => malformed("two classes have the same name"),
                    _ => Ok(()),
                }
            }
            (Self::Number, Task::Regression | Task::Count) => Ok(()),
            _ => malformed("the decision is not one of the task"),
        }
    }
}

impl Threshold {
    /// Whether `score` is positive.
    pub fn is_positive(&self, score: f64) -> bool {
        match self.rule {
            Rule::AtLeast => score >= self.threshold,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Threshold {
        Threshold { positive_class: "yes".into(), negative_class: None, threshold: 0.5, rule: Rule::AtLeast }
    }

    fn several(classes: &[&str]) -> Decision {
        Decision::MostProbable(MostProbable { classes: classes.iter().map(ToString::to_string).collect() })
    }

    #[test]
    fn each_task_has_its_decision_and_json() {
        let cases = [
            (
                Decision::Threshold(two()),
                Task::BinaryClassification,
                r#"{"positive_class":"yes","threshold":0.5,"rule":">="}"#,
            ),
            (several(&["a", "b", "c"]), Task::MulticlassClassification, r#"{"classes":["a","b","c"]}"#),
            (Decision::Number, Task::Regression, "null"),
        ];
        for (decision, task, json) in &cases {
            assert_eq!(serde_json::to_string(decision).unwrap(), *json);
            assert_eq!(serde_json::from_str::<Decision>(json).unwrap(), *decision);
            assert!(decision.check(*task).is_ok());
            for (other, ..) in cases.iter().filter(|(_, other, _)| other != task) {
                assert!(other.check(*task).is_err(), "{other:?} for {task:?}");
            }
        }
        assert!(serde_json::from_str::<Decision>(r#"{"classes":["a","b"],"threshold":0.5}"#).is_err());
    }

    #[test]
    fn classes_have_different_names() {
        for bad in [several(&["a", "a", "b"]), several(&["a"]), several(&[])] {
            assert!(bad.check(Task::MulticlassClassification).is_err(), "{bad:?}");
        }
        let same = Threshold { negative_class: Some("yes".into()), ..two() };
        assert!(Decision::Threshold(same).check(Task::BinaryClassification).is_err());
        let nan = Threshold { threshold: f64::NAN, ..two() };
        assert!(Decision::Threshold(nan).check(Task::BinaryClassification).is_err());
    }

    #[test]
    fn the_first_of_equals_wins() {
        assert_eq!(several(&["a", "b", "c"]).class(&[0.2, 0.4, 0.4]), Some(1));
        assert_eq!(Decision::Threshold(two()).class(&[0.5]), Some(1));
        assert_eq!(Decision::Threshold(two()).class(&[0.4999]), Some(0));
        assert_eq!(Decision::Number.class(&[7.0]), None);
        assert_eq!(Decision::Threshold(two()).classes(), ["not yes", "yes"]);
    }
}
