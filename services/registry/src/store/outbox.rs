//! The port of the outbox. Messages enter it with the audit entry of their change.

use async_trait::async_trait;

use super::Result;
use crate::domain::outbox::{Totals, Waiting};

/// Held by the one process that does a duty; given back when it is dropped.
pub type Lead = Box<dyn Send + Sync>;

/// Messages that still have to leave.
#[async_trait]
pub trait OutboxStore: Send + Sync {
    /// At most `limit` messages of a kind after `sequence`, in the order in which they entered.
    async fn waiting(&self, kind: &str, sequence: u64, limit: u32) -> Result<Vec<Waiting>>;
    /// Takes out a message that has been delivered, and counts it.
    async fn delivered(&self, kind: &str, sequence: u64) -> Result<()>;
    /// Gives up the oldest messages of a kind beyond the latest `most`; returns how many.
    async fn trim(&self, kind: &str, most: u64) -> Result<u64>;
    /// What became of the messages of a kind.
    async fn totals(&self, kind: &str) -> Result<Totals>;
    /// Takes on a duty that one process of this database does at a time; `None` while another one has it.
    async fn lead(&self, duty: &str) -> Result<Option<Lead>>;
}
