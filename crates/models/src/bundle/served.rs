//! A bundle that has been loaded: raw rows in, scores and labels out.

use lineal_data::{DataError, FittedFeatures, Frame, Matrix};

use super::{
    Bundle, BundleError, Decision, Golden, Signature, malformed,
    manifest::{FEATURES, GOLDEN, MANIFEST, MODEL},
};
use crate::{Evaluator, Model};

/// A model that has proved itself on its golden rows and is ready to serve.
pub struct ServedModel {
    scorer: Scorer,
    signature: Signature,
    decision: Decision,
    negative_label: String,
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
        if Signature::of(&features) != manifest.signature {
            return Err(malformed(MANIFEST, "its signature is not that of the features"));
        }
        if features.set().digest().map_err(|error| malformed(FEATURES, error))? != manifest.feature_set {
            return Err(malformed(MANIFEST, "its feature set is not that of the features"));
        }
        let scorer = Scorer::new(features, &bundle.read::<Model>(MODEL)?)?;
        let golden_rows = bundle.read::<Golden>(GOLDEN)?.replay(&scorer)?;
        let decision = manifest.decision.clone();
        let negative_label =
            decision.negative_class.clone().unwrap_or_else(|| format!("not {}", decision.positive_class));
        let bytes = bundle.files().values().map(Vec::len).sum();
        let signature = manifest.signature.clone();
        Ok(Self { scorer, signature, decision, negative_label, golden_rows, bytes })
    }

    /// What goes in and what comes out.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The stored rule from score to label.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// One score per row of `frame`; columns beyond the signature's are ignored.
    ///
    /// # Errors
    /// [`DataError`]: columns that are missing or of the wrong kind, and values that cannot be scored.
    pub fn score(&self, frame: &Frame) -> Result<Vec<f64>, DataError> {
        self.scorer.score(frame)
    }

    /// The label of `score`.
    pub fn label(&self, score: f64) -> &str {
        if self.decision.is_positive(score) { &self.decision.positive_class } else { &self.negative_label }
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
    pub(super) fn new(features: FittedFeatures, model: &Model) -> Result<Self, BundleError> {
        let evaluator = model.evaluator(features.output_names().len())?;
        Ok(Self { features, evaluator })
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
            Some(row) => Err(self.unusable(&matrix, row)),
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
