//! What is signed is exactly what is admitted.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{collections::BTreeMap, fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lineal_kernel::Digest;
use lineal_signing::{Envelope, Files, Policy, PublicKey, Refusal, SignatureError, SigningKey, files_of};
use p256::{
    SecretKey,
    ecdsa::{DerSignature, signature::Signer as _},
    pkcs8::{EncodePrivateKey as _, LineEnding},
};
use serde_json::{Value, json};

fn secret(seed: u8) -> SecretKey {
    SecretKey::from_slice(&[seed; 32]).unwrap()
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_pem(&secret(seed).to_pkcs8_pem(LineEnding::LF).unwrap()).unwrap()
}

fn files() -> Files {
    let others: BTreeMap<_, _> = ["features.json", "golden.json", "model.json"]
        .map(|name| (name.to_owned(), Digest::of(name.as_bytes())))
        .into();
    files_of(Digest::of(b"manifest"), others.iter().map(|(name, digest)| (name, *digest)))
}

fn signed(seed: u8) -> String {
    Envelope::sign(&key(seed), "churn", &files()).unwrap()
}

fn trusting(seeds: &[u8], required: bool) -> Policy {
    Policy::new(seeds.iter().map(|&seed| key(seed).public().clone()), required)
}

/// Signs `statement` as it is with key 1.
fn sign_payload(statement: &Value) -> String {
    let payload = statement.to_string();
    let message = format!("DSSEv1 28 application/vnd.in-toto+json {} {payload}", payload.len());
    let signature: DerSignature = p256::ecdsa::SigningKey::from(secret(1)).sign(message.as_bytes());
    let mut file: Value = serde_json::from_str(&signed(1)).unwrap();
    file["dsseEnvelope"]["payload"] = STANDARD.encode(payload).into();
    file["dsseEnvelope"]["signatures"][0]["sig"] = STANDARD.encode(signature.as_bytes()).into();
    file.to_string()
}

