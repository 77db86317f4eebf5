//! Fetching what is to be measured.

use std::collections::BTreeMap;

use bytes::Bytes;
use lineal_kernel::{Digest, ModelName, VersionNumber};
use lineal_models::{Bundle, BundleError, Manifest, ServedModel};

use super::App;
use crate::{
    domain::{Role, ValidatorError},
    registry::RegistryError,
};

const MANIFEST: &str = "manifest.json";
/// Larger than any manifest that can be read, in bytes.
const MANIFEST_LIMIT: usize = 4 << 20;
/// Largest reference set in bytes; it is held in memory.
const REFERENCE_LIMIT: usize = 1 << 30;

/// Which version a bundle belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Contender {
    pub(crate) role: Role,
    pub(crate) model: ModelName,
    pub(crate) number: VersionNumber,
    /// Digest of the bundle.
    pub(crate) digest: Digest,
}

/// A bundle as it arrived: only the manifest has been read.
#[derive(Debug)]
pub(crate) struct FetchedBundle {
    pub(crate) contender: Contender,
    pub(crate) manifest: Manifest,
    manifest_bytes: Vec<u8>,
    files: BTreeMap<String, Vec<u8>>,
}

impl Contender {
    fn damaged(&self, file: &str, problem: impl ToString) -> ValidatorError {
        ValidatorError::BundleDamaged {
            role: self.role,
            model: self.model.clone(),
            number: self.number,
            file: file.to_owned(),
            problem: problem.to_string(),
        }
    }
}

impl FetchedBundle {
    /// Checks every digest, loads the model and replays its golden rows: not for a thread that serves.
    pub(crate) fn load(self) -> Result<ServedModel, ValidatorError> {
        let bundle = Bundle::assemble(self.manifest_bytes, self.contender.digest, self.files);
        bundle
            .and_then(|bundle| ServedModel::load(&bundle))
            .map_err(|error| self.contender.damaged(file_of(&error), with_cause(&error)))
    }
}

impl App {
    /// The bundle of `contender`.
    pub(super) async fn bundle(&self, contender: Contender) -> Result<FetchedBundle, ValidatorError> {
        let manifest_bytes = self.file(&contender, MANIFEST, contender.digest, MANIFEST_LIMIT).await?;
        let manifest = Manifest::parse(&manifest_bytes, contender.digest)
            .map_err(|error| contender.damaged(file_of(&error), with_cause(&error)))?;
        let mut files = BTreeMap::new();
        for (name, entry) in &manifest.files {
            let limit = usize::try_from(entry.size).unwrap_or(usize::MAX);
            files.insert(name.clone(), self.file(&contender, name, entry.digest, limit).await?);
        }
        Ok(FetchedBundle { contender, manifest, manifest_bytes, files })
    }

    /// The reference set `digest` of version `number`.
    pub(super) async fn reference(
        &self,
        model: &ModelName,
        number: VersionNumber,
        digest: Digest,
    ) -> Result<Bytes, ValidatorError> {
        self.registry.artifact(digest, REFERENCE_LIMIT).await.map_err(|error| match error {
            RegistryError::Artifact { problem } => {
                ValidatorError::ReferenceUnusable { model: model.clone(), number, problem }
            }
            other => other.into(),
        })
    }

    async fn file(
        &self,
        contender: &Contender,
        name: &str,
        digest: Digest,
        limit: usize,
    ) -> Result<Vec<u8>, ValidatorError> {
        let content = self.registry.artifact(digest, limit).await.map_err(|error| match error {
            RegistryError::Artifact { problem } => contender.damaged(name, problem),
            other => other.into(),
        })?;
        Ok(content.into())
    }
}

/// The file that is at fault.
fn file_of(error: &BundleError) -> &str {
    match error {
        BundleError::DigestMismatch { file, .. }
        | BundleError::SizeMismatch { file, .. }
        | BundleError::TooLarge { file, .. }
        | BundleError::MissingFile { file }
        | BundleError::UnknownFile { file } => file,
        BundleError::Malformed { file, .. } => file,
        BundleError::UnsupportedFormat { .. } => MANIFEST,
        BundleError::Model(_) => "model.json",
        BundleError::Golden(_) | BundleError::GoldenMismatch { .. } | BundleError::NoRows => "golden.json",
    }
}

fn with_cause(error: &BundleError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
