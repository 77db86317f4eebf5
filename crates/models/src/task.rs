//! What a model is asked to predict.

use serde::{Deserialize, Serialize};

/// What a model is asked to predict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// The probability of the positive one of two classes.
    BinaryClassification,
    /// The probability of each of several classes.
    MulticlassClassification,
    /// A number.
    Regression,
    /// How often something is expected to happen: a number above 0.
    Count,
}

impl Task {
    /// Every task.
    pub const ALL: [Self; 4] =
        [Self::BinaryClassification, Self::MulticlassClassification, Self::Regression, Self::Count];

    /// The stable name, as in manifests and requests.
    pub fn name(self) -> &'static str {
        match self {
            Self::BinaryClassification => "binary_classification",
            Self::MulticlassClassification => "multiclass_classification",
            Self::Regression => "regression",
            Self::Count => "count",
        }
    }

    /// The word for people, as in settings files and flags.
    pub fn word(self) -> &'static str {
        match self {
            Self::BinaryClassification => "binary",
            Self::MulticlassClassification => "multiclass",
            Self::Regression => "regression",
            Self::Count => "count",
        }
    }

    /// The task that a word for people stands for.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|task| task.word() == word)
    }

    /// Whether it is a number that is predicted, not a class.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Regression | Self::Count)
    }
}
