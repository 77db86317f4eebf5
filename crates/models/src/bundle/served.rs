//! A bundle that has been loaded: raw rows in, scores and labels out.

use std::collections::BTreeMap;

use lineal_data::{DataError, FittedFeatures, Frame, Matrix};

use super::{
    Bundle, BundleError, Decision, Golden, Signature, malformed,
    manifest::{FEATURES, GOLDEN, MANIFEST, MODEL},
};
use crate::{Evaluator, MetricError, Model, Task, compute};

/// A model that has proved itself on its golden rows and is ready to serve.
pub struct ServedModel {
    scorer: Scorer,
    signature: Signature,
    task: Task,
    decision: Decision,
    classes: Vec<String>,
    answers: Vec<String>,
    importances: Vec<(String, f64)>,
    golden_rows: usize,
    bytes: usize,
}

impl ServedModel {
    /// Parses every file, validates the numbers and replays the golden rows. May take seconds for a large model: not
    /// for a thread that serves.
    ///
    /// # Errors
    /// [`BundleError::Malformed`] naming the file, [`BundleError::Model`], [`BundleError::Golden`] and
    /// [`BundleError::GoldenMismatch`].
    pub fn load(bundle: &Bundle) -> Result<Self, BundleError> {
        let manifest = bundle.manifest();
        let features: FittedFeatures = bundle.read(FEATURES)?;
        if Signature::of(&features, manifest.task) != manifest.signature {
            return Err(malformed(MANIFEST, "its signature is not that of the features"));
        }
        if features.set().digest().map_err(|error| malformed(FEATURES, error))? != manifest.feature_set {
            return Err(malformed(MANIFEST, "its feature set is not that of the features"));
        }
        let model: Model = bundle.read(MODEL)?;
        let importances = features.output_names().into_iter().zip(model.importances()).collect();
        let scorer = Scorer::new(features, &model, &manifest.decision)?;
        Ok(Self {
            golden_rows: bundle.read::<Golden>(GOLDEN)?.replay(&scorer)?,
            scorer,
            signature: manifest.signature.clone(),
            task: manifest.task,
            decision: manifest.decision.clone(),
            classes: manifest.decision.classes(),
            answers: manifest.decision.answers(),
            importances,
            bytes: bundle.files().values().map(Vec::len).sum(),
        })
    }

    /// What goes in and what comes out.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// What it predicts.
    pub fn task(&self) -> Task {
        self.task
    }

    /// The stored rule from scores to an answer.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// How many scores a row gets: one, or one for each of several classes.
    pub fn outputs(&self) -> usize {
        self.scorer.outputs()
    }

    /// What the scores of a row are, in order, as [`Decision::answers`].
    pub fn answers(&self) -> &[String] {
        &self.answers
    }

    /// The names of the classes; none where the score is the answer.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The scores of every row of `frame`, row after row; columns beyond the signature's are ignored.
    ///
    /// # Errors
    /// [`DataError`]: columns that are missing or of the wrong kind, and values that cannot be scored.
    pub fn score(&self, frame: &Frame) -> Result<Vec<f64>, DataError> {
        self.scorer.score(frame)
    }

    /// The label of a row with `scores`; `None` in a regression, where the score is the answer.
    pub fn label(&self, scores: &[f64]) -> Option<&str> {
        self.classes.get(self.decision.class(scores)?).map(String::as_str)
    }

    /// How good `scores` are against the true `labels`: numbers of classes, or targets.
    ///
    /// # Errors
    /// As [`compute`].
    pub fn measure(&self, labels: &[f64], scores: &[f64]) -> Result<BTreeMap<&'static str, f64>, MetricError> {
        compute(self.task, labels, scores, self.decision.threshold())
    }

    /// The share of each feature, as the features are called after their transforms, in what the scores depend on, as
    /// [`Model::importances`]; empty for a model that does not tell.
    pub fn importances(&self) -> &[(String, f64)] {
        &self.importances
    }

    /// How many golden rows it proved itself on.
    pub fn golden_rows(&self) -> usize {
        self.golden_rows
    }

    /// About how much memory it takes: the size of the files it was read from, which are of the same order.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Features and model together: the one path from raw rows to scores.
pub(super) struct Scorer {
    features: FittedFeatures,
    evaluator: Box<dyn Evaluator>,
}

impl Scorer {
    pub(super) fn new(features: FittedFeatures, model: &Model, decision: &Decision) -> Result<Self, BundleError> {
        let evaluator = model.evaluator(features.output_names().len())?;
        let (expected, found) = (decision.outputs(), evaluator.outputs());
        if expected != found {
            return Err(malformed(
                MODEL,
                format!("it gives {found} scores for each row, the decision takes {expected}"),
            ));
        }
        Ok(Self { features, evaluator })
    }

    pub(super) fn outputs(&self) -> usize {
        self.evaluator.outputs()
    }

    pub(super) fn features(&self) -> &FittedFeatures {
        &self.features
    }

    /// Never a score that is not a finite number: it would get a label that nobody decided on.
    pub(super) fn score(&self, frame: &Frame) -> Result<Vec<f64>, DataError> {
        let matrix = self.features.transform(frame)?;
        let mut scores = Vec::new();
        self.evaluator.evaluate(&matrix, &mut scores);
        match scores.iter().position(|score| !score.is_finite()) {
            Some(at) => Err(self.unusable(&matrix, at / self.outputs())),
            None => Ok(scores),
        }
    }

    /// Names the feature that makes `row` impossible to score.
    fn unusable(&self, matrix: &Matrix, row: usize) -> DataError {
        let mut cells = self.features.output_names().into_iter().zip(matrix.row(row));
        match cells.find(|(_, value)| !value.is_finite()) {
            Some((column, value)) if value.is_nan() => DataError::MissingValue { column, row },
            Some((column, _)) => DataError::NotFinite { column, row },
            None => DataError::NotFinite { column: "score".to_owned(), row },
        }
    }
}
