//! A bundle of which the manifest has arrived.

use std::collections::BTreeMap;

use bytes::Bytes;
use lineal_kernel::Digest;
use lineal_models::Manifest;
use lineal_signing::{Files, Policy, files_of};

use crate::{FetchError, Fetched, Source};

/// A manifest that has its digest; what it lists is still to be fetched.
#[derive(Debug, Clone)]
pub struct Listed {
    pub(crate) digest: Digest,
    pub(crate) manifest: Manifest,
    /// Of the manifest.
    pub(crate) bytes: Bytes,
}

/// What is signed of the bundle with this digest.
pub fn to_sign(digest: Digest, manifest: &Manifest) -> Files {
    files_of(digest, manifest.files.iter().map(|(name, file)| (name, file.digest)))
}

impl Listed {
    /// Fetches the manifest of the bundle `digest`.
    ///
    /// # Errors
    /// [`FetchError::File`], and [`FetchError::Bundle`] as [`Manifest::parse`].
    pub async fn fetch<S: Source + ?Sized>(source: &S, digest: Digest) -> Result<Self, FetchError<S::Error>> {
        let bytes = file(source, Manifest::FILE, digest, Manifest::MAX_BYTES).await?;
        Ok(Self { digest, manifest: Manifest::parse(&bytes, digest)?, bytes })
    }

    /// The bundle's.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What is signed of it.
    pub fn to_sign(&self) -> Files {
        to_sign(self.digest, &self.manifest)
    }

    /// Checks its signatures, if `policy` looks at any. The manifest names every file by its digest, also those of the bundles upstream
    /// by that of their manifests, so its signature covers them all.
    ///
    /// # Errors
    /// [`FetchError::Signatures`] and [`FetchError::Refused`].
    pub async fn admit<S: Source + ?Sized>(&self, source: &S, policy: &Policy) -> Result<(), FetchError<S::Error>> {
        if !policy.is_active() {
            return Ok(());
        }
        let files = self.to_sign();
        if let Some(kept) = source.kept_signature(self.digest).await
            && matches!(policy.admit(&files, &[kept]), Ok(Some(_)))
        {
            return Ok(());
        }
        let signatures = source.signatures(self.digest).await.map_err(FetchError::Signatures)?;
        if let Some(good) = policy.admit(&files, &signatures)?.and_then(|place| signatures.get(place)) {
            source.keep_signature(self.digest, good).await;
        }
        Ok(())
    }

    /// Fetches what it lists.
    ///
    /// # Errors
    /// [`FetchError::File`].
    pub async fn files<S: Source + ?Sized>(self, source: &S) -> Result<Fetched, FetchError<S::Error>> {
        let mut files = BTreeMap::new();
        for (name, entry) in &self.manifest.files {
            let size = usize::try_from(entry.size).unwrap_or(usize::MAX);
            files.insert(name.clone(), file(source, name, entry.digest, size).await?);
        }
        Ok(Fetched { listed: self, files })
    }
}

async fn file<S: Source + ?Sized>(
    source: &S,
    name: &str,
    digest: Digest,
    limit: usize,
) -> Result<Bytes, FetchError<S::Error>> {
    let content = source.file(digest, limit).await;
    content.map_err(|source| FetchError::File { file: name.to_owned(), source })
}
