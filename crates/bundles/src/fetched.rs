//! A bundle that has arrived.

use std::collections::BTreeMap;

use bytes::Bytes;
use lineal_kernel::Digest;
use lineal_models::{Bundle, BundleError, Manifest, UpstreamBundle};
use lineal_signing::Policy;

use crate::{FetchError, Listed, Source};

/// The files of a bundle, of which only the manifest has been read.
#[derive(Debug, Clone)]
pub struct Fetched {
    pub(crate) listed: Listed,
    /// All but the manifest.
    pub(crate) files: BTreeMap<String, Bytes>,
}

impl Fetched {
    /// Fetches the bundle `digest`, if its signatures are what `policy` asks for.
    ///
    /// # Errors
    /// [`FetchError`]. Of a refused bundle nothing but the manifest is fetched.
    pub async fn fetch<S: Source + ?Sized>(
        source: &S,
        policy: &Policy,
        digest: Digest,
    ) -> Result<Self, FetchError<S::Error>> {
        let listed = Listed::fetch(source, digest).await?;
        listed.admit(source, policy).await?;
        listed.files(source).await
    }

    /// Fetches a bundle that the manifest of an admitted one names.
    ///
    /// # Errors
    /// [`FetchError::File`] and [`FetchError::Bundle`].
    pub async fn upstream<S: Source + ?Sized>(
        source: &S,
        named: &UpstreamBundle,
    ) -> Result<Self, FetchError<S::Error>> {
        Listed::fetch(source, named.digest).await?.files(source).await
    }

    /// Fetches all bundles that its manifest names, in that order.
    ///
    /// # Errors
    /// As [`Fetched::upstream`], for the first that fails.
    pub async fn upstreams<S: Source + ?Sized>(&self, source: &S) -> Result<Vec<Self>, FetchError<S::Error>> {
        let mut fetched = Vec::new();
        for named in &self.manifest().upstreams {
            fetched.push(Self::upstream(source, named).await?);
        }
        Ok(fetched)
    }

    /// What the bundle is.
    pub fn manifest(&self) -> &Manifest {
        &self.listed.manifest
    }

    /// Every file by name, the manifest among them.
    pub fn into_files(self) -> BTreeMap<String, Bytes> {
        let mut files = self.files;
        files.insert(Manifest::FILE.to_owned(), self.listed.bytes);
        files
    }

    /// Checks every size and digest, and may copy large files: not for a thread that serves.
    ///
    /// # Errors
    /// As [`Bundle::assemble`].
    pub fn assemble(self) -> Result<Bundle, BundleError> {
        let files = self.files.into_iter().map(|(name, content)| (name, content.into())).collect();
        Bundle::assemble(self.listed.bytes.into(), self.listed.digest, files)
    }
}
