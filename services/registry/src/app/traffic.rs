//! What part of a slot's requests an alias gets.

use lineal_kernel::Caller;

use super::requests::{again, request};
use crate::{
    Registry,
    domain::{
        alias::ResolvedAlias,
        audit::{AuditEntry, Request},
        error::RegistryError,
        traffic::SetTraffic,
    },
};

const SET: &str = "set_traffic";

impl Registry {
    /// Gives a user-defined alias a part of its slot's requests, or takes it away.
    pub(crate) async fn set_traffic(&self, caller: &Caller, wish: SetTraffic) -> Result<ResolvedAlias, RegistryError> {
        let request = request(&wish.request_id, &wish);
        if self.replayed(caller, SET, &request).await?.is_none() {
            let directed = again(|| self.direct(caller, &wish, request.clone())).await;
            self.unless_replayed(caller, SET, &request, directed).await?;
        }
        self.alias(caller, &wish.model, &wish.slot, &wish.name).await
    }

    async fn direct(&self, caller: &Caller, wish: &SetTraffic, request: Request) -> Result<(), RegistryError> {
        let current = self.alias(caller, &wish.model, &wish.slot, &wish.name).await?.alias;
        let others = self.store.split_among_others(&caller.tenant, &current).await?;
        let now = self.clock.now();
        let change = wish.decide(current, others, now)?;
        let entry = AuditEntry::new(caller, now, SET)
            .about(&wish.model, &wish.slot, Some(change.alias.number))
            .detail(format!("{} {}", wish.name, wish.traffic))
            .request(request);
        let generation = self.store.commit_alias(&caller.tenant, &change, &entry).await?;
        self.hint(caller, generation);
        Ok(())
    }
}
