//! Audit: every change, who made it, and what was refused.

use lineal_kernel::{Caller, Digest, ModelName, RequestId, Slot, Timestamp, VersionNumber};

/// One line to write, together with the change it speaks of.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    /// Owner.
    pub tenant: String,
    /// When.
    pub created: Timestamp,
    /// Who.
    pub actor: String,
    /// What, e.g. `promote`.
    pub action: &'static str,
    /// The model it is about; empty for none.
    pub model: String,
    /// The slot it is about.
    pub slot: Slot,
    /// The version it is about; 0 for none.
    pub number: u64,
    /// Where the version stood before; empty if it did not move.
    pub from_stage: &'static str,
    /// Where it stands now.
    pub to_stage: &'static str,
    /// False when it was refused.
    pub done: bool,
    /// The reason given, or why it was refused.
    pub detail: String,
    /// By which a repeated request is known; `None` for changes nobody repeats.
    pub request: Option<Request>,
}

/// The identity of a caller's intended change.
#[derive(Debug, Clone)]
pub struct Request {
    /// The caller's key.
    pub id: RequestId,
    /// Digest of what was asked: the same key with another wish is a mistake.
    pub fingerprint: Digest,
}

/// What an earlier request with the same key led to.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Digest of what was asked.
    pub fingerprint: String,
    /// Identity of what it made, in the action's own form.
    pub subject: String,
}

impl AuditEntry {
    /// A line about `action` by `caller`.
    pub fn new(caller: &Caller, now: Timestamp, action: &'static str) -> Self {
        Self {
            tenant: caller.tenant.to_string(),
            created: now,
            actor: caller.actor.clone(),
            action,
            model: String::new(),
            slot: Slot::default(),
            number: 0,
            from_stage: "",
            to_stage: "",
            done: true,
            detail: String::new(),
            request: None,
        }
    }

    /// Which model it is about.
    #[must_use]
    pub fn about(mut self, model: &ModelName, slot: &Slot, number: Option<VersionNumber>) -> Self {
        self.model = model.to_string();
        self.slot = slot.clone();
        self.number = number.map_or(0, VersionNumber::get);
        self
    }

    /// Where the version stood and stands.
    #[must_use]
    pub fn moved(mut self, from: &'static str, to: &'static str) -> Self {
        (self.from_stage, self.to_stage) = (from, to);
        self
    }

    /// The reason given, or why it was refused.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Marks the attempt as refused. A refusal is no answer to keep: the same request may succeed later.
    #[must_use]
    pub fn refused(mut self, why: impl Into<String>) -> Self {
        self.done = false;
        self.request = None;
        self.detail(why)
    }

    /// Makes the line the record of the caller's request.
    #[must_use]
    pub fn request(mut self, request: Request) -> Self {
        self.request = Some(request);
        self
    }
}

/// A stored line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// 1, 2, 3, ... without a gap.
    pub sequence: u64,
    /// When.
    pub created: Timestamp,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// The model; empty for none.
    pub model: String,
    /// The slot.
    pub slot: Slot,
    /// The version; 0 for none.
    pub number: u64,
    /// Where it stood before.
    pub from_stage: String,
    /// Where it stands now.
    pub to_stage: String,
    /// False when it was refused.
    pub done: bool,
    /// Reason or refusal.
    pub detail: String,
    /// The generation that the change made; 0 for none.
    pub generation: u64,
}
