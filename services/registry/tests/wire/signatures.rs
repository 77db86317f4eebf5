//! Signatures of bundles: kept once for each key, and only if the key made them.

use lineal_kernel::Digest;
use lineal_proto::lineal::registry::v1 as pb;
use lineal_signing::{Envelope, Files, SigningKey, files_of};
use p256::pkcs8::{EncodePrivateKey as _, LineEnding};
use tonic::Code;

use crate::fixture::{Bench, Refusal, reason};

fn key(seed: u8) -> SigningKey {
    let secret = p256::SecretKey::from_slice(&[seed; 32]).unwrap();
    SigningKey::from_pem(&secret.to_pkcs8_pem(LineEnding::LF).unwrap()).unwrap()
}

/// The files of a bundle as [`Bench::bundle`] makes it.
fn files(digest: Digest, content: &str) -> Files {
    files_of(digest, [(&"model.bin".to_owned(), Digest::of(content.as_bytes()))])
}

fn attach(digest: Digest, key: &SigningKey, files: &Files) -> pb::AttachSignatureRequest {
    pb::AttachSignatureRequest {
        model: "churn".into(),
        digest: digest.to_string(),
        envelope: Envelope::sign(key, "churn", files).unwrap(),
        public_key: key.public().pem().into(),
        request_id: String::new(),
    }
}

impl Bench {
    async fn attached(&self, request: pb::AttachSignatureRequest) -> pb::BundleSignature {
        self.signature_service().attach_signature(request).await.unwrap().into_inner().signature.unwrap()
    }

    async fn signatures(&self, digest: Digest) -> Vec<pb::BundleSignature> {
        let request = pb::ListSignaturesRequest { digest: digest.to_string(), ..Default::default() };
        self.signature_service().list_signatures(request).await.unwrap().into_inner().signatures
    }
}

#[tokio::test]
async fn a_bundle_keeps_the_first_signature_of_each_key() {
    // X12
    let bench = Bench::start().await;
    let digest = bench.bundle("weights").await;
    assert_eq!(bench.signatures(digest).await, []);
    let request = attach(digest, &key(1), &files(digest, "weights"));
    let first = bench.attached(request.clone()).await;
    assert_eq!((&first.envelope, first.actor.as_str()), (&request.envelope, "ada"));
    assert_eq!(first.key_fingerprint, key(1).public().fingerprint().to_string());
    let lines = bench.audit().await;
    assert_eq!((lines[0].action.as_str(), lines[0].model.as_str()), ("attach_signature", "churn"));
    assert!(lines[0].detail.contains(&first.key_fingerprint), "{}", lines[0].detail);

    // The same key about the same files, under another name: a good signature, but not the first.
    let renamed = Envelope::sign(&key(1), "fraud", &files(digest, "weights")).unwrap();
    let again = bench.attached(pb::AttachSignatureRequest { envelope: renamed, ..request }).await;
    assert_eq!(again, first);
    assert_eq!(bench.audit().await, lines, "nothing changed");

    let second = bench.attached(attach(digest, &key(2), &files(digest, "weights"))).await;
    let mut both = vec![first, second];
    both.sort_by(|one, other| one.key_fingerprint.cmp(&other.key_fingerprint));
    assert_eq!(bench.signatures(digest).await, both);
}

#[tokio::test]
async fn what_the_key_did_not_sign_is_refused_and_nothing_is_kept() {
    // X12
    let bench = Bench::start().await;
    let digest = bench.bundle("weights").await;
    let good = attach(digest, &key(1), &files(digest, "weights"));
    let others_key = pb::AttachSignatureRequest { public_key: key(2).public().pem().into(), ..good.clone() };
    let other_files = attach(digest, &key(1), &files(digest, "other weights"));
    let no_signature = pb::AttachSignatureRequest { envelope: "{}".into(), ..good.clone() };
    for request in [others_key, other_files, no_signature] {
        let refusal = Refusal::of(bench.signature_service().attach_signature(request).await);
        assert_eq!((refusal.code, refusal.fields.as_slice()), (Code::InvalidArgument, &["envelope".to_owned()][..]));
    }
    let no_key = pb::AttachSignatureRequest { public_key: "key".into(), digest: String::new(), ..good.clone() };
    let refusal = Refusal::of(bench.signature_service().attach_signature(no_key).await);
    assert_eq!(refusal.fields, ["digest", "public_key"]);
    let absent = pb::AttachSignatureRequest { digest: Digest::of(b"nobody").to_string(), ..good };
    let refused = reason(bench.signature_service().attach_signature(absent).await);
    assert_eq!(refused, (Code::FailedPrecondition, "ARTIFACT_MISSING".into()));
    assert_eq!(bench.signatures(digest).await, []);
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_and_a_changed_one_is_refused() {
    // F164
    let bench = Bench::start().await;
    let digest = bench.bundle("weights").await;
    let mut request = attach(digest, &key(1), &files(digest, "weights"));
    request.request_id = "sign-1".into();
    let first = bench.attached(request.clone()).await;
    assert_eq!(bench.attached(request.clone()).await, first);
    let other = pb::AttachSignatureRequest { model: "fraud".into(), ..request };
    let refused = reason(bench.signature_service().attach_signature(other).await);
    assert_eq!(refused, (Code::AlreadyExists, "REQUEST_ID_REUSED".into()));
}
