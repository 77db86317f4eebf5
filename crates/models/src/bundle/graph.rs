//! Bundles of graphs that other libraries exported: raw columns go in as they are.

use std::collections::BTreeMap;

use lineal_data::{DataError, Frame, Target};
use lineal_kernel::Digest;

use super::{
    Bundle, BundleError, Decision, FileEntry, Golden, Manifest, ScoreError, Scorer, Signature, SignatureColumn,
    SplitReference, malformed,
    manifest::{FORMAT, GOLDEN, GRAPH, MANIFEST},
    named, write,
};
use crate::{Hyperparameters, OnnxError, Task, onnx::OnnxModel};

/// The family of all graphs.
const FAMILY: &str = "onnx";
/// How far probabilities may lie outside 0 to 1, and those of a row from a sum of 1: they are made in single precision.
const SLACK: f64 = 1e-3;

/// What a graph's bundle is made of.
#[derive(Debug, Clone)]
pub struct GraphParts<'a> {
    /// The file.
    pub graph: &'a [u8],
    /// What the columns of an input are called that takes several at once, see [`crate::OnnxGraph::columns`].
    pub names: &'a [String],
    /// What the model predicts.
    pub task: Task,
    /// The hyperparameters of the fit.
    pub hyperparameters: &'a Hyperparameters,
    /// What was predicted: the column that holds the truth, for whoever judges the model.
    pub label: Target,
    /// From the scores of a row to its answer.
    pub decision: Decision,
    /// Digest of what is known of the training rows.
    pub training_data: Digest,
    /// The split that chose them.
    pub split: SplitReference,
    /// Raw rows; 16 of them, evenly spread, become golden rows.
    pub rows: &'a Frame,
}

impl Bundle {
    /// Packs a graph. The engine computes the golden scores now, by the path that serves.
    ///
    /// # Errors
    /// [`BundleError`]: no rows, rows without the raw columns, a file that is no graph, a graph that does not answer
    /// what the decision takes.
    pub fn build_graph(parts: GraphParts<'_>) -> Result<Self, BundleError> {
        parts.decision.check(parts.task)?;
        let graph = OnnxModel::load(parts.graph)?;
        let columns = graph.graph().columns(parts.names);
        let feature_set = Digest::of(&write(GRAPH, &columns)?);
        let scorer = scorer_of(graph, columns.clone(), &parts.decision)?;
        let golden = Golden::new(parts.rows, &scorer)?;
        check(&parts.decision, golden.scores())?;
        let golden = write(GOLDEN, &golden)?;
        let files = BTreeMap::from([(GRAPH, parts.graph.to_vec()), (GOLDEN, golden)].map(named));
        let manifest = Manifest {
            format: FORMAT,
            family: FAMILY.to_owned(),
            task: parts.task,
            files: files.iter().map(|(name, bytes)| (name.clone(), FileEntry::of(bytes))).collect(),
            signature: Signature::new(columns, parts.task),
            label: parts.label,
            decision: parts.decision,
            hyperparameters: parts.hyperparameters.digest().map_err(|error| malformed(MANIFEST, error))?,
            feature_set,
            training_data: parts.training_data,
            split: parts.split,
            upstreams: Vec::new(),
        };
        Self::sealed(&manifest, files)
    }
}

/// The graph of `bundle`, with the columns of its manifest.
pub(super) fn scorer(bundle: &Bundle) -> Result<Scorer, BundleError> {
    let bytes = bundle.files.get(GRAPH).ok_or_else(|| BundleError::MissingFile { file: GRAPH.to_owned() })?;
    let graph = OnnxModel::load(bytes)?;
    let columns = &bundle.manifest().signature.inputs;
    // Names are the manifest's to give; kinds and number are the graph's.
    let kinds = |columns: &[SignatureColumn]| columns.iter().map(|column| column.datatype).collect::<Vec<_>>();
    if kinds(columns) != kinds(&graph.graph().columns(&[])) {
        return Err(malformed(MANIFEST, "its signature is not that of its graph"));
    }
    scorer_of(graph, columns.clone(), &bundle.manifest().decision)
}

fn scorer_of(graph: OnnxModel, columns: Vec<SignatureColumn>, decision: &Decision) -> Result<Scorer, BundleError> {
    let (found, outputs) = (graph.graph().scores, decision.outputs());
    // Of two classes the second one's probability is the score.
    let fits = found == outputs || matches!(decision, Decision::Threshold(_)) && found == 2;
    if !fits {
        let problem = format!("it gives {found} scores for each row, the decision takes {outputs}");
        return Err(malformed(GRAPH, problem));
    }
    Ok(Scorer::Graph { graph, columns, outputs })
}

/// The last `outputs` numbers of what the graph says of each row.
pub(super) fn score(
    graph: &OnnxModel,
    columns: &[SignatureColumn],
    outputs: usize,
    frame: &Frame,
) -> Result<Vec<f64>, ScoreError> {
    let mut scores = graph.evaluate(columns, frame)?;
    let found = graph.graph().scores;
    if found != outputs {
        scores = scores.chunks(found).flat_map(|row| &row[found - outputs..]).copied().collect();
    }
    match scores.iter().position(|score| !score.is_finite()) {
        Some(at) => Err(DataError::NotFinite { column: "score".to_owned(), row: at / outputs }.into()),
        None => Ok(scores),
    }
}

/// That the scores of classes are probabilities.
fn check(decision: &Decision, scores: &[f64]) -> Result<(), OnnxError> {
    let is_share = |score: &f64| (-SLACK..=1.0 + SLACK).contains(score);
    let is_good = |row: &[f64]| match decision {
        Decision::Number => true,
        Decision::Threshold(_) => row.iter().all(is_share),
        Decision::MostProbable(_) => row.iter().all(is_share) && (row.iter().sum::<f64>() - 1.0).abs() <= SLACK,
    };
    match scores.chunks(decision.outputs()).position(|row| !is_good(row)) {
        Some(row) => Err(OnnxError::NoProbabilities { row }),
        None => Ok(()),
    }
}
