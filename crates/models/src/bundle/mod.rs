//! What is served: four files, each known by its digest. Data only, never code.

mod decision;
mod ensemble;
mod error;
mod golden;
mod graph;
mod manifest;
mod member;
mod scorer;
mod served;

use std::collections::BTreeMap;

use lineal_data::{FittedFeatures, Frame, Target};
use lineal_kernel::Digest;
use serde::{Serialize, de::DeserializeOwned};

pub use decision::{Decision, MostProbable, Rule, Threshold};
pub use ensemble::{
    Answer, EnsembleError, EnsembleMember, EnsembleParts, EnsembleProblem, EnsembleRule, LeftOut, MemberFault,
};
pub use error::BundleError;
pub use graph::GraphParts;
pub use manifest::{Datatype, FileEntry, Manifest, Signature, SignatureColumn, SplitReference, UpstreamBundle};
pub use member::MemberParts;
pub use scorer::ScoreError;
pub use served::ServedModel;

use ensemble::Ensemble;
use golden::Golden;
use manifest::{FEATURES, FORMAT, GOLDEN, MANIFEST, MODEL, check_size};
use scorer::Scorer;

use crate::{Hyperparameters, Model, Task};

/// A verified bundle: a manifest, and files that are what it says. Its digest is the manifest's.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    manifest: Manifest,
    manifest_bytes: Vec<u8>,
    digest: Digest,
    files: BTreeMap<String, Vec<u8>>,
}

/// What a bundle is made of.
#[derive(Debug, Clone)]
pub struct BundleParts<'a> {
    /// The family that fitted the model.
    pub family: &'a str,
    /// What the model predicts.
    pub task: Task,
    /// The features as fitted.
    pub features: &'a FittedFeatures,
    /// The model as fitted.
    pub model: &'a Model,
    /// The hyperparameters of the fit.
    pub hyperparameters: &'a Hyperparameters,
    /// What was predicted: the column that holds the truth, for whoever judges the model.
    pub label: Target,
    /// From the scores of a row to its answer.
    pub decision: Decision,
    /// Digest of the snapshot the training rows came from.
    pub training_data: Digest,
    /// The split that chose them.
    pub split: SplitReference,
    /// Raw rows; 16 of them, evenly spread, become golden rows.
    pub rows: &'a Frame,
}

impl Bundle {
    /// Packs what a fit made. The golden scores come from the stored bytes, by the path that serves.
    ///
    /// # Errors
    /// [`BundleError`]: no rows, rows without the raw columns, a model for other features, or files that grew too
    /// large.
    pub fn build(parts: BundleParts<'_>) -> Result<Self, BundleError> {
        parts.decision.check(parts.task)?;
        let features = write(FEATURES, parts.features)?;
        let model = write(MODEL, parts.model)?;
        let scorer = Scorer::model(read(FEATURES, &features)?, &read(MODEL, &model)?, &parts.decision)?;
        let golden = write(GOLDEN, &Golden::new(parts.rows, &scorer)?)?;
        let files = BTreeMap::from([(FEATURES, features), (MODEL, model), (GOLDEN, golden)].map(named));
        let manifest = Manifest {
            format: FORMAT,
            family: parts.family.to_owned(),
            task: parts.task,
            files: files.iter().map(|(name, bytes)| (name.clone(), FileEntry::of(bytes))).collect(),
            signature: Signature::new(manifest::inputs(parts.features), parts.task),
            label: parts.label,
            decision: parts.decision,
            hyperparameters: parts.hyperparameters.digest().map_err(|error| malformed(MANIFEST, error))?,
            feature_set: parts.features.set().digest().map_err(|error| malformed(FEATURES, error))?,
            training_data: parts.training_data,
            split: parts.split,
            upstreams: Vec::new(),
        };
        Self::sealed(&manifest, files)
    }

    fn sealed(manifest: &Manifest, files: BTreeMap<String, Vec<u8>>) -> Result<Self, BundleError> {
        let manifest_bytes = write(MANIFEST, manifest)?;
        let digest = Digest::of(&manifest_bytes);
        Self::assemble(manifest_bytes, digest, files)
    }

    /// Puts fetched files together; every digest and size is checked.
    ///
    /// # Errors
    /// As [`Manifest::parse`] for the manifest, then [`BundleError::MissingFile`], [`BundleError::SizeMismatch`] and
    /// [`BundleError::DigestMismatch`] for the file at fault, and [`BundleError::UnknownFile`] for one too many.
    pub fn assemble(
        manifest_bytes: Vec<u8>,
        expected: Digest,
        files: BTreeMap<String, Vec<u8>>,
    ) -> Result<Self, BundleError> {
        let manifest = Manifest::parse(&manifest_bytes, expected)?;
        for &(file, limit) in manifest.known_files() {
            let bytes = files.get(file).ok_or_else(|| BundleError::MissingFile { file: file.to_owned() })?;
            check_size(file, bytes.len() as u64, limit)?;
            manifest.check_file(file, bytes)?;
        }
        if let Some(file) = files.keys().find(|file| !manifest.files.contains_key(*file)) {
            return Err(BundleError::UnknownFile { file: file.clone() });
        }
        Ok(Self { manifest, manifest_bytes, digest: expected, files })
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The manifest's bytes, to be stored as `manifest.json`.
    pub fn manifest_bytes(&self) -> &[u8] {
        &self.manifest_bytes
    }

    /// The digest of the manifest, and through it of everything.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Every other file by name.
    pub fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.files
    }

    /// The fitted features of a model.
    ///
    /// # Errors
    /// [`BundleError::MissingFile`] for a member, which has none; [`BundleError::Malformed`].
    pub fn features(&self) -> Result<FittedFeatures, BundleError> {
        self.read(FEATURES)
    }

    /// The golden rows, without their scores.
    ///
    /// # Errors
    /// [`BundleError::Malformed`].
    pub fn golden_rows(&self) -> Result<Frame, BundleError> {
        Ok(self.read::<Golden>(GOLDEN)?.into_rows())
    }

    fn read<T: DeserializeOwned>(&self, file: &'static str) -> Result<T, BundleError> {
        let bytes = self.files.get(file).ok_or_else(|| BundleError::MissingFile { file: file.to_owned() })?;
        read(file, bytes)
    }
}

fn named((name, bytes): (&str, Vec<u8>)) -> (String, Vec<u8>) {
    (name.to_owned(), bytes)
}

/// Compact JSON with fields in the order of their declaration: equal values, equal bytes.
fn write(file: &'static str, value: &impl Serialize) -> Result<Vec<u8>, BundleError> {
    serde_json::to_vec(value).map_err(|error| malformed(file, error))
}

fn read<T: DeserializeOwned>(file: &'static str, bytes: &[u8]) -> Result<T, BundleError> {
    serde_json::from_slice(bytes).map_err(|error| malformed(file, error))
}

fn malformed(file: &'static str, problem: impl std::fmt::Display) -> BundleError {
    BundleError::Malformed { file, problem: problem.to_string() }
}
