//! Trainings with a key that signs.

use lineal_models::Manifest;
use lineal_signing::{Policy, SigningKey, files_of};
use p256::pkcs8::{EncodePrivateKey as _, LineEnding};

use super::lab::{Lab, customers};
use crate::domain::JobState;

fn key() -> SigningKey {
    let secret = p256::SecretKey::from_slice(&[7; 32]).unwrap();
    SigningKey::from_pem(&secret.to_pkcs8_pem(LineEnding::LF).unwrap()).unwrap()
}

#[tokio::test]
async fn what_is_trained_with_a_key_is_signed_before_it_is_a_version() {
    // X12
    let mut lab = Lab::new().await;
    lab.restart_signing(key());
    let job = lab.create(&customers(300), |_| {}).await;
    // No version may be made yet.
    lab.registry.gate.forget_permits(1000);
    let running = lab.run();
    while lab.registry.known().signatures.is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(lab.registry.known().versions.is_empty());
    lab.registry.gate.add_permits(1);
    lab.events(&job.id, 0).await;
    running.stop().await;

    let job = lab.stored(&job.id).await;
    assert_eq!(job.state, JobState::Succeeded, "{}", job.error);
    let known = lab.registry.known();
    let [signature] = known.signatures.as_slice() else { panic!("{:?}", known.signatures) };
    assert_eq!(Some(signature.digest), job.digest);
    assert_eq!(signature.public_key, key().public().pem());
    let manifest = Manifest::parse(&known.artifacts[&signature.digest], signature.digest).unwrap();
    let files = files_of(signature.digest, manifest.files.iter().map(|(name, file)| (name, file.digest)));
    let policy = Policy::new([key().public().clone()], true);
    assert_eq!(policy.admit(&files, std::slice::from_ref(&signature.envelope)), Ok(Some(0)));
}

#[tokio::test]
async fn without_a_key_nothing_is_signed() {
    let mut lab = Lab::new().await;
    let job = lab.create(&customers(300), |_| {}).await;
    assert_eq!(lab.finish(&job).await.state, JobState::Succeeded);
    assert!(lab.registry.known().signatures.is_empty());
}
