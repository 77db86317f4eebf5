//! The manifest: what a bundle is and the digest of everything in it.

use std::collections::BTreeMap;

use lineal_data::{FeatureKind, FittedFeatures, Table, Target};
use lineal_kernel::Digest;
use serde::{Deserialize, Serialize};

use super::{BundleError, Decision, ScoreError};
use crate::Task;

/// The format this program writes and reads.
pub(super) const FORMAT: u64 = 1;
/// The manifest's own name.
pub(super) const MANIFEST: &str = "manifest.json";
/// The fitted features.
pub(super) const FEATURES: &str = "features.json";
/// The model.
pub(super) const MODEL: &str = "model.json";
/// Raw rows and the scores they must have.
pub(super) const GOLDEN: &str = "golden.json";

const MIB: u64 = 1 << 20;
/// Most members before one.
const MAX_UPSTREAMS: usize = 15;
/// The member of a chain.
pub(super) const MEMBER: &str = "member.json";
/// The files of a model besides the manifest, and the largest size of each in bytes.
const MODEL_FILES: [(&str, u64); 3] = [(FEATURES, 16 * MIB), (GOLDEN, 16 * MIB), (MODEL, 512 * MIB)];
/// A graph that another library exported.
pub(super) const GRAPH: &str = "model.onnx";
/// Those of a graph.
const GRAPH_FILES: [(&str, u64); 2] = [(GOLDEN, 16 * MIB), (GRAPH, 256 * MIB)];
/// The rule and the weights of an ensemble.
pub(super) const ENSEMBLE: &str = "ensemble.json";
/// Those of an ensemble.
const ENSEMBLE_FILES: [(&str, u64); 2] = [(ENSEMBLE, MIB), (GOLDEN, 16 * MIB)];
/// Those of a member.
const MEMBER_FILES: [(&str, u64); 2] = [(GOLDEN, 16 * MIB), (MEMBER, 16 * MIB)];

/// What a bundle is. Holds facts about content only: no times, no ids, no paths, so that the same training gives the
/// same bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this layout.
    pub format: u64,
    /// The family that fitted the model.
    pub family: String,
    /// What the model predicts.
    pub task: Task,
    /// Every other file by name.
    pub files: BTreeMap<String, FileEntry>,
    /// What goes in and what comes out.
    pub signature: Signature,
    /// What is predicted: the column that holds the truth, for whoever judges the model.
    pub label: Target,
    /// From the scores of a row to its answer.
    pub decision: Decision,
    /// Digest of the resolved hyperparameters.
    pub hyperparameters: Digest,
    /// Digest of the declared feature set, or of the columns that a member or a graph takes.
    pub feature_set: Digest,
    /// Digest of the snapshot the training rows came from.
    pub training_data: Digest,
    /// The split that chose them.
    pub split: SplitReference,
    /// The bundles of the members whose answers this one takes, and theirs, upstream first; none for what stands alone.
    /// Those of an ensemble are called after their versions, e.g. `churn/3`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upstreams: Vec<UpstreamBundle>,
}

/// A member of the chain before the one that names it, or of the ensemble.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamBundle {
    /// Its name in the chain, as in `upstream.<member>.<output>`, or in the ensemble.
    pub member: String,
    /// Digest of its bundle.
    pub digest: Digest,
}

/// One file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Digest of its bytes.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// Columns in and columns out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The raw columns a row needs.
    pub inputs: Vec<SignatureColumn>,
    /// `score` and `label`; of several classes `probabilities` (one for each) and `label`; of numbers `value`.
    pub outputs: Vec<SignatureColumn>,
}

/// One column of a signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureColumn {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub datatype: Datatype,
}

/// The datatype of a column, in the words of the Open Inference Protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Datatype {
    /// Double precision numbers.
    #[serde(rename = "FP64")]
    Fp64,
    /// UTF-8 texts.
    #[serde(rename = "BYTES")]
    Bytes,
}

/// The split that made training and reference rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitReference {
    /// Version of the split rule.
    pub version: String,
    /// Digest of the reference rows, which the model has never seen.
    pub reference: Digest,
}

impl Manifest {
    /// Its own name in a bundle.
    pub const FILE: &str = MANIFEST;
    /// Its largest size in bytes.
    pub const MAX_BYTES: usize = 1 << 20;

