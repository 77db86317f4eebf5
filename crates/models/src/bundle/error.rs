//! Why a bundle is refused.

use lineal_kernel::Digest;

use super::{EnsembleProblem, ScoreError};
use crate::{ChainError, MemberError, ModelError, OnnxError};

/// Why a bundle is refused. Nothing of a refused bundle is ever served.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Written by a newer Lineal.
    #[error("the bundle has format {found}, this program reads format {supported}, upgrade it")]
    UnsupportedFormat {
        /// The bundle's format.
        found: u64,
        /// What this program reads.
        supported: u64,
    },
    /// A file is not what its digest says.
    #[error("`{file}` has digest {found}, expected {expected}, fetch it again")]
    DigestMismatch {
        /// The file.
        file: String,
        /// The digest asked for.
        expected: Digest,
        /// The digest of the bytes.
        found: Digest,
    },
    /// A file is longer or shorter than the manifest says.
    #[error("`{file}` has {found} bytes, expected {expected}, fetch it again")]
    SizeMismatch {
        /// The file.
        file: String,
        /// The manifest's size in bytes.
        expected: u64,
        /// The size of the bytes.
        found: u64,
    },
    /// A file is larger than any of its kind may be.
    #[error("`{file}` has {size} bytes, at most {limit} are taken")]
    TooLarge {
        /// The file.
        file: String,
        /// Its size, or the size the manifest claims, in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A file is not there.
    #[error("`{file}` is missing")]
    MissingFile {
        /// The file.
        file: String,
    },
    /// A file that no bundle has.
    #[error("a bundle has no file `{file}`")]
    UnknownFile {
        /// The file.
        file: String,
    },
    /// A file cannot be read, or contradicts another one.
    #[error("`{file}` is malformed: {problem}")]
    Malformed {
        /// The file.
        file: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The model's numbers are not a model for the bundle's features.
    #[error("`model.json` is refused")]
    Model(#[from] ModelError),
    /// The graph cannot be served.
    #[error("`model.onnx` is refused")]
    Graph(#[from] OnnxError),
    /// The features cannot be evaluated on the golden rows.
    #[error("the golden rows cannot be evaluated")]
    Golden(#[from] ScoreError),
    /// A stored member cannot be evaluated.
    #[error("`member.json` is refused")]
    Member(#[from] MemberError),
    /// The members are no chain.
    #[error("the members are no chain")]
    Chain(#[from] ChainError),
    /// The members are no ensemble.
    #[error("the members are no ensemble")]
    Ensemble(#[from] EnsembleProblem),
    /// Not the bundles that the manifest names.
    #[error("the manifest names {expected} bundles upstream, found {found} or others; fetch them with it")]
    Upstreams {
        /// How many it names.
        expected: usize,
        /// How many were given.
        found: usize,
    },
    /// The loaded model does not repeat what the trained one said.
    #[error("golden row {row} scores {found}, expected {expected}")]
    GoldenMismatch {
        /// Row, from 0.
        row: usize,
        /// The score in the bundle.
        expected: f64,
        /// The score after loading.
        found: f64,
    },
    /// A bundle needs rows to prove itself.
    #[error("no rows to make golden rows of, give at least one")]
    NoRows,
}
