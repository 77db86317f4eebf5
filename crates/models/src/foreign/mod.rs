//! Models that other libraries trained, from the files they write: LightGBM's text, XGBoost's JSON and UBJ.
//!
//! Whoever wrote the bytes, reading them ends: in a model that scores what the library scores, to the last bit of every
//! margin, or in a [`ForeignError`]. Time and memory stay within a small multiple of the file's size.

mod error;
mod lightgbm;
mod objective;
mod planter;
mod probes;
mod xgboost;

pub use error::{ForeignError, TreeProblem};

use crate::{Model, Softmax, Task, Trees};
use error::field;
use objective::Objective;

/// Largest file, in bytes.
const MAX_FILE: usize = 256 << 20;
/// Most features, and most features times classes: each has an importance.
const MAX_FEATURES: usize = 1 << 20;
const MAX_CELLS: usize = 1 << 24;
/// Most classes.
const MAX_CLASSES: usize = 1000;

/// A library that writes models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Library {
    /// LightGBM.
    LightGbm,
    /// XGBoost.
    XgBoost,
}

/// A model that another library trained.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeignModel {
    /// Who wrote the file.
    pub library: Library,
    /// The library's version, or that of its format where the file tells no more.
    pub version: String,
    /// What was minimised, in the library's words.
    pub objective: String,
    /// The features in their order; `f0`, `f1` and so on if the file does not name them.
    pub features: Vec<String>,
    /// What its scores are.
    pub task: Task,
    /// How many classes there are; 1 where the score is a number.
    pub classes: usize,
    /// The score from which on the second of two classes is more likely; of a margin 0.
    pub threshold: f64,
    /// The model.
    pub model: Model,
}

impl Library {
    /// The name of its family.
    pub fn name(self) -> &'static str {
        match self {
            Self::LightGbm => "lightgbm",
            Self::XgBoost => "xgboost",
        }
    }
}

impl ForeignModel {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ForeignError`]: bytes that are no model or that no model can be made of.
    pub fn read(bytes: &[u8]) -> Result<Self, ForeignError> {
        if bytes.len() > MAX_FILE {
            return Err(ForeignError::TooLarge { bytes: bytes.len(), limit: MAX_FILE });
        }
        match bytes {
            // What PyTorch saves is a zip archive around a pickle.
            [0x80, 2..=5, ..] | [b'P', b'K', 3, 4, ..] => Err(ForeignError::Pickle),
            [b't', b'r', b'e', b'e', b'\r' | b'\n', ..] => lightgbm::read(bytes),
            [b'{', b' ' | b'\t' | b'\r' | b'\n' | b'"', ..] => xgboost::read_json(bytes),
            [b'{', ..] => xgboost::read_ubj(bytes),
            _ => Err(ForeignError::Unknown),
        }
    }

    /// Puts together what a file says; `trees` holds those of each class.
    fn new(library: Library, head: Head, objective: &Objective, trees: Vec<Trees>) -> Result<Self, ForeignError> {
        let Head { version, objective: name, features } = head;
        let classes = trees.len();
        let mut members: Vec<_> = trees.into_iter().map(Model::Trees).collect();
        let model = match (members.pop(), members.is_empty()) {
            (Some(only), true) => only,
            (Some(last), false) => {
                members.push(last);
                Model::Softmax(Softmax { members, independent: objective.independent })
            }
            (None, _) => return Err(field("num_class", "is 0")),
        };
        // Whatever the reader let through, this check does not.
        drop(model.evaluator(features.len())?);
        let (task, threshold) = (objective.task, objective.threshold);
        let classes = if task == Task::BinaryClassification { 2 } else { classes };
        Ok(Self { library, version, objective: name, features, task, classes, threshold, model })
    }
}

/// What a file says besides its trees.
struct Head {
    version: String,
    objective: String,
    features: Vec<String>,
}

/// That nothing is allocated for counts that a file merely claims.
fn check_counts(features: usize, classes: usize) -> Result<(), ForeignError> {
    if !(1..=MAX_FEATURES).contains(&features) {
        return Err(field("features", format!("must be 1 to {MAX_FEATURES}, found {features}")));
    }
    if !(1..=MAX_CLASSES).contains(&classes) || features * classes > MAX_CELLS {
        let problem = format!("must be 1 to {MAX_CLASSES}, times features at most {MAX_CELLS}, found {classes}");
        return Err(field("num_class", problem));
    }
    Ok(())
}
