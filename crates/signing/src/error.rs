//! Why a key, a signature or a bundle is refused.

use lineal_kernel::Digest;

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No private key that signs.
    #[error("is no private ECDSA P-256 key in PEM, as `openssl ecparam -name prime256v1 -genkey -noout` writes it")]
    Private,
    /// No public key that is checked against.
    #[error("is no public ECDSA P-256 key in PEM, as `openssl ec -pubout` writes it")]
    Public,
}

/// What is wrong with a signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not a signature of this form.
    #[error("it is no OpenSSF model signature by a key: {problem}")]
    Malformed {
        /// What is not as it should be.
        problem: String,
    },
    /// It says that another key made it.
    #[error("it was made by the key {found}")]
    OtherKey {
        /// Fingerprint of that key.
        found: Digest,
    },
    /// The key did not sign this.
    #[error("the key did not sign this")]
    Forged,
    /// It lists other files than the bundle has.
    #[error("`{file}` is not what was signed")]
    OtherFile {
        /// The first file that differs, is missing or is too many.
        file: String,
    },
}

/// Why a bundle may not be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody signed it.
    #[error("it is not signed, and must be; sign its version with `lineal sign MODEL VERSION --key FILE`")]
    Unsigned,
    /// Nobody whose key is trusted signed it.
    #[error(
        "it is signed by the key {key}, which is not trusted; sign its version with a key that is, or add this one to signing.trusted_keys"
    )]
    UnknownKey {
        /// Fingerprint of a key that did sign it.
        key: Digest,
    },
    /// A signature of a trusted key is not one of this bundle.
    #[error(
        "its signature by the key {key} is refused ({problem}); find out who changed it before anybody signs it again"
    )]
    Invalid {
        /// Fingerprint of the key.
        key: Digest,
        /// What is wrong with it.
        problem: SignatureError,
    },
    /// Something that is no signature at all.
    #[error("a signature of it cannot be read ({problem}); find out who changed it before anybody signs it again")]
    Unreadable {
        /// What is wrong with it.
        problem: SignatureError,
    },
}
