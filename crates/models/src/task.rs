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
}

impl Task {
    /// The stable name, as in manifests and requests.
    pub fn name(self) -> &'static str {
        match self {
            Self::BinaryClassification => "binary_classification",
            Self::MulticlassClassification => "multiclass_classification",
            Self::Regression => "regression",
        }
    }
}
