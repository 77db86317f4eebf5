//! The Sigstore bundle and the DSSE envelope in it: what is stored as `model.sig`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lineal_kernel::Digest;
use serde::{Deserialize, Serialize, de::IgnoredAny};

use crate::{Files, MAX_BYTES, PublicKey, SignatureError, SigningKey, statement::Statement};

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// A signature that has been read, and not yet checked.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// Fingerprint of the key it says that it was made by.
    key: Digest,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// The file. Unknown fields are refused: nothing in it is left that nobody looks at.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Sigstore<T> {
    media_type: String,
    verification_material: Material<T>,
    dsse_envelope: Dsse,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Material<T> {
    public_key: Hint,
    /// Entries of a transparency log; a signature by a key has none.
    #[serde(default = "Vec::new")]
    tlog_entries: Vec<T>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hint {
    /// Hexadecimal SHA-256 of the public key's PEM.
    hint: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Dsse {
    payload: String,
    payload_type: String,
    signatures: Vec<DsseSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DsseSignature {
    sig: String,
    /// Empty: `hint` names the key.
    #[serde(default)]
    keyid: String,
}

impl Envelope {
    /// Signs the files of the model `name`.
    pub fn sign(key: &SigningKey, name: &str, files: &Files) -> Result<String, serde_json::Error> {
        let payload = serde_json::to_vec(&Statement::new(name, files))?;
        let signature = key.sign(&to_sign(&payload));
        let file = Sigstore::<()> {
            media_type: MEDIA_TYPE.to_owned(),
            verification_material: Material {
                public_key: Hint { hint: key.public().fingerprint().hex() },
                tlog_entries: Vec::new(),
            },
            dsse_envelope: Dsse {
                payload: STANDARD.encode(payload),
                payload_type: PAYLOAD_TYPE.to_owned(),
                signatures: vec![DsseSignature { sig: STANDARD.encode(signature), keyid: String::new() }],
            },
        };
        serde_json::to_string(&file)
    }

    /// Reads a signature.
    ///
    /// # Errors
    /// [`SignatureError::Malformed`], also for one that was made by other means than a key.
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        if text.len() > MAX_BYTES {
            return Err(malformed(format!("it has {} bytes, at most {MAX_BYTES} are read", text.len())));
        }
        let file: Sigstore<IgnoredAny> = serde_json::from_str(text).map_err(malformed)?;
        let (material, dsse) = (file.verification_material, file.dsse_envelope);
        for (field, found, expected) in
            [("mediaType", &file.media_type, MEDIA_TYPE), ("payloadType", &dsse.payload_type, PAYLOAD_TYPE)]
        {
            if found != expected {
                return Err(malformed(format!("`{field}` is `{found}`, expected `{expected}`")));
            }
        }
        if !material.tlog_entries.is_empty() {
            return Err(malformed("it has entries of a transparency log"));
        }
        let [DsseSignature { sig, keyid }] = dsse.signatures.as_slice() else {
            return Err(malformed("it has not one signature"));
        };
        if !keyid.is_empty() {
            return Err(malformed("`keyid` is not empty"));
        }
        let hint = format!("sha256:{}", material.public_key.hint);
        Ok(Self {
            key: hint.parse().map_err(|_| malformed("`hint` is no fingerprint of a key"))?,
            payload: STANDARD.decode(&dsse.payload).map_err(malformed)?,
            signature: STANDARD.decode(sig).map_err(malformed)?,
        })
    }

    /// Fingerprint of the key it says that it was made by.
    pub fn key(&self) -> Digest {
        self.key
    }

    /// That `key` signed exactly these files.
    ///
    /// # Errors
    /// [`SignatureError::OtherKey`], [`SignatureError::Forged`], [`SignatureError::Malformed`], [`SignatureError::OtherFile`].
    pub fn verify(&self, key: &PublicKey, files: &Files) -> Result<(), SignatureError> {
        if self.key != key.fingerprint() {
            return Err(SignatureError::OtherKey { found: self.key });
        }
        // Nothing of the payload is read before its signature is known to be good.
        key.verify(&to_sign(&self.payload), &self.signature)?;
        let statement: Statement = serde_json::from_slice(&self.payload).map_err(malformed)?;
        let signed = statement.files()?;
        let mut names = signed.keys().chain(files.keys());
        match names.find(|name| signed.get(*name) != files.get(*name)) {
            Some(file) => Err(SignatureError::OtherFile { file: file.clone() }),
            None => Ok(()),
        }
    }
}

/// The bytes that are signed: DSSE's pre-authentication encoding, version 1.
fn to_sign(payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

pub(crate) fn malformed(problem: impl ToString) -> SignatureError {
    SignatureError::Malformed { problem: problem.to_string() }
}
