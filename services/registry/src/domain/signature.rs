//! Signatures: who vouches for a bundle.

use lineal_kernel::{Digest, FieldError, ModelName, RequestId, Timestamp};
use lineal_signing::{Envelope, Files, PublicKey};

/// A signature of a bundle by one key. It is never changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleSignature {
    /// Digest of the bundle's manifest.
    pub digest: Digest,
    /// Fingerprint of the key.
    pub key: Digest,
    /// The content of `model.sig`.
    pub envelope: String,
    /// The public key in PEM.
    pub public_key: String,
    /// Who attached it.
    pub actor: String,
    /// When.
    pub created: Timestamp,
}

/// The wish to keep a signature.
#[derive(Debug, Clone)]
pub struct AttachSignature {
    /// The model that the bundle is signed for.
    pub model: ModelName,
    /// Digest of the bundle's manifest.
    pub digest: Digest,
    /// The content of `model.sig`.
    pub envelope: String,
    /// What it is checked with.
    pub public_key: PublicKey,
    /// Key of this intended change.
    pub request_id: RequestId,
}

impl AttachSignature {
    /// That the key signed these files, whoever trusts it.
    pub fn check(&self, files: &Files) -> Result<(), FieldError> {
        let envelope = Envelope::parse(&self.envelope);
        let checked = envelope.and_then(|envelope| envelope.verify(&self.public_key, files));
        checked.map_err(|error| FieldError::new("envelope", error.to_string()))
    }
}
