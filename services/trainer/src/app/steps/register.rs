//! The bundle in the artifact store.

use bytes::Bytes;
use lineal_bundles::to_sign;
use lineal_models::Bundle;
use lineal_signing::Envelope;

use super::{Execution, StepError, train::Fitted};
use crate::{failpoints::stop_here, registry::NewSignature};

impl Execution<'_> {
    /// Uploads the bundle's files, the manifest last, then signs it if there is a key.
    pub(super) async fn register(&self, fitted: &Fitted) -> Result<(), StepError> {
        let bundle = &fitted.bundle;
        let manifest = bundle.manifest_bytes();
        for content in bundle.files().values().map(Vec::as_slice).chain([manifest]) {
            self.app.registry.upload(Bytes::copy_from_slice(content)).await?;
            stop_here!("half_uploaded");
        }
        stop_here!("uploaded");
        self.sign(bundle).await
    }

    /// Signs the bundle before it is a version, so that none is ever without its signature. A stop in between leaves a signature that
    /// whoever repeats this makes again, byte for byte.
    async fn sign(&self, bundle: &Bundle) -> Result<(), StepError> {
        let Some(key) = &self.app.settings.signing_key else { return Ok(()) };
        let (model, digest) = (self.spec().model.clone(), bundle.digest());
        let envelope = Envelope::sign(key, model.as_str(), &to_sign(digest, bundle.manifest()))?;
        let public_key = key.public().pem().to_owned();
        self.app.registry.attach_signature(&NewSignature { model, digest, envelope, public_key }).await?;
        Ok(())
    }
}
