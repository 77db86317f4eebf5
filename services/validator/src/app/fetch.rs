//! Fetching what is to be measured.

use bytes::Bytes;
use lineal_bundles::{FetchError, Fetched};
use lineal_kernel::{Digest, ModelName, VersionNumber};
use lineal_models::{BundleError, Manifest, ServedModel};

use super::App;
use crate::{
    domain::{Role, ValidatorError},
    registry::RegistryError,
};

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

/// What a contender is loaded from.
#[derive(Debug)]
pub(crate) struct FetchedBundle {
    pub(crate) contender: Contender,
    bundle: Fetched,
    /// Of a member, those of the members before it, in the manifest's order.
    upstreams: Vec<Fetched>,
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

    fn unloadable(&self, error: &BundleError) -> ValidatorError {
        self.damaged(file_of(error), with_causes(error))
    }

    fn unfetched(&self, error: FetchError<RegistryError>) -> ValidatorError {
        match error {
            FetchError::File { file, source: RegistryError::Artifact { problem } } => self.damaged(&file, problem),
            FetchError::File { source, .. } | FetchError::Signatures(source) => source.into(),
            FetchError::Bundle(error) => self.unloadable(&error),
            FetchError::Refused(refusal) => {
                let (role, model, number) = (self.role, self.model.clone(), self.number);
                ValidatorError::BundleRefused { role, model, number, refusal }
            }
        }
    }
}

impl FetchedBundle {
    pub(crate) fn manifest(&self) -> &Manifest {
        self.bundle.manifest()
    }

    /// Checks every digest, loads the model and replays its golden rows: not for a thread that serves.
    pub(crate) fn load(self) -> Result<ServedModel, ValidatorError> {
        let Self { contender, bundle, upstreams } = self;
        let upstreams = upstreams.into_iter().map(Fetched::assemble).collect::<Result<Vec<_>, _>>();
        bundle
            .assemble()
            .and_then(|bundle| ServedModel::load_chain(&bundle, &upstreams?))
            .map_err(|error| contender.unloadable(&error))
    }
}

impl App {
    /// The bundle of `contender`, with those of the members before it.
    pub(super) async fn bundle(&self, contender: Contender) -> Result<FetchedBundle, ValidatorError> {
        let fetch = async {
            let bundle = Fetched::fetch(&*self.registry, &self.signatures, contender.digest).await?;
            let upstreams = bundle.upstreams(&*self.registry).await?;
            Ok((bundle, upstreams))
        };
        let (bundle, upstreams) = fetch.await.map_err(|error| contender.unfetched(error))?;
        Ok(FetchedBundle { contender, bundle, upstreams })
    }

    /// The reference set `digest` of version `number`.
    pub(super) async fn reference(
        &self,
        model: &ModelName,
        number: VersionNumber,
        digest: Digest,
    ) -> Result<Bytes, ValidatorError> {
        self.registry.file(digest, REFERENCE_LIMIT).await.map_err(|error| match error {
            RegistryError::Artifact { problem } => {
                ValidatorError::ReferenceUnusable { model: model.clone(), number, problem }
            }
            other => other.into(),
        })
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
        BundleError::UnsupportedFormat { .. } | BundleError::Upstreams { .. } | BundleError::Chain(_) => Manifest::FILE,
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