    /// Reads a manifest whose digest, the bundle's own, must be `expected`.
    ///
    /// # Errors
    /// [`BundleError::DigestMismatch`], [`BundleError::UnsupportedFormat`], [`BundleError::Malformed`],
    /// [`BundleError::TooLarge`] also for a file that only claims to be; [`BundleError::MissingFile`] and
    /// [`BundleError::UnknownFile`] for a list of other files than a bundle has.
    pub fn parse(bytes: &[u8], expected: Digest) -> Result<Self, BundleError> {
        check_size(MANIFEST, bytes.len() as u64, Self::MAX_BYTES as u64)?;
        check_digest(MANIFEST, bytes, expected)?;
        // The format first: a newer manifest may hold anything else.
        let Format { format } = super::read(MANIFEST, bytes)?;
        if format != FORMAT {
            return Err(BundleError::UnsupportedFormat { found: format, supported: FORMAT });
        }
        let manifest: Self = super::read(MANIFEST, bytes)?;
        for (file, limit) in manifest.known_files() {
            check_size(file, manifest.entry(file)?.size, *limit)?;
        }
        let unknown = |file: &&String| manifest.known_files().iter().all(|(known, _)| known != file);
        if let Some(file) = manifest.files.keys().find(unknown) {
            return Err(BundleError::UnknownFile { file: file.clone() });
        }
        manifest.decision.check(manifest.task)?;
        let most = if manifest.is_member() || manifest.is_ensemble() { MAX_UPSTREAMS } else { 0 };
        if manifest.upstreams.len() > most {
            return Err(super::malformed(MANIFEST, format!("it names more than {most} bundles upstream")));
        }
        Ok(manifest)
    }

    /// Whether it is a member of a chain, with `member.json` in place of features and model.
    pub fn is_member(&self) -> bool {
        self.files.contains_key(MEMBER)
    }

    /// Whether it is an ensemble, with `ensemble.json` in place of features and model.
    pub fn is_ensemble(&self) -> bool {
        self.files.contains_key(ENSEMBLE)
    }

    /// Whether it is a graph that another library exported, with `model.onnx` in place of features and model.
    pub fn is_graph(&self) -> bool {
        self.files.contains_key(GRAPH)
    }

    /// The labels of `table` as they are measured against, see [`Decision::labels`].
    ///
    /// # Errors
    /// As [`Decision::labels`].
    pub fn labels(&self, table: &Table) -> Result<Vec<f64>, ScoreError> {
        self.decision.labels(&self.label, table)
    }

    /// The files it must list, and the largest size of each in bytes.
    pub(super) fn known_files(&self) -> &'static [(&'static str, u64)] {
        if self.is_member() {
            &MEMBER_FILES
        } else if self.is_ensemble() {
            &ENSEMBLE_FILES
        } else if self.is_graph() {
            &GRAPH_FILES
        } else {
            &MODEL_FILES
        }
    }

    /// That `bytes` are what the manifest says of `file`.
    pub(super) fn check_file(&self, file: &str, bytes: &[u8]) -> Result<(), BundleError> {
        let entry = self.entry(file)?;
        if entry.size != bytes.len() as u64 {
            let found = bytes.len() as u64;
            return Err(BundleError::SizeMismatch { file: file.to_owned(), expected: entry.size, found });
        }
        check_digest(file, bytes, entry.digest)
    }

    fn entry(&self, file: &str) -> Result<&FileEntry, BundleError> {
        self.files.get(file).ok_or_else(|| BundleError::MissingFile { file: file.to_owned() })
    }
}

/// The one field that every format has.
#[derive(Deserialize)]
struct Format {
    format: u64,
}

impl FileEntry {
    /// What a manifest says of `bytes`.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self { digest: Digest::of(bytes), size: bytes.len() as u64 }
    }
}

impl Signature {
    /// What takes `inputs`, and gives answers of `task`.
    pub(super) fn new(inputs: Vec<SignatureColumn>, task: Task) -> Self {
        let column = |name: &str, datatype| SignatureColumn { name: name.to_owned(), datatype };
        let outputs = match task {
            Task::BinaryClassification => vec![column("score", Datatype::Fp64), column("label", Datatype::Bytes)],
            Task::MulticlassClassification => {
                vec![column("probabilities", Datatype::Fp64), column("label", Datatype::Bytes)]
            }
            Task::Regression | Task::Count => vec![column("value", Datatype::Fp64)],
        };
        Self { inputs, outputs }
    }
}

/// The raw columns that features take.
pub(super) fn inputs(features: &FittedFeatures) -> Vec<SignatureColumn> {
    let input = |(name, kind): (&str, _)| match kind {
        FeatureKind::Number => SignatureColumn { name: name.to_owned(), datatype: Datatype::Fp64 },
        FeatureKind::Category => SignatureColumn { name: name.to_owned(), datatype: Datatype::Bytes },
    };
    features.inputs().into_iter().map(input).collect()
}

pub(super) fn check_size(file: &str, size: u64, limit: u64) -> Result<(), BundleError> {
    if size > limit {
        return Err(BundleError::TooLarge { file: file.to_owned(), size, limit });
    }
    Ok(())
}

fn check_digest(file: &str, bytes: &[u8], expected: Digest) -> Result<(), BundleError> {
    let found = Digest::of(bytes);
    if found != expected {
        return Err(BundleError::DigestMismatch { file: file.to_owned(), expected, found });
    }
    Ok(())
}
