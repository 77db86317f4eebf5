//! Versions as people read them: with what became of them.

use lineal_kernel::Caller;
use lineal_proto::lineal::registry::v1 as pb;

use super::{Grpc, blocks, usage};
use crate::{
    app::details::Details,
    domain::{error::RegistryError, version::VersionView},
};

impl Grpc {
    /// One version.
    pub(super) async fn detailed(
        &self,
        caller: &Caller,
        view: VersionView,
    ) -> Result<Option<pb::Version>, RegistryError> {
        Ok(self.all_detailed(caller, vec![view]).await?.pop())
    }

    /// Versions of one model.
    pub(super) async fn all_detailed(
        &self,
        caller: &Caller,
        views: Vec<VersionView>,
    ) -> Result<Vec<pb::Version>, RegistryError> {
        let details = self.0.details(caller, views).await?;
        Ok(details.into_iter().map(|details| self.detailed_version(details)).collect())
    }

    fn detailed_version(&self, details: Details) -> pb::Version {
        pb::Version {
            usage: Some(usage::convert(details.usage)),
            blocks: Some(blocks::convert(details.blocks)),
            ..self.version(details.view)
        }
    }
}