fn statement() -> Value {
    let file: Value = serde_json::from_str(&signed(1)).unwrap();
    let payload = STANDARD.decode(file["dsseEnvelope"]["payload"].as_str().unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

/// The folder that the reference implementation signed: its files, its signature and its key.
fn reference() -> (Files, String, PublicKey) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let names = ["manifest.json", "features.json", "model.json", "golden.json"];
    let files = names
        .map(|name| (name.to_owned(), Digest::of(read(&format!("bundle/{name}")).as_bytes())))
        .into_iter()
        .collect();
    (files, read("bundle/model.sig"), PublicKey::from_pem(&read("key.pub")).unwrap())
}

#[test]
fn what_the_reference_implementation_signed_is_admitted_and_no_other_bundle() {
    // X12
    let (files, signature, key) = reference();
    let policy = Policy::new([key], true);
    assert_eq!(policy.admit(&files, std::slice::from_ref(&signature)), Ok(Some(0)));
    for name in files.keys() {
        let mut other = files.clone();
        other.insert(name.clone(), Digest::of(b"another byte"));
        let refused = policy.admit(&other, std::slice::from_ref(&signature)).unwrap_err();
        let problem = SignatureError::OtherFile { file: name.clone() };
        assert!(matches!(refused, Refusal::Invalid { problem: found, .. } if found == problem), "{name}");
    }
}

#[test]
fn the_statement_has_the_form_of_the_reference_implementation() {
    let statement = statement();
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(statement["predicateType"], "https://model_signing/signature/v1.0");
    let names: Vec<_> = statement["predicate"]["resources"].as_array().unwrap().iter().map(|r| &r["name"]).collect();
    assert_eq!(names, ["features.json", "golden.json", "manifest.json", "model.json"]);
    let digests: Vec<u8> = files().values().flat_map(|digest| *digest.as_bytes()).collect();
    assert_eq!(statement["subject"], json!([{ "name": "churn", "digest": { "sha256": Digest::of(&digests).hex() } }]));
}

#[test]
fn the_same_key_signs_the_same_bundle_with_the_same_bytes() {
    assert_eq!(signed(1), signed(1));
    assert_ne!(signed(1), signed(2));
}

#[test]
fn a_signature_with_any_byte_flipped_is_refused() {
    // X12
    let (signature, policy, files) = (signed(1), trusting(&[1], false), files());
    assert_eq!(policy.admit(&files, std::slice::from_ref(&signature)), Ok(Some(0)));
    for place in 0..signature.len() {
        for bit in [0, 2, 5] {
            let mut bytes = signature.clone().into_bytes();
            bytes[place] ^= 1 << bit;
            let flipped = String::from_utf8(bytes).unwrap();
            assert!(policy.admit(&files, &[flipped]).is_err(), "byte {place}, bit {bit}");
        }
    }
}

#[test]
fn a_file_more_or_less_is_refused() {
    // X12
    let (signature, policy) = ([signed(1)], trusting(&[1], false));
    let mut more = files();
    more.insert("zeros.bin".to_owned(), Digest::of(b""));
    let mut less = files();
    less.remove("golden.json");
    for (files, file) in [(more, "zeros.bin"), (less, "golden.json")] {
        let problem = SignatureError::OtherFile { file: file.to_owned() };
        let key = key(1).public().fingerprint();
        assert_eq!(policy.admit(&files, &signature), Err(Refusal::Invalid { key, problem }));
    }
}

#[test]
fn a_key_that_nobody_trusts_signs_for_nobody() {
    // X12
    let key = key(2).public().fingerprint();
    assert_eq!(trusting(&[1], false).admit(&files(), &[signed(2)]), Err(Refusal::UnknownKey { key }));
    // Whoever signs with his own key cannot say that it is another.
    let own = signed(2).replace(&key.hex(), &self::key(1).public().fingerprint().hex());
    let refused = trusting(&[1], false).admit(&files(), &[own]).unwrap_err();
    assert!(matches!(refused, Refusal::Invalid { problem: SignatureError::Forged, .. }), "{refused}");
}

#[test]
fn what_is_not_signed_is_admitted_unless_signatures_are_required() {
    // X12
    assert_eq!(trusting(&[1], true).admit(&files(), &[]), Err(Refusal::Unsigned));
    assert_eq!(trusting(&[1], false).admit(&files(), &[]), Ok(None));
    assert!(!Policy::default().is_active());
    assert!(trusting(&[1], false).is_active());
}

#[test]
fn one_good_signature_of_a_trusted_key_is_enough() {
    let policy = trusting(&[1, 3], true);
    assert_eq!(policy.admit(&files(), &[signed(2), "{}".to_owned(), signed(3)]), Ok(Some(2)));
    // Of several reasons, the worst is told.
    let refused = policy.admit(&files(), &[signed(2), "{}".to_owned(), signed(4)]).unwrap_err();
    assert!(matches!(refused, Refusal::Unreadable { .. }), "{refused}");
}

#[test]
fn a_statement_of_another_kind_is_refused_however_well_it_is_signed() {
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut statement = statement();
        change(&mut statement);
        match trusting(&[1], true).admit(&files(), &[sign_payload(&statement)]) {
            Err(Refusal::Invalid { problem: SignatureError::Malformed { problem }, .. }) => problem,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(trusting(&[1], true).admit(&files(), &[sign_payload(&statement())]), Ok(Some(0)));
    let text = refused(&|statement| statement["_type"] = "https://in-toto.io/Statement/v0.1".into());
    assert!(text.contains("`_type`"), "{text}");
    let text = refused(&|statement| statement["predicateType"] = "https://model_signing/Digests/v0.1".into());
    assert!(text.contains("`predicateType`"), "{text}");
    let text = refused(&|statement| statement["predicate"]["serialization"]["method"] = "shards".into());
    assert!(text.contains("`serialization.method`"), "{text}");
    let text = refused(&|statement| statement["predicate"]["serialization"]["hash_type"] = "blake3".into());
    assert!(text.contains("`serialization.hash_type`"), "{text}");
    let text = refused(&|statement| statement["predicate"]["resources"][0]["algorithm"] = "blake3".into());
    assert!(text.contains("`features.json` has no SHA-256"), "{text}");
    let text = refused(&|statement| {
        let twice = statement["predicate"]["resources"][0].clone();
        statement["predicate"]["resources"].as_array_mut().unwrap().push(twice);
    });
    assert!(text.contains("listed twice"), "{text}");
    let text = refused(&|statement| statement["subject"][0]["digest"]["sha256"] = Digest::of(b"other").hex().into());
    assert!(text.contains("not the sum"), "{text}");
    let text = refused(&|statement| statement["subject"] = json!([]));
    assert!(text.contains("one subject"), "{text}");
}

#[test]
fn what_is_no_signature_by_a_key_is_unreadable() {
    let file: Value = serde_json::from_str(&signed(1)).unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut file = file.clone();
        change(&mut file);
        Envelope::parse(&file.to_string()).unwrap_err().to_string()
    };
    let certificate = changed(&|file| {
        file["verificationMaterial"] = json!({ "certificate": { "rawBytes": "AA==" }, "tlogEntries": [] });
    });
    assert!(certificate.contains("certificate"), "{certificate}");
    let logged = changed(&|file| file["verificationMaterial"]["tlogEntries"] = json!([{}]));
    assert!(logged.contains("transparency log"), "{logged}");
    let two = changed(&|file| {
        let twice = file["dsseEnvelope"]["signatures"][0].clone();
        file["dsseEnvelope"]["signatures"].as_array_mut().unwrap().push(twice);
    });
    assert!(two.contains("one signature"), "{two}");
    for text in [String::new(), "null".to_owned(), "[".repeat(10_000), " ".repeat(70_000)] {
        assert!(Envelope::parse(&text).is_err());
    }
}

#[test]
fn keys_are_read_as_openssl_writes_them_and_others_are_refused() {
    let pkcs8 = secret(1).to_pkcs8_pem(LineEnding::LF).unwrap();
    let sec1 = secret(1).to_sec1_pem(LineEnding::LF).unwrap();
    let keys = [&pkcs8, &sec1].map(|pem| SigningKey::from_pem(pem).unwrap().public().clone());
    assert_eq!(keys[0], keys[1]);
    assert_eq!(PublicKey::from_pem(keys[0].pem()).unwrap(), keys[0]);
    // A private key is no public one, nor the other way round.
    assert!(PublicKey::from_pem(&pkcs8).is_err() && SigningKey::from_pem(keys[0].pem()).is_err());
    let p384 = "-----BEGIN PUBLIC KEY-----\n\
        MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAETFSHrozdgOdOTdYBLa55UEH41RRxtF0b\n\
        QZb+q341Y7tyIWF5ghEJDdk8kf5rBO1MdSDDUT4OD32szgwI0yQhk2UrZClQyVT3\n\
        o6asz+JOSJTkR7QEsDprI1+3w+cXmWCT\n\
        -----END PUBLIC KEY-----\n";
    for text in ["", "key", p384, &"A".repeat(1 << 20)] {
        assert!(PublicKey::from_pem(text).is_err() && SigningKey::from_pem(text).is_err());
    }
    assert!(!format!("{:?}", key(1)).contains("0101"), "a private key is not printed");
}
