//! The files of a version, as its bundle lists them.

use std::{collections::BTreeMap, fs};

use bytes::Bytes;
use lineal_kernel::{Digest, Slot};
use lineal_models::{Bundle, BundleError, Manifest};
use lineal_proto::lineal::registry::v1::Version;
use lineal_rpc::artifacts;
use lineal_signing::{Files, KeyError, files_of};

use super::{context::Context, error::CliError, request::resolve_reference};

/// Largest manifest that is fetched, in bytes.
const MAX_MANIFEST: usize = 1 << 20;

/// A version and the manifest of its bundle.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) version: Version,
    pub(super) digest: Digest,
    pub(super) manifest: Manifest,
    /// Of the manifest.
    pub(super) bytes: Bytes,
}

impl Listed {
    /// The version of `model` called `version`: a number, a label or `@alias` in `slot`.
    pub(super) async fn fetch(ctx: &Context, model: &str, version: &str, slot: &Slot) -> Result<Self, CliError> {
        let between = if version.starts_with('@') { "" } else { "/" };
        let found = resolve_reference(ctx, format!("{model}{between}{version}"), slot).await;
        let version = found.map_err(|error| error.about(model, version))?;
        let digest: Digest = version.digest.parse().map_err(|_| ctx.registry.absent("digest"))?;
        let (manifest, bytes) = manifest(ctx, digest, &version).await?;
        Ok(Self { version, digest, manifest, bytes })
    }

    /// Every file but the manifest, each of which is what its digest says.
    pub(super) async fn files(&self, ctx: &Context) -> Result<BTreeMap<String, Bytes>, CliError> {
        files(ctx, &self.manifest).await
    }

    /// What is signed of it.
    pub(super) fn to_sign(&self) -> Files {
        files_of(self.digest, self.manifest.files.iter().map(|(name, file)| (name, file.digest)))
    }

    /// How people call it.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.version.model, self.version.number)
    }
}

/// The bundle of a version, and those that its manifest names.
pub(super) async fn assemble(ctx: &Context, version: &Version) -> Result<(Bundle, Vec<Bundle>), CliError> {
    let digest = version.digest.parse().map_err(|_| ctx.registry.absent("digest"))?;
    let bundle = one(ctx, digest, version).await?;
    let mut upstreams = Vec::new();
    for upstream in &bundle.manifest().upstreams {
        upstreams.push(one(ctx, upstream.digest, version).await?);
    }
    Ok((bundle, upstreams))
}

/// The bundle `digest`, which is one of `version`.
async fn one(ctx: &Context, digest: Digest, version: &Version) -> Result<Bundle, CliError> {
    let (manifest, bytes) = manifest(ctx, digest, version).await?;
    let files = files(ctx, &manifest).await?.into_iter().map(|(name, content)| (name, content.into())).collect();
    Bundle::assemble(bytes.into(), digest, files).map_err(|error| damaged(version, &error))
}

async fn manifest(ctx: &Context, digest: Digest, version: &Version) -> Result<(Manifest, Bytes), CliError> {
    let bytes = artifacts::download(&ctx.registry.peer(), digest, MAX_MANIFEST).await;
    let bytes = bytes.map_err(|status| ctx.registry.failed(status))?;
    Ok((Manifest::parse(&bytes, digest).map_err(|error| damaged(version, &error))?, bytes))
}

async fn files(ctx: &Context, manifest: &Manifest) -> Result<BTreeMap<String, Bytes>, CliError> {
    let mut files = BTreeMap::new();
    for (name, file) in &manifest.files {
        let limit = usize::try_from(file.size).unwrap_or(usize::MAX);
        let content = artifacts::download(&ctx.registry.peer(), file.digest, limit).await;
        files.insert(name.clone(), content.map_err(|status| ctx.registry.failed(status))?);
    }
    Ok(files)
}

fn damaged(version: &Version, error: &BundleError) -> CliError {
    CliError::usage(format!("{} {}: {error}", version.model, version.number))
}

/// The key in the PEM file `path`.
pub(super) fn key<T>(path: &str, parse: impl FnOnce(&str) -> Result<T, KeyError>) -> Result<T, CliError> {
    let pem = fs::read_to_string(path).map_err(|source| CliError::File { path: path.to_owned(), source })?;
    parse(&pem).map_err(|error| CliError::usage(format!("`{path}` {error}")))
}
