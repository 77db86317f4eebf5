//! Fetching what is to be measured.

use std::collections::BTreeMap;

use bytes::Bytes;
use lineal_kernel::{Digest, ModelName, VersionNumber};
use lineal_models::{Bundle, BundleError, Manifest, ServedModel};
use lineal_signing::files_of;

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
    /// Of a member, those of the members before it, in the manifest's order.
    upstreams: Vec<FetchedBundle>,
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
        let Self { contender, manifest_bytes, files, upstreams, .. } = self;
        let upstreams = upstreams.into_iter().map(Self::assemble).collect::<Result<Vec<_>, _>>();
        let bundle = Bundle::assemble(manifest_bytes, contender.digest, files);
        bundle
            .and_then(|bundle| ServedModel::load_chain(&bundle, &upstreams?))
            .map_err(|error| contender.damaged(file_of(&error), with_causes(&error)))
    }

    fn assemble(self) -> Result<Bundle, BundleError> {
        Bundle::assemble(self.manifest_bytes, self.contender.digest, self.files)
    }
}

impl App {
    /// The bundle of `contender`, with those of the members before it.
    pub(super) async fn bundle(&self, contender: Contender) -> Result<FetchedBundle, ValidatorError> {
        let mut bundle = self.one_bundle(contender).await?;
        self.admit(&bundle).await?;
        for upstream in bundle.manifest.upstreams.clone() {
            let before = Contender { digest: upstream.digest, ..bundle.contender.clone() };
            bundle.upstreams.push(self.one_bundle(before).await?);
        }
        Ok(bundle)
    }

    async fn one_bundle(&self, contender: Contender) -> Result<FetchedBundle, ValidatorError> {
        let manifest_bytes = self.file(&contender, MANIFEST, contender.digest, MANIFEST_LIMIT).await?;
        let manifest = Manifest::parse(&manifest_bytes, contender.digest)
            .map_err(|error| contender.damaged(file_of(&error), with_causes(&error)))?;
        let mut files = BTreeMap::new();
        for (name, entry) in &manifest.files {
            let limit = usize::try_from(entry.size).unwrap_or(usize::MAX);
            files.insert(name.clone(), self.file(&contender, name, entry.digest, limit).await?);
        }
        Ok(FetchedBundle { contender, manifest, manifest_bytes, files, upstreams: Vec::new() })
    }

    /// Refuses a bundle that no trusted key signed. Its manifest names the bundles upstream by digest, so they are signed with it.
    async fn admit(&self, bundle: &FetchedBundle) -> Result<(), ValidatorError> {
        if !self.signatures.is_active() {
            return Ok(());
        }
        let FetchedBundle { contender: Contender { role, model, number, digest }, manifest, .. } = bundle;
        let files = files_of(*digest, manifest.files.iter().map(|(name, file)| (name, file.digest)));
        let signatures = self.registry.signatures(*digest).await?;
        match self.signatures.admit(&files, &signatures) {
            Ok(_) => Ok(()),
            Err(refusal) => {
                Err(ValidatorError::BundleRefused { role: *role, model: model.clone(), number: *number, refusal })
            }
        }
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
        BundleError::UnsupportedFormat { .. } | BundleError::Upstreams { .. } | BundleError::Chain(_) => MANIFEST,
        BundleError::Member(_) => "member.json",
        BundleError::Ensemble(_) => "ensemble.json",
        BundleError::Model(_) => "model.json",
        BundleError::Graph(_) => "model.onnx",
        BundleError::Golden(_) | BundleError::GoldenMismatch { .. } | BundleError::NoRows => "golden.json",
    }
}

/// An error and why, in one line; what a transparent one repeats is said once.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes
        .map(ToString::to_string)
        .fold(error.to_string(), |text, cause| if text.ends_with(&cause) { text } else { format!("{text}: {cause}") })
}
