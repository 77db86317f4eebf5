//! The one path from raw rows to scores.

use lineal_data::{DataError, FittedFeatures, Frame, Gap, History, Matrix};

use super::{BundleError, Decision, Ensemble, EnsembleError, SignatureColumn, malformed, manifest::MODEL};
use crate::{Chain, ChainError, Evaluator, MemberError, Model, OnnxError, Output, onnx::OnnxModel};

/// How far a replayed score may lie from the stored one: another machine's `exp` may differ in its last bits.
const TOLERANCE: f64 = 1e-9;
/// The same of a graph, which mostly calculates in single precision: a share of scores above 1.
const GRAPH_TOLERANCE: f64 = 1e-5;

/// Why rows have no scores, or labels cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// Columns that are missing or of the wrong kind, and values that cannot be scored.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A member of the chain cannot answer.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The outcomes cannot be told from the rows.
    #[error(transparent)]
    Outcomes(#[from] MemberError),
    /// The graph cannot answer.
    #[error(transparent)]
    Graph(#[from] OnnxError),
    /// The ensemble cannot answer.
    #[error(transparent)]
    Ensemble(#[from] EnsembleError),
}

impl ScoreError {
    /// The same of rows that begin at row `first` of something larger.
    #[must_use]
    pub fn within(mut self, first: usize) -> Self {
        match &mut self {
            Self::Data(DataError::MissingValue { row, .. } | DataError::NotFinite { row, .. }) => *row += first,
            Self::Ensemble(error) => error.move_rows(first),
            Self::Data(_) | Self::Chain(_) | Self::Outcomes(_) | Self::Graph(_) => {}
        }
        self
    }
}

/// Features and model together, or a chain of members.
pub(super) enum Scorer {
    Model {
        features: FittedFeatures,
        evaluator: Box<dyn Evaluator>,
    },
    /// Columns go into the graph as they are.
    Graph {
        graph: OnnxModel,
        columns: Vec<SignatureColumn>,
        outputs: usize,
    },
    /// The last member answers, with a probability for each of these classes.
    Chain {
        chain: Chain,
        classes: Vec<String>,
    },
    /// Members answer together.
    Ensemble(Ensemble),
}

impl Scorer {
    /// Features and a model of them.
    pub(super) fn model(features: FittedFeatures, model: &Model, decision: &Decision) -> Result<Self, BundleError> {
        let evaluator = model.evaluator(features.output_names().len())?;
        let (expected, found) = (decision.outputs(), evaluator.outputs());
        if expected != found {
            return Err(malformed(
                MODEL,
                format!("it gives {found} scores for each row, the decision takes {expected}"),
            ));
        }
        Ok(Self::Model { features, evaluator })
    }

    /// How many scores a row gets.
    pub(super) fn outputs(&self) -> usize {
        match self {
            Self::Model { evaluator, .. } => evaluator.outputs(),
            Self::Graph { outputs, .. } => *outputs,
            Self::Chain { classes, .. } => classes.len(),
            Self::Ensemble(ensemble) => ensemble.outputs(),
        }
    }

    /// The raw columns it takes.
    pub(super) fn inputs(&self) -> Vec<SignatureColumn> {
        match self {
            Self::Model { features, .. } => super::manifest::inputs(features),
            Self::Graph { columns, .. } => columns.clone(),
            Self::Chain { chain, .. } => chain.inputs().to_vec(),
            Self::Ensemble(ensemble) => ensemble.inputs().to_vec(),
        }
    }

    /// Whether nothing of it is missing.
    pub(super) fn is_whole(&self) -> bool {
        if let Self::Ensemble(ensemble) = self { ensemble.absent().next().is_none() } else { true }
    }

    /// Whether it is or uses a graph.
    pub(super) fn has_graph(&self) -> bool {
        match self {
            Self::Graph { .. } => true,
            Self::Ensemble(ensemble) => ensemble.loaded().any(super::ServedModel::has_graph),
            Self::Model { .. } | Self::Chain { .. } => false,
        }
    }

    /// Whether no graph in it has all its sessions at work.
    pub(super) fn is_free(&self) -> bool {
        match self {
            Self::Graph { graph, .. } => graph.is_free(),
            Self::Ensemble(ensemble) => ensemble.loaded().all(super::ServedModel::is_free),
            Self::Model { .. } | Self::Chain { .. } => true,
        }
    }

    /// Whether the probabilities of a row need not sum to 1.
    pub(super) fn leaves_out_scores(&self) -> bool {
        match self {
            Self::Chain { .. } => true,
            Self::Ensemble(ensemble) => ensemble.loaded().any(super::ServedModel::leaves_out_scores),
            Self::Model { .. } | Self::Graph { .. } => false,
        }
    }

    /// The inputs that are told from earlier rows, where rows come together.
    pub(super) fn history(&self) -> Option<&History> {
        match self {
            Self::Model { features, .. } => features.set().history.as_ref(),
            Self::Ensemble(ensemble) => ensemble.loaded().find_map(super::ServedModel::history),
            Self::Graph { .. } | Self::Chain { .. } => None,
        }
    }

    /// How far a replayed score may lie from `expected`.
    pub(super) fn tolerance(&self, expected: f64) -> f64 {
        if self.has_graph() { GRAPH_TOLERANCE * expected.abs().max(1.0) } else { TOLERANCE }
    }

    /// Never a score that is not a finite number: it would get a label that nobody decided on.
    pub(super) fn score(&self, frame: &Frame) -> Result<Vec<f64>, ScoreError> {
        match self {
            Self::Model { features, evaluator } => Ok(evaluate(features, evaluator.as_ref(), frame)?),
            Self::Graph { graph, columns, outputs } => super::graph::score(graph, columns, *outputs, frame),
            Self::Chain { chain, classes } => {
                let answers = chain.evaluate(frame)?;
                let outputs = answers.last().map_or(&[][..], |answer| &answer.outputs);
                Ok(by_row(outputs, classes, frame.rows())?)
            }
            Self::Ensemble(ensemble) => Ok(ensemble.answer(frame)?.scores),
        }
    }

    /// Every missing value of `frame`; a graph, a chain or an ensemble does not tell what stands in for them.
    pub(super) fn gaps(&self, frame: &Frame) -> Result<Vec<Gap<'_>>, ScoreError> {
        match self {
            Self::Model { features, .. } => Ok(features.gaps(frame)?),
            Self::Graph { columns, .. } => Ok(raw_gaps(columns, frame)),
            Self::Chain { chain, .. } => Ok(raw_gaps(chain.inputs(), frame)),
            Self::Ensemble(ensemble) => Ok(raw_gaps(ensemble.inputs(), frame)),
        }
    }

    /// The scores as probabilities of all there is: what a goals model gives to higher scores than it looks at goes to all
    /// outcomes in proportion.
    pub(super) fn whole(&self, mut scores: Vec<f64>) -> Vec<f64> {
        if self.leaves_out_scores() {
            for row in scores.chunks_mut(self.outputs()) {
                let sum: f64 = row.iter().sum();
                row.iter_mut().filter(|_| sum > 0.0).for_each(|score| *score /= sum);
            }
        }
        scores
    }
}

/// The missing values of raw columns, for which nothing is known to stand in.
fn raw_gaps<'a>(columns: &'a [SignatureColumn], frame: &Frame) -> Vec<Gap<'a>> {
    let gap = |row, name| Gap { row, feature: name, column: name, fill: None };
    let names = || columns.iter().map(|column| column.name.as_str());
    let missing = |row| names().filter(move |name| frame.is_missing(name, row));
    (0..frame.rows()).flat_map(|row| missing(row).map(move |name| gap(row, name))).collect()
}

