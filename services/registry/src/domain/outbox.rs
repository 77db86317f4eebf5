//! The outbox: messages that leave after the change that they speak of, and in any case.

/// A message to another system. It is stored in the transaction of its change and kept until that system has taken it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Which way it leaves, e.g. `openlineage`.
    pub kind: &'static str,
    /// Messages about one subject leave in the order of their changes.
    pub subject: String,
    /// Its identity, the same however often it is sent.
    pub id: String,
    /// What is sent.
    pub body: String,
}

/// A stored message that still has to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its place among all messages.
    pub sequence: u64,
    /// What it is about.
    pub subject: String,
    /// What is sent.
    pub body: String,
}

/// What became of the messages of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Those that still have to leave.
    pub waiting: u64,
    /// Those that were taken.
    pub delivered: u64,
    /// Those that were given up because too many waited.
    pub dropped: u64,
}
