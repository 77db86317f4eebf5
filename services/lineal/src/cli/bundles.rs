//! Bundles as the registry keeps them.

use std::collections::BTreeMap;

use lineal_kernel::Digest;
use lineal_models::{Bundle, Manifest};
use lineal_proto::lineal::registry::v1::Version;
use lineal_rpc::artifacts;

use super::{CliError, Context};

/// Largest manifest, in bytes.
const MAX_MANIFEST: usize = 1 << 20;

/// The bundle of a version, and those that its manifest names.
pub(super) async fn fetch(ctx: &Context, version: &Version) -> Result<(Bundle, Vec<Bundle>), CliError> {
    let damaged = |problem: String| CliError::usage(format!("{}/{}: {problem}", version.model, version.number));
    let digest = version.digest.parse().map_err(|error| damaged(format!("{error}")))?;
    let bundle = one(ctx, digest, &damaged).await?;
    let mut upstreams = Vec::new();
    for upstream in &bundle.manifest().upstreams {
        upstreams.push(one(ctx, upstream.digest, &damaged).await?);
    }
    Ok((bundle, upstreams))
}

async fn one(ctx: &Context, digest: Digest, damaged: &impl Fn(String) -> CliError) -> Result<Bundle, CliError> {
    let file = async |digest, limit| {
        let content = artifacts::download(&ctx.registry.peer(), digest, limit).await;
        content.map(Vec::from).map_err(|error| damaged(error.to_string()))
    };
    let manifest = file(digest, MAX_MANIFEST).await?;
    let mut files = BTreeMap::new();
    let parsed = Manifest::parse(&manifest, digest).map_err(|error| damaged(error.to_string()))?;
    for (name, entry) in parsed.files {
        files.insert(name, file(entry.digest, usize::try_from(entry.size).unwrap_or(usize::MAX)).await?);
    }
    Bundle::assemble(manifest, digest, files).map_err(|error| damaged(error.to_string()))
}