fn evaluate(features: &FittedFeatures, evaluator: &dyn Evaluator, frame: &Frame) -> Result<Vec<f64>, DataError> {
    let matrix = features.transform(frame)?;
    let mut scores = Vec::new();
    evaluator.evaluate(&matrix, &mut scores);
    match scores.iter().position(|score| !score.is_finite()) {
        Some(at) => Err(unusable(features, &matrix, at / evaluator.outputs())),
        None => Ok(scores),
    }
}

/// Names the feature that makes `row` impossible to score.
fn unusable(features: &FittedFeatures, matrix: &Matrix, row: usize) -> DataError {
    let mut cells = features.output_names().into_iter().zip(matrix.row(row));
    match cells.find(|(_, value)| !value.is_finite()) {
        Some((column, value)) if value.is_nan() => DataError::MissingValue { column, row },
        Some((column, _)) => DataError::NotFinite { column, row },
        None => DataError::NotFinite { column: "score".to_owned(), row },
    }
}

/// The answers called like `classes`, row after row.
fn by_row(outputs: &[Output], classes: &[String], rows: usize) -> Result<Vec<f64>, DataError> {
    let found = |class: &String| outputs.iter().find(|output| output.column.name == *class).map(|o| &o.values);
    let columns: Vec<_> = classes.iter().filter_map(found).collect();
    let mut scores = Vec::with_capacity(rows * classes.len());
    for row in 0..rows {
        for (column, class) in columns.iter().zip(classes) {
            let score = column[row];
            if !score.is_finite() {
                return Err(DataError::NotFinite { column: class.clone(), row });
            }
            scores.push(score);
        }
    }
    Ok(scores)
}
