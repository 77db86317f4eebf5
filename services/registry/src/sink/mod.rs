//! The sink port: where messages of the outbox go.

mod http;

use async_trait::async_trait;

pub use self::http::{HttpSink, SinkConfig, SinkError};

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// The other system does not work or does not let us in: no message would be taken now.
    #[error("the sink is away: {0}")]
    Away(String),
    /// It works and does not want this message.
    #[error("the sink refuses the message: {0}")]
    Refused(String),
}

/// Another system that takes messages.
#[async_trait]
pub trait Sink: std::fmt::Debug + Send + Sync {
    /// Hands over one message. It may arrive although the answer is an error.
    async fn deliver(&self, body: &str) -> Result<(), NotTaken>;
}
