//! Audit: every change, who made it, and what was refused.

use std::borrow::Cow;

use lineal_kernel::{Caller, Digest, Hasher, ModelName, RequestId, Slot, Timestamp, VersionNumber};

use super::outbox::Message;

/// Why an attempt was refused is cut to this many bytes: whoever is refused chooses part of the text.
const MAX_REFUSAL: usize = 1024;

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
    pub action: Cow<'static, str>,
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
    /// What other systems are to be told of the change.
    pub messages: Vec<Message>,
}

/// Which entries; everything that is `None` lets all through.
#[derive(Debug, Clone, Default)]
pub struct AuditSearch {
    /// About this model.
    pub model: Option<ModelName>,
    /// About this version of any model.
    pub number: Option<VersionNumber>,
    /// By this actor.
    pub actor: Option<String>,
    /// Of this action.
    pub action: Option<String>,
    /// Done, or refused.
    pub done: Option<bool>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
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
    pub fn new(caller: &Caller, now: Timestamp, action: impl Into<Cow<'static, str>>) -> Self {
        Self {
            tenant: caller.tenant.to_string(),
            created: now,
            actor: caller.actor.clone(),
            action: action.into(),
            model: String::new(),
            slot: Slot::default(),
            number: 0,
            from_stage: "",
            to_stage: "",
            done: true,
            detail: String::new(),
            request: None,
            messages: Vec::new(),
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
        self.messages.clear();
        // PostgreSQL keeps no NUL in a text.
        let mut why = why.into().replace('\0', "");
        why.truncate(why.floor_char_boundary(MAX_REFUSAL));
        self.detail(why)
    }

    /// Tells other systems of the change, once it is made.
    #[must_use]
    pub fn announce(mut self, messages: impl IntoIterator<Item = Message>) -> Self {
        self.messages.extend(messages);
        self
    }

    /// Makes the line the record of the caller's request.
    #[must_use]
    pub fn request(mut self, request: Request) -> Self {
        self.request = Some(request);
        self
    }
}

/// A stored line, as it is stored: damage must not keep it from being read.
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
    /// The slot's canonical text; empty for the default slot.
    pub slot: String,
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
    /// The caller's key; empty for none.
    pub request_id: String,
    /// Digest of what was asked; empty without a key.
    pub fingerprint: String,
    /// Identity of what the change made, in the action's own form.
    pub subject: String,
    /// SHA-256 of the digest before it and of everything above.
    pub digest: String,
}

impl AuditRecord {
    /// The line that `entry` becomes, without its digest.
    pub fn of(entry: &AuditEntry, sequence: u64, generation: u64, subject: &str) -> Self {
        let request = entry.request.as_ref();
        Self {
            sequence,
            created: entry.created,
            actor: entry.actor.clone(),
            action: entry.action.to_string(),
            model: entry.model.clone(),
            slot: entry.slot.to_string(),
            number: entry.number,
            from_stage: entry.from_stage.to_owned(),
            to_stage: entry.to_stage.to_owned(),
            done: entry.done,
            detail: entry.detail.clone(),
            generation,
            request_id: request.map(|request| request.id.as_str().to_owned()).unwrap_or_default(),
            fingerprint: request.map(|request| request.fingerprint.to_string()).unwrap_or_default(),
            subject: subject.to_owned(),
            digest: String::new(),
        }
    }

    /// The digest that the line has after a line with digest `previous`.
    ///
    /// It is the SHA-256 of sixteen netstrings (`LENGTH:BYTES,` with the length in bytes, so that no two contents look the
    /// same): `previous` as text, then the fields in the order of this type; numbers in decimal, the time in microseconds since
    /// 1970, `done` as 1 or 0. The contract promises this to auditors who write their own check.
    pub fn digest_after(&self, previous: &str) -> Digest {
        let mut hasher = Hasher::default();
        for field in [
            previous,
            &self.sequence.to_string(),
            &self.created.micros().to_string(),
            &self.actor,
            &self.action,
            &self.model,
            &self.slot,
            &self.number.to_string(),
            &self.from_stage,
            &self.to_stage,
            if self.done { "1" } else { "0" },
            &self.detail,
            &self.generation.to_string(),
            &self.request_id,
            &self.fingerprint,
            &self.subject,
        ] {
            hasher.update(format!("{}:{field},", field.len()).as_bytes());
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> AuditRecord {
        let entry = AuditEntry::new(&Caller::service("test"), Timestamp::from_micros(1_736_951_422_000_000), "promote");
        AuditRecord::of(&entry.detail("h\u{f6}her"), 3, 7, "p-1")
    }

    #[test]
    fn the_digest_is_what_the_contract_says() {
        // F31: printf '%s' '0:,1:3,16:1736951422000000,12:service:test,7:promote,...' | sha256sum
        let text =
            "0:,1:3,16:1736951422000000,12:service:test,7:promote,0:,0:,1:0,0:,0:,1:1,6:h\u{f6}her,1:7,0:,0:,3:p-1,";
        assert_eq!(record().digest_after(""), Digest::of(text.as_bytes()));
    }

    #[test]
    fn text_that_moves_to_the_next_field_is_another_content() {
        let one = AuditRecord { actor: "ab".into(), action: "c".into(), ..record() };
        let other = AuditRecord { actor: "a".into(), action: "bc".into(), ..record() };
        assert_ne!(one.digest_after("x"), other.digest_after("x"));
        assert_ne!(one.digest_after("x"), one.digest_after("y"));
    }

    #[test]
    fn a_refusal_is_cut_between_characters() {
        // F164
        let entry = AuditEntry::new(&Caller::service("test"), Timestamp::from_micros(0), "promote");
        let refused = entry.refused(format!("a\0{}", "\u{f6}".repeat(2000)));
        assert_eq!(refused.detail, format!("a{}", "\u{f6}".repeat(511)));
    }
}
