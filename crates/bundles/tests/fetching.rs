//! What is asked for, in which order, and when no more is.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::{BTreeMap, HashMap},
    sync::Mutex,
};

use async_trait::async_trait;
use bytes::Bytes;
use lineal_bundles::{FetchError, Fetched, Source, to_sign};
use lineal_data::Target;
use lineal_kernel::Digest;
use lineal_models::{Decision, FileEntry, Manifest, Signature, SplitReference, Task, UpstreamBundle};
use lineal_signing::{Envelope, Policy, Refusal, SigningKey};
use p256::pkcs8::{EncodePrivateKey as _, LineEnding};

/// Why the store does not give a file.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not here")]
struct Absent(Digest);

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    File(Digest, usize),
    Signatures(Digest),
}

/// A store in memory that tells what it was asked for.
#[derive(Default)]
struct Store {
    files: HashMap<Digest, Bytes>,
    signatures: Vec<String>,
    kept: Mutex<Option<String>>,
    asked: Mutex<Vec<Asked>>,
}

#[async_trait]
impl Source for Store {
    type Error = Absent;

    async fn file(&self, digest: Digest, limit: usize) -> Result<Bytes, Absent> {
        self.asked.lock().unwrap().push(Asked::File(digest, limit));
        self.files.get(&digest).cloned().ok_or(Absent(digest))
    }

    async fn signatures(&self, bundle: Digest) -> Result<Vec<String>, Absent> {
        self.asked.lock().unwrap().push(Asked::Signatures(bundle));
        Ok(self.signatures.clone())
    }

    async fn kept_signature(&self, _: Digest) -> Option<String> {
        self.kept.lock().unwrap().clone()
    }

    async fn keep_signature(&self, _: Digest, signature: &str) {
        *self.kept.lock().unwrap() = Some(signature.to_owned());
    }
}

impl Store {
    fn add(&mut self, content: &[u8]) -> FileEntry {
        let digest = Digest::of(content);
        self.files.insert(digest, Bytes::copy_from_slice(content));
        FileEntry { digest, size: content.len() as u64 }
    }

    /// A bundle with files of `name`, which nobody loads here.
    fn bundle(&mut self, name: &str, upstreams: &[Digest]) -> (Digest, Manifest) {
        let files = ["golden.json", "member.json"];
        let files = files.map(|file| (file.to_owned(), self.add(format!("{file} of {name}").as_bytes())));
        let named = |digest: &Digest| UpstreamBundle { member: digest.to_string(), digest: *digest };
        let manifest = Manifest {
            format: 1,
            family: name.to_owned(),
            task: Task::Regression,
            files: BTreeMap::from(files),
            signature: Signature { inputs: Vec::new(), outputs: Vec::new() },
            label: Target { column: "goals".to_owned(), positive: None },
            decision: Decision::Number,
            hyperparameters: Digest::of(b"hyperparameters"),
            feature_set: Digest::of(b"columns"),
            training_data: Digest::of(b"rows"),
            split: SplitReference { version: "v1".to_owned(), reference: Digest::of(b"reference") },
            upstreams: upstreams.iter().map(named).collect(),
        };
        (self.add(&serde_json::to_vec(&manifest).unwrap()).digest, manifest)
    }

    fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

fn key(seed: u8) -> SigningKey {
    let secret = p256::SecretKey::from_slice(&[seed; 32]).unwrap();
    SigningKey::from_pem(&secret.to_pkcs8_pem(LineEnding::LF).unwrap()).unwrap()
}

fn signed(seed: u8, digest: Digest, manifest: &Manifest) -> String {
    Envelope::sign(&key(seed), "goals", &to_sign(digest, manifest)).unwrap()
}

/// One trusted key, whose signature must be there.
fn strict() -> Policy {
    Policy::new([key(1).public().clone()], true)
}

fn manifest_of(digest: Digest) -> Asked {
    Asked::File(digest, 1 << 20)
}

/// The files of a bundle, each with its own size as the limit.
fn files_of(manifest: &Manifest) -> Vec<Asked> {
    manifest.files.values().map(|file| Asked::File(file.digest, usize::try_from(file.size).unwrap())).collect()
}

#[tokio::test]
async fn a_bundle_comes_manifest_first_and_no_file_may_be_larger_than_that_says() {
    let mut store = Store::default();
    let (before, first) = store.bundle("poisson", &[]);
    let (digest, manifest) = store.bundle("blending", &[before]);
    let fetched = Fetched::fetch(&store, &Policy::default(), digest).await.unwrap();
    let mut expected = vec![manifest_of(digest)];
    expected.extend(files_of(&manifest));
    assert_eq!(store.asked(), expected, "nobody asks for signatures without a trusted key");
    let upstreams = fetched.upstreams(&store).await.unwrap();
    let mut expected = vec![manifest_of(before)];
    expected.extend(files_of(&first));
    assert_eq!(store.asked(), expected);
    let upstreams: Vec<_> = upstreams.into_iter().map(|one| one.assemble().unwrap().digest()).collect();
    assert_eq!(upstreams, [before]);
    let names: Vec<_> = fetched.clone().into_files().into_keys().collect();
    assert_eq!(names, ["golden.json", "manifest.json", "member.json"]);
    assert_eq!(fetched.assemble().unwrap().manifest(), &manifest);
}

#[tokio::test]
async fn of_a_refused_bundle_nothing_but_the_manifest_is_fetched() {
    // X12
    let mut store = Store::default();
    let (digest, manifest) = store.bundle("poisson", &[]);
    let unknown = Refusal::UnknownKey { key: key(2).public().fingerprint() };
    for (signatures, refusal) in [(vec![], Refusal::Unsigned), (vec![signed(2, digest, &manifest)], unknown)] {
        store.signatures = signatures;
        let error = Fetched::fetch(&store, &strict(), digest).await.unwrap_err();
        assert!(matches!(&error, FetchError::Refused(found) if *found == refusal), "{error}");
        assert_eq!(store.asked(), [manifest_of(digest), Asked::Signatures(digest)]);
    }
}

#[tokio::test]
async fn a_signature_of_the_last_member_covers_those_before_it() {
    // X12
    let mut store = Store::default();
    let (before, _) = store.bundle("poisson", &[]);
    let (digest, manifest) = store.bundle("blending", &[before]);
    store.signatures = vec![signed(1, digest, &manifest)];
    let fetched = Fetched::fetch(&store, &strict(), digest).await.unwrap();
    assert_eq!(store.asked()[1], Asked::Signatures(digest));
    fetched.upstreams(&store).await.unwrap();
    assert!(!store.asked().iter().any(|asked| matches!(asked, Asked::Signatures(_))));
}

#[tokio::test]
async fn a_kept_signature_is_taken_if_it_is_good_and_replaced_if_not() {
    // X12
    let mut store = Store::default();
    let (digest, manifest) = store.bundle("poisson", &[]);
    let good = signed(1, digest, &manifest);
    store.signatures = vec![signed(2, digest, &manifest), good.clone()];
    *store.kept.lock().unwrap() = Some(signed(2, digest, &manifest));
    Fetched::fetch(&store, &strict(), digest).await.unwrap();
    assert_eq!(store.asked()[1], Asked::Signatures(digest));
    assert_eq!(*store.kept.lock().unwrap(), Some(good));
    Fetched::fetch(&store, &strict(), digest).await.unwrap();
    assert!(!store.asked().contains(&Asked::Signatures(digest)));
}

#[tokio::test]
async fn what_does_not_arrive_is_named() {
    // F21
    let mut store = Store::default();
    let (digest, manifest) = store.bundle("poisson", &[]);
    store.files.remove(&manifest.files["member.json"].digest);
    let error = Fetched::fetch(&store, &Policy::default(), digest).await.unwrap_err();
    assert!(matches!(&error, FetchError::File { file, .. } if file == "member.json"), "{error}");
    let wrong = store.add(b"{}").digest;
    let error = Fetched::fetch(&store, &Policy::default(), wrong).await.unwrap_err();
    assert!(matches!(error, FetchError::Bundle(_)), "{error}");
}
