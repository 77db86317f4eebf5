//! What part of a slot's requests an alias gets.

use lineal_kernel::{AliasName, ModelName, RequestId, Share, Slot, Timestamp, Traffic};

use super::{
    alias::{Alias, AliasChange, check_etag},
    error::RegistryError,
};

/// The wish to give a user-defined alias a part of its slot's requests.
#[derive(Debug, Clone)]
pub struct SetTraffic {
    /// The model.
    pub model: ModelName,
    /// The slot.
    pub slot: Slot,
    /// The alias.
    pub name: AliasName,
    /// The part.
    pub traffic: Traffic,
    /// The revision that the caller saw.
    pub etag: Option<String>,
    /// Key of this intended change.
    pub request_id: RequestId,
}

impl SetTraffic {
    /// Decides the change of `current`, beside other aliases of the slot that answer `others`. The champion answers what is left and
    /// cannot be set.
    pub fn decide(&self, current: Alias, others: Share, now: Timestamp) -> Result<AliasChange, RegistryError> {
        if self.name.is_champion() {
            return Err(RegistryError::AliasReserved { alias: self.name.clone() });
        }
        check_etag(self.etag.as_deref(), current.etag())?;
        match self.traffic.split() {
            Some(share) if share > others.rest() => {
                Err(RegistryError::TrafficExceeded { alias: self.name.clone(), share, left: others.rest() })
            }
            _ => {
                let (base_revision, revision) = (current.revision, current.revision + 1);
                let alias = Alias { traffic: self.traffic, generation: 0, revision, updated: now, ..current };
                Ok(AliasChange { alias, base_revision })
            }
        }
    }
}
