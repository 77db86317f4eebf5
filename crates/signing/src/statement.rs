//! The in-toto statement: what is signed.

use lineal_kernel::{Digest, Hasher};
use serde::{Deserialize, Serialize};

use crate::{FILE, Files, SignatureError, envelope::malformed};

const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const PREDICATE: &str = "https://model_signing/signature/v1.0";
const METHOD: &str = "files";
const SHA256: &str = "sha256";

/// A statement of <https://in-toto.io/Statement/v1> whose predicate lists the files of a model. Fields that the format may grow are
/// let through, as it asks for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Predicate,
}

/// The model as a whole.
#[derive(Debug, Serialize, Deserialize)]
struct Subject {
    /// For people.
    name: String,
    digest: RootDigest,
}

/// SHA-256 over the binary digests of all resources, in their order.
#[derive(Debug, Serialize, Deserialize)]
struct RootDigest {
    sha256: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Predicate {
    serialization: Serialization,
    resources: Vec<Resource>,
}

/// How the list was made of a folder.
#[derive(Debug, Serialize, Deserialize)]
struct Serialization {
    method: String,
    hash_type: String,
    #[serde(default)]
    allow_symlinks: bool,
    #[serde(default)]
    ignore_paths: Vec<String>,
}

/// One file.
#[derive(Debug, Serialize, Deserialize)]
struct Resource {
    name: String,
    algorithm: String,
    /// Hexadecimal.
    digest: String,
}

impl Statement {
    /// The statement about these files of the model `name`.
    pub(crate) fn new(name: &str, files: &Files) -> Self {
        let resource = |(name, digest): (&String, &Digest)| Resource {
            name: name.clone(),
            algorithm: SHA256.to_owned(),
            digest: digest.hex(),
        };
        Self {
            kind: STATEMENT.to_owned(),
            subject: vec![Subject { name: name.to_owned(), digest: RootDigest { sha256: root(files.values()).hex() } }],
            predicate_type: PREDICATE.to_owned(),
            predicate: Predicate {
                serialization: Serialization {
                    method: METHOD.to_owned(),
                    hash_type: SHA256.to_owned(),
                    allow_symlinks: false,
                    ignore_paths: vec![FILE.to_owned()],
                },
                resources: files.iter().map(resource).collect(),
            },
        }
    }

    /// The files it lists.
    ///
    /// # Errors
    /// [`SignatureError::Malformed`] for a statement of another kind, or one that contradicts itself.
    pub(crate) fn files(&self) -> Result<Files, SignatureError> {
        let serialization = &self.predicate.serialization;
        for (field, found, expected) in [
            ("_type", &self.kind, STATEMENT),
            ("predicateType", &self.predicate_type, PREDICATE),
            ("serialization.method", &serialization.method, METHOD),
            ("serialization.hash_type", &serialization.hash_type, SHA256),
        ] {
            if found != expected {
                return Err(malformed(format!("`{field}` is `{found}`, expected `{expected}`")));
            }
        }
        let [subject] = self.subject.as_slice() else { return Err(malformed("it has not one subject")) };
        let mut files = Files::new();
        let mut digests = Vec::new();
        for Resource { name, algorithm, digest } in &self.predicate.resources {
            let digest = (algorithm == SHA256).then(|| format!("sha256:{digest}").parse().ok()).flatten();
            let digest: Digest = digest.ok_or_else(|| malformed(format!("`{name}` has no SHA-256")))?;
            if files.insert(name.clone(), digest).is_some() {
                return Err(malformed(format!("`{name}` is listed twice")));
            }
            digests.push(digest);
        }
        if subject.digest.sha256 != root(&digests).hex() {
            return Err(malformed("the subject is not the sum of its files"));
        }
        Ok(files)
    }
}

fn root<'a>(digests: impl IntoIterator<Item = &'a Digest>) -> Digest {
    let mut hasher = Hasher::default();
    for digest in digests {
        hasher.update(digest.as_bytes());
    }
    hasher.finish()
}
