//! As much of a bundle's manifest as the registry needs: which files must be there, and which columns it reads.

use std::collections::BTreeMap;

use lineal_kernel::Digest;
use serde::{Deserialize, Serialize};

/// A manifest.
#[derive(Debug, Deserialize)]
pub struct Manifest {
    /// The files of the bundle by name.
    pub files: BTreeMap<String, ManifestFile>,
    /// What goes in; absent in bundles that are not ours.
    #[serde(default)]
    pub signature: Signature,
}

/// One file of a bundle.
#[derive(Debug, Deserialize)]
pub struct ManifestFile {
    /// Digest of its content.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
}

/// Columns of a bundle.
#[derive(Debug, Default, Deserialize)]
pub struct Signature {
    /// The raw columns that a row needs.
    #[serde(default)]
    pub inputs: Vec<Column>,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds, in the words of the Open Inference Protocol.
    pub datatype: String,
}
