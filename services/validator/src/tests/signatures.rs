//! Bundles are judged if a trusted key signed them, and not otherwise.

use lineal_bundles::to_sign;
use lineal_models::Bundle;
use lineal_signing::{Envelope, Policy, Refusal, SigningKey};
use p256::pkcs8::{EncodePrivateKey as _, LineEnding};

use super::{Harness, bundles::world, judge};
use crate::domain::{Role, ValidatorError};

fn key(seed: u8) -> SigningKey {
    let secret = p256::SecretKey::from_slice(&[seed; 32]).unwrap();
    SigningKey::from_pem(&secret.to_pkcs8_pem(LineEnding::LF).unwrap()).unwrap()
}

impl Harness {
    /// The signature of the key `seed` in place of those that the bundle has.
    fn sign(&self, bundle: &Bundle, seed: u8) {
        let files = to_sign(bundle.digest(), bundle.manifest());
        let envelope = Envelope::sign(&key(seed), "churn", &files).unwrap();
        self.registry.signatures.lock().unwrap().insert(bundle.digest(), vec![envelope]);
    }

    /// Who is refused, and why.
    async fn refused(&self) -> (Role, Refusal) {
        match self.validate(judge(2)).await {
            Err(ValidatorError::BundleRefused { role, refusal, .. }) => (role, refusal),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn candidate_and_champion_are_judged_once_a_trusted_key_signed_both() {
    // X12
    let harness = Harness::new().await.trusting(Policy::new([key(1).public().clone()], true)).await;
    let (champion, candidate) = (&world().modest, &world().strong);
    harness.register(1, champion);
    harness.register(2, candidate);
    harness.registry.crown(1);
    assert_eq!(harness.refused().await, (Role::Candidate, Refusal::Unsigned));
    harness.sign(candidate, 2);
    let unknown = Refusal::UnknownKey { key: key(2).public().fingerprint() };
    assert_eq!(harness.refused().await, (Role::Candidate, unknown));
    harness.sign(candidate, 1);
    assert_eq!(harness.refused().await, (Role::Champion, Refusal::Unsigned));
    harness.sign(champion, 1);
    assert!(harness.validate(judge(2)).await.unwrap().passed());

    // A good signature, but of another bundle.
    let others = harness.registry.signatures.lock().unwrap()[&champion.digest()].clone();
    harness.registry.signatures.lock().unwrap().insert(candidate.digest(), others);
    assert!(matches!(harness.refused().await, (Role::Candidate, Refusal::Invalid { .. })));
}

#[tokio::test]
async fn without_trusted_keys_nobody_is_asked_for_signatures() {
    let harness = Harness::new().await;
    harness.register(1, &world().modest);
    harness.registry.signatures.lock().unwrap().insert(world().modest.digest(), vec!["no signature".to_owned()]);
    assert!(harness.validate(judge(1)).await.unwrap().passed());
}
