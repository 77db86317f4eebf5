//! Signatures of bundles, in the form of OpenSSF Model Signing 1.0 with an ECDSA P-256 key: whoever has `model_signing` checks ours,
//! and we check theirs.
//!
//! A signature is a Sigstore bundle (`envelope`) around a DSSE envelope around an in-toto statement (`statement`) that lists the
//! digest of every file. [`Policy`] says which keys are trusted, and [`Policy::admit`] whether a bundle may be loaded.

mod envelope;
mod error;
mod key;
mod policy;
mod statement;

use std::collections::BTreeMap;

use lineal_kernel::Digest;

pub use envelope::Envelope;
pub use error::{KeyError, Refusal, SignatureError};
pub use key::{PublicKey, SigningKey};
pub use policy::Policy;

/// The digest of every file of a bundle by name, `manifest.json` among them.
pub type Files = BTreeMap<String, Digest>;

/// The name of the file that holds a signature, beside the files it speaks of.
pub const FILE: &str = "model.sig";

/// Largest signature in bytes that is read: one of a bundle has less than two thousand.
pub const MAX_BYTES: usize = 64 * 1024;

/// What is signed of a bundle with this manifest and these other files.
pub fn files_of<'a>(manifest: Digest, others: impl IntoIterator<Item = (&'a String, Digest)>) -> Files {
    let others = others.into_iter().map(|(name, digest)| (name.clone(), digest));
    others.chain([("manifest.json".to_owned(), manifest)]).collect()
}
