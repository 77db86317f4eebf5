//! As much of a bundle's manifest as the registry needs: which files must be there.

use std::collections::BTreeMap;

use lineal_kernel::Digest;
use serde::Deserialize;

/// The files of a bundle.
#[derive(Debug, Deserialize)]
pub struct ManifestFiles {
    /// By name.
    pub files: BTreeMap<String, ManifestFile>,
}

/// One file of a bundle.
#[derive(Debug, Deserialize)]
pub struct ManifestFile {
    /// Digest of its content.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
}
