//! The files of a version, as its bundle lists them.

use std::{collections::BTreeMap, fs};

use bytes::Bytes;
use lineal_bundles::{FetchError, Fetched, Listed};
use lineal_kernel::{Digest, Slot};
use lineal_models::Bundle;
use lineal_proto::lineal::registry::v1::Version;
use lineal_signing::{KeyError, Policy};
use tonic::Status;

use super::{context::Context, error::CliError, request::resolve_reference};

/// A version and the manifest of its bundle.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) version: Version,
    pub(super) bundle: Listed,
}

impl Found {
    /// The version of `model` called `version`: a number, a label or `@alias` in `slot`.
    pub(super) async fn fetch(ctx: &Context, model: &str, version: &str, slot: &Slot) -> Result<Self, CliError> {
        let between = if version.starts_with('@') { "" } else { "/" };
        let found = resolve_reference(ctx, format!("{model}{between}{version}"), slot).await;
        let version = found.map_err(|error| error.about(model, version))?;
        let bundle = Listed::fetch(&ctx.registry.peer(), digest_of(ctx, &version)?).await;
        Ok(Self { bundle: bundle.map_err(|error| failed(ctx, &version, error))?, version })
    }

    /// Every file, each of which is what its digest says.
    pub(super) async fn files(self, ctx: &Context) -> Result<BTreeMap<String, Bytes>, CliError> {
        let files = self.bundle.files(&ctx.registry.peer()).await;
        files.map(Fetched::into_files).map_err(|error| failed(ctx, &self.version, error))
    }

    /// How people call it.
    pub(super) fn name(&self) -> String {
        name_of(&self.version)
    }
}

/// The bundle of a version, and those that its manifest names. Whose signatures they have is asked where they are served.
pub(super) async fn assemble(ctx: &Context, version: &Version) -> Result<(Bundle, Vec<Bundle>), CliError> {
    let (registry, digest) = (ctx.registry.peer(), digest_of(ctx, version)?);
    let fetch = async {
        let bundle = Fetched::fetch(&registry, &Policy::default(), digest).await?;
        let upstreams = bundle.upstreams(&registry).await?.into_iter().map(Fetched::assemble);
        let upstreams = upstreams.collect::<Result<_, _>>()?;
        Ok((bundle.assemble()?, upstreams))
    };
    fetch.await.map_err(|error| failed(ctx, version, error))
}

fn digest_of(ctx: &Context, version: &Version) -> Result<Digest, CliError> {
    version.digest.parse().map_err(|_| ctx.registry.absent("digest"))
}

fn failed(ctx: &Context, version: &Version, error: FetchError<Status>) -> CliError {
    match error {
        FetchError::File { source, .. } | FetchError::Signatures(source) => ctx.registry.failed(source),
        FetchError::Bundle(error) => CliError::usage(format!("{}: {error}", name_of(version))),
        FetchError::Refused(refusal) => CliError::Untrusted { bundle: name_of(version), refusal },
    }
}

fn name_of(version: &Version) -> String {
    format!("{} {}", version.model, version.number)
}

/// The key in the PEM file `path`.
pub(super) fn key<T>(path: &str, parse: impl FnOnce(&str) -> Result<T, KeyError>) -> Result<T, CliError> {
    let pem = fs::read_to_string(path).map_err(|source| CliError::File { path: path.to_owned(), source })?;
    parse(&pem).map_err(|error| CliError::usage(format!("`{path}` {error}")))
}
