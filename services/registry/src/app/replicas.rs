//! Replicas and their leases.

use std::time::Duration;

use lineal_kernel::{Caller, Name, PageRequest, Timestamp};

use crate::{
    Registry,
    domain::{
        error::RegistryError,
        replica::{Beat, Replica},
    },
    store::Page,
};

/// Replicas that left are shown for this long.
const REMEMBERED: Duration = Duration::from_hours(24);
/// More replicas than this are not asked at once by one promotion.
const MOST: u32 = 10_000;

impl Registry {
    /// Takes a lease; returns the generation to be served.
    pub(crate) async fn register_replica(
        &self,
        caller: &Caller,
        name: Name,
        address: String,
    ) -> Result<u64, RegistryError> {
        let now = self.clock.now();
        let lease_end = now.plus(self.limits.lease);
        let replica = Replica {
            name,
            address,
            generation: 0,
            problem: String::new(),
            lease_end,
            created: now,
            standbys: Vec::new(),
        };
        self.store.register_replica(&caller.tenant, &replica).await?;
        Ok(self.store.generation(&caller.tenant).await?)
    }

    /// Renews a lease; returns the generation to be served.
    pub(crate) async fn heartbeat(&self, caller: &Caller, name: &Name, beat: &Beat) -> Result<u64, RegistryError> {
        let now = self.clock.now();
        if !self.store.renew_lease(&caller.tenant, name, beat, now, now.plus(self.limits.lease)).await? {
            return Err(RegistryError::ReplicaNotFound { replica: name.to_string() });
        }
        Ok(self.store.generation(&caller.tenant).await?)
    }

    /// Gives a lease back.
    pub(crate) async fn deregister_replica(&self, caller: &Caller, name: &Name) -> Result<(), RegistryError> {
        Ok(self.store.release_lease(&caller.tenant, name, self.clock.now()).await?)
    }

    /// Replicas in order of their names, and the generation to be served.
    pub(crate) async fn replicas(
        &self,
        caller: &Caller,
        page: &PageRequest,
    ) -> Result<(Page<Replica>, u64), RegistryError> {
        let remembered = REMEMBERED.as_micros() as i64;
        let since = Timestamp::from_micros(self.clock.now().micros().saturating_sub(remembered));
        let replicas = self.store.replicas(&caller.tenant, since, page).await?;
        Ok((replicas, self.store.generation(&caller.tenant).await?))
    }

    /// Replicas whose lease runs.
    pub(crate) async fn live_replicas(&self, caller: &Caller) -> Result<Vec<Replica>, RegistryError> {
        let everyone = PageRequest { size: MOST, after: None };
        Ok(self.store.replicas(&caller.tenant, self.clock.now(), &everyone).await?.items)
    }
}
