//! Versions with what became of them.

use lineal_kernel::{Caller, VersionNumber};

use crate::{
    Registry,
    domain::{block::Blocks, error::RegistryError, usage::Usage, version::VersionView},
};

/// A version for people to read: more than any decision needs.
#[derive(Debug)]
pub(crate) struct Details {
    pub(crate) view: VersionView,
    pub(crate) usage: Usage,
    pub(crate) blocks: Blocks,
}

impl Registry {
    /// Adds to versions of one model what became of them.
    pub(crate) async fn details(
        &self,
        caller: &Caller,
        views: Vec<VersionView>,
    ) -> Result<Vec<Details>, RegistryError> {
        let Some(first) = views.first() else { return Ok(Vec::new()) };
        let model = first.version.model.clone();
        let numbers: Vec<VersionNumber> = views.iter().map(|view| view.version.number).collect();
        let usage = self.store.usage(&caller.tenant, &model, &numbers).await?;
        let mut blocks = self.store.blocks(&caller.tenant, &model, &numbers).await?;
        let details = views.into_iter().map(|view| {
            let number = view.version.number;
            let totals = usage.get(&number).copied().unwrap_or_default();
            let blocks = blocks.remove(&number).unwrap_or_default();
            Details { usage: Usage::new(totals, &view.reigns), blocks, view }
        });
        Ok(details.collect())
    }
}
