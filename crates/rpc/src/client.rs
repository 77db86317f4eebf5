//! Calling a peer: always an address, always the generated client.

use std::time::Duration;

use http::uri::Scheme;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use crate::ACTOR_HEADER;

/// A channel that names its user on every call.
pub type Peer = InterceptedService<Channel, Identify>;

/// An address that no connection can be made to.
#[derive(Debug, thiserror::Error)]
#[error("`{address}` is not an address like http://127.0.0.1:7400")]
pub struct AddressError {
    address: String,
}

/// A channel to `address` on behalf of `actor`. It connects at the first call and again whenever the connection is lost.
pub fn connect(address: &str, actor: &str) -> Result<Peer, AddressError> {
    let bad = || AddressError { address: address.to_owned() };
    let endpoint = Endpoint::from_shared(address.to_owned()).map_err(|_| bad())?;
    // Calls are not encrypted, so no other scheme may say that they are.
    let channel = Some(endpoint)
        .filter(|endpoint| endpoint.uri().scheme() == Some(&Scheme::HTTP))
        .ok_or_else(bad)?
        .connect_timeout(Duration::from_secs(5))
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(5))
        .keep_alive_while_idle(true)
        .connect_lazy();
    let actor: String = actor.chars().filter(char::is_ascii_graphic).collect();
    let actor = actor.parse().map_err(|_| bad())?;
    Ok(InterceptedService::new(channel, Identify { actor }))
}

/// Puts the actor's name on a request.
#[derive(Debug, Clone)]
pub struct Identify {
    actor: MetadataValue<Ascii>,
}

impl Interceptor for Identify {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert(ACTOR_HEADER, self.actor.clone());
        Ok(request)
    }
}
