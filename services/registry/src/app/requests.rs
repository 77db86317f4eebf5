//! Repeated requests: the same key is the same change and gets the same answer.

use lineal_db::StoreError;
use lineal_kernel::{Caller, Digest, RequestId};

use crate::{
    Registry,
    domain::{audit::Request, error::RegistryError},
};

impl Registry {
    /// The subject that an earlier request with this key made, if there was one.
    pub(crate) async fn replayed(
        &self,
        caller: &Caller,
        action: &str,
        request: &Request,
    ) -> Result<Option<String>, RegistryError> {
        let recorded = self.store.recorded(&caller.tenant, action, request.id.as_str()).await?;
        match recorded {
            Some(recorded) if recorded.fingerprint == request.fingerprint.to_string() => Ok(Some(recorded.subject)),
            Some(_) => Err(RegistryError::RequestIdReused),
            None => Ok(None),
        }
    }

    /// What became of a change that another one overtook, if that was this very request, sent twice.
    pub(crate) async fn unless_replayed(
        &self,
        caller: &Caller,
        action: &str,
        request: &Request,
        changed: Result<(), RegistryError>,
    ) -> Result<(), RegistryError> {
        match changed {
            Err(RegistryError::StaleEtag { .. } | RegistryError::Store(StoreError::Conflict | StoreError::Busy))
                if self.replayed(caller, action, request).await?.is_some() =>
            {
                Ok(())
            }
            changed => changed,
        }
    }

    /// After a lost race: the other one may have been this very request, sent twice.
    pub(crate) async fn raced(
        &self,
        caller: &Caller,
        action: &str,
        request: &Request,
        error: StoreError,
    ) -> Result<String, RegistryError> {
        match error {
            StoreError::Conflict => {
                self.replayed(caller, action, request).await?.ok_or(RegistryError::Store(StoreError::Conflict))
            }
            other => Err(other.into()),
        }
    }
}

/// Writers of one thing that collide this often will not agree soon.
const TRIES: usize = 5;

/// Loads, decides and commits again when someone else changed it in between.
pub(crate) async fn again<T, F: Future<Output = Result<T, RegistryError>>>(
    mut attempt: impl FnMut() -> F,
) -> Result<T, RegistryError> {
    for _ in 0..TRIES {
        match attempt().await {
            Err(RegistryError::Store(StoreError::Conflict)) => {}
            settled => return settled,
        }
    }
    Err(StoreError::Busy.into())
}

/// Identifies a request by its key and by what it asks for.
pub(crate) fn request(id: &RequestId, wish: &impl std::fmt::Debug) -> Request {
    Request { id: id.clone(), fingerprint: Digest::of(format!("{wish:?}").as_bytes()) }
}
