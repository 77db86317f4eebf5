//! The fleet port: what the registry asks of replicas.

mod grpc;

use std::time::Duration;

use async_trait::async_trait;
use lineal_kernel::Digest;

pub use self::grpc::GrpcFleet;
use crate::domain::replica::Replica;

/// What a replica should load.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The model's name.
    pub model: String,
    /// The version's number.
    pub number: u64,
    /// The bundle's digest.
    pub digest: Digest,
}

/// Talks to replicas, each call with a deadline. An error is one sentence for people.
#[async_trait]
pub trait Fleet: std::fmt::Debug + Send + Sync {
    /// Fetch, verify, load and try the bundle within `deadline`, without serving it.
    async fn prepare(&self, replica: &Replica, bundle: &Bundle, deadline: Duration) -> Result<(), String>;
    /// Switch to this generation or a later one; returns the generation served.
    async fn reload(&self, replica: &Replica, generation: u64) -> Result<u64, String>;
    /// Drop a prepared bundle.
    async fn release(&self, replica: &Replica, digest: Digest);
}
