use lineal_db::StoreError;
use lineal_kernel::{Digest, TenantId};
use lineal_registry::domain::signature::BundleSignature;

use crate::fixture::{NOW, Store, entry, entry_of, every, tenant};

fn signature(bundle: &str, key: &str) -> BundleSignature {
    BundleSignature {
        digest: Digest::of(bundle.as_bytes()),
        key: Digest::of(key.as_bytes()),
        envelope: format!("{{\"signed by\":\"{key}\"}}"),
        public_key: format!("-----BEGIN PUBLIC KEY-----\n{key}\n"),
        actor: "ada".into(),
        created: NOW,
    }
}

pub(crate) async fn a_key_signs_a_bundle_once_and_its_signature_reads_back(store: &Store) {
    // X12
    let made = signature("bundle", "key");
    store.attach_signature(&tenant(), &made, &entry_of("attach_signature", "sign-1")).await.unwrap();
    let again = BundleSignature { envelope: "{}".into(), ..made.clone() };
    let refused = store.attach_signature(&tenant(), &again, &entry("attach_signature")).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    assert_eq!(store.signature(&tenant(), made.digest, made.key).await.unwrap(), Some(made.clone()));
    let recorded = store.recorded(&tenant(), "attach_signature", "sign-1").await.unwrap().unwrap();
    assert_eq!(recorded.subject, made.key.to_string());
    assert_eq!(store.signature(&tenant(), made.key, made.digest).await.unwrap(), None);
    let other = TenantId::new("other").unwrap();
    assert_eq!(store.signature(&other, made.digest, made.key).await.unwrap(), None);
}

pub(crate) async fn signatures_are_listed_by_key(store: &Store) {
    // X12
    let mut made: Vec<_> = ["a", "b", "c", "d", "e"].map(|key| signature("bundle", key)).into();
    for signature in made.iter().chain([&signature("another", "a")]) {
        store.attach_signature(&tenant(), signature, &entry("attach_signature")).await.unwrap();
    }
    made.sort_by_key(|signature| signature.key);
    let bundle = Digest::of(b"bundle");
    assert_eq!(every(2, |page| async move { store.signatures(&tenant(), bundle, &page).await }).await, made);
}
