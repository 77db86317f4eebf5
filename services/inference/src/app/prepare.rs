//! Prepare and release: the step before a promotion.

use std::time::Duration;

use lineal_kernel::{Digest, ModelName, VersionNumber};
use lineal_models::LeftOut;

use super::Replica;
use crate::InferenceError;

/// A bundle that is ready to be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Prepared {
    /// How long it took; next to nothing if it was ready before.
    pub(crate) load_duration: Duration,
    /// Rows whose scores the model reproduced.
    pub(crate) golden_rows: usize,
}

impl Replica {
    /// Loads a bundle beside what is served and keeps it until a reload serves it, [`Replica::release`], or its time is up.
    pub(crate) async fn prepare(
        &self,
        model: &ModelName,
        version: VersionNumber,
        digest: Digest,
    ) -> Result<Prepared, InferenceError> {
        let start = self.clock.now();
        self.bundles.expire();
        let served = self.table.load().bundle(digest).filter(|bundle| bundle.is_whole()).cloned();
        let bundle = match served {
            Some(bundle) => bundle,
            None => self.bundles.load(digest).await?,
        };
        self.table.load().check_task(model, &bundle)?;
        if let Some(LeftOut { member, problem, .. }) = bundle.absent().into_iter().next() {
            // A replica that starts does without it; a promotion does not begin with less than it promises.
            self.bundles.release(digest);
            return Err(InferenceError::MemberMissing { digest, member, problem });
        }
        let load_duration = self.clock.now().since(start);
        tracing::info!(%model, %version, %digest, ?load_duration, "prepared");
        Ok(Prepared { load_duration, golden_rows: bundle.golden_rows() })
    }

    /// Forgets a bundle that was prepared. What is served stays served.
    pub(crate) fn release(&self, digest: Digest) {
        self.bundles.release(digest);
    }
}
