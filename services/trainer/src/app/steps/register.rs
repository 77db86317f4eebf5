//! The bundle in the artifact store.

use bytes::Bytes;

use super::{Execution, StepError, train::Fitted};
use crate::failpoints::stop_here;

impl Execution<'_> {
    /// Uploads the bundle's files, the manifest last.
    pub(super) async fn register(&self, fitted: &Fitted) -> Result<(), StepError> {
        let bundle = &fitted.bundle;
        let manifest = bundle.manifest_bytes();
        for content in bundle.files().values().map(Vec::as_slice).chain([manifest]) {
            self.app.registry.upload(Bytes::copy_from_slice(content)).await?;
            stop_here!("half_uploaded");
        }
        stop_here!("uploaded");
        Ok(())
    }
}
