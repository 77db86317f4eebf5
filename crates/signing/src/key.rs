//! Keys: ECDSA over P-256, as PEM.

use std::fmt;

use lineal_kernel::Digest;
use p256::{
    SecretKey,
    ecdsa::{
        DerSignature,
        signature::{Signer as _, Verifier as _},
    },
    pkcs8::{DecodePublicKey as _, EncodePublicKey as _, LineEnding},
};

use crate::{KeyError, SignatureError};

/// Longest PEM that is read, in bytes; a key has some 240.
const MAX_PEM: usize = 4096;

/// A private key. Its signatures are deterministic (RFC 6979): the same key signs the same bundle with the same bytes.
#[derive(Clone)]
pub struct SigningKey {
    key: p256::ecdsa::SigningKey,
    public: PublicKey,
}

/// A public key and its fingerprint.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    key: p256::ecdsa::VerifyingKey,
    pem: String,
    fingerprint: Digest,
}

impl SigningKey {
    /// Reads a key in PEM, as PKCS#8 or SEC 1, without a password.
    ///
    /// # Errors
    /// [`KeyError::Private`].
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let secret = short(pem).and_then(|pem| SecretKey::from_pem(pem).ok()).ok_or(KeyError::Private)?;
        let key = p256::ecdsa::SigningKey::from(secret);
        let public = PublicKey::of(*key.verifying_key()).map_err(|_| KeyError::Private)?;
        Ok(Self { key, public })
    }

    /// The key that others check its signatures with.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: DerSignature = self.key.sign(message);
        signature.as_bytes().to_vec()
    }
}

impl PublicKey {
    /// Reads a key in PEM.
    ///
    /// # Errors
    /// [`KeyError::Public`].
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let key = short(pem).and_then(|pem| p256::ecdsa::VerifyingKey::from_public_key_pem(pem.trim()).ok());
        Self::of(key.ok_or(KeyError::Public)?)
    }

    fn of(key: p256::ecdsa::VerifyingKey) -> Result<Self, KeyError> {
        let pem = key.to_public_key_pem(LineEnding::LF).map_err(|_| KeyError::Public)?;
        Ok(Self { key, fingerprint: Digest::of(pem.as_bytes()), pem })
    }

    /// SHA-256 of the key's PEM, which is how signatures name it: `sha256sum key.pub`.
    pub fn fingerprint(&self) -> Digest {
        self.fingerprint
    }

    /// The key as PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        let signature = DerSignature::try_from(signature).map_err(|_| SignatureError::Forged)?;
        self.key.verify(message, &signature).map_err(|_| SignatureError::Forged)
    }
}

/// Says which key it is and nothing of what it is.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.public.fingerprint).finish()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PublicKey").field(&self.fingerprint).finish()
    }
}

fn short(pem: &str) -> Option<&str> {
    (pem.len() <= MAX_PEM).then_some(pem)
}
