//! Promotions: moves of champions as they are written down.

use std::{collections::BTreeMap, fmt};

use lineal_kernel::{Digest, ModelName, RequestId};
use serde::{Deserialize, Serialize};

use super::{bake::BakePlan, chains::Member, display::DisplayState, error::RegistryError, reign::EndedBy};

/// Which replicas must have the new champion before it counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReloadPolicy {
    /// Every live replica prepares it, or nothing moves.
    #[default]
    All,
    /// The alias moves at once; replicas follow by themselves.
    None,
    /// At least this many replicas prepare it, or nothing moves.
    Quorum(u32),
}

impl ReloadPolicy {
    /// Whether replicas are asked before the alias moves, and enough of them agreed.
    pub fn is_met(self, outcomes: &[ReplicaOutcome]) -> bool {
        let prepared = outcomes.iter().filter(|outcome| outcome.prepared).count();
        match self {
            Self::All => prepared == outcomes.len(),
            Self::None => true,
            Self::Quorum(needed) => prepared >= needed as usize,
        }
    }
}

/// What is done to the champion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromotionKind {
    /// A better version takes over.
    Promote,
    /// An earlier champion comes back.
    Rollback,
    /// The slot is emptied.
    Demote,
}

impl PromotionKind {
    /// The word for the audit.
    pub fn word(self) -> &'static str {
        self.ended_by().word()
    }

    /// Where the champion that leaves stands afterwards: one that gave way to a better one is the way back.
    pub fn leaves_as(self) -> DisplayState {
        match self {
            Self::Promote => DisplayState::RollbackCandidate,
            Self::Rollback | Self::Demote => DisplayState::Archived,
        }
    }

    /// What it does to the reign it ends.
    pub fn ended_by(self) -> EndedBy {
        match self {
            Self::Promote => EndedBy::Promote,
            Self::Rollback => EndedBy::Rollback,
            Self::Demote => EndedBy::Demote,
        }
    }
}

/// What sets a rollback off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// Somebody decided so.
    #[default]
    Manual,
    /// The data moved away from what the champion was trained on.
    Drift,
    /// The champion's answers became worse.
    Performance,
    /// The champion's answers failed.
    Errors,
    /// It did not hold through its bake time.
    Bake,
}

/// A rollback candidate that was passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The version.
    pub number: u64,
    /// Why, naming the file.
    pub reason: String,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.number, self.reason)
    }
}

/// Which promotions to list.
#[derive(Debug, Clone, Default)]
pub struct PromotionFilter {
    /// Only of this model.
    pub model: Option<ModelName>,
    /// Only of this kind.
    pub kind: Option<PromotionKind>,
    /// Only in this state.
    pub state: Option<PromotionState>,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromotionState {
    /// Replicas are loading; the alias has not moved.
    Preparing,
    /// The alias has moved; replicas are switching.
    Committed,
    /// Every live replica serves it.
    Converged,
    /// Refused; nothing moved.
    Refused,
    /// Someone cancelled it, or the registry stopped before the commit; nothing moved.
    Cancelled,
}

impl PromotionState {
    /// The stored word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Committed => "committed",
            Self::Converged => "converged",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The wish to end a promotion before its commit.
#[derive(Debug, Clone)]
pub struct CancelPromotion {
    /// Which one.
    pub promotion_id: String,
    /// Why.
    pub reason: String,
    /// Key of this intended change.
    pub request_id: RequestId,
}

/// One move of a champion, or the attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Promotion {
    /// Identity: a UUID, ordered by time.
    pub promotion_id: String,
    /// What is done.
    pub kind: PromotionKind,
    /// How far it has come.
    pub state: PromotionState,
    /// The model.
    pub model: String,
    /// Canonical text of the slot.
    pub slot: String,
    /// The champion it leaves; 0 for an empty slot.
    pub from_number: u64,
    /// The champion it makes; 0 to leave the slot empty.
    pub to_number: u64,
    /// Upstream members of the chain that move with it, upstream first.
    #[serde(default)]
    pub members: Vec<Member>,
    /// The generation it committed; 0 if it did not.
    pub generation: u64,
    /// The report it relies on; empty for rollbacks and demotions.
    pub report_id: String,
    /// Which replicas must have it first.
    pub policy: ReloadPolicy,
    /// Who asked.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// What each replica said.
    pub replicas: Vec<ReplicaOutcome>,
    /// Why it did not happen; empty otherwise.
    pub refusal: String,
    /// When it began, in microseconds.
    pub created_us: i64,
    /// When the alias moved.
    pub committed_us: Option<i64>,
    /// When every live replica had it.
    pub converged_us: Option<i64>,
    /// The registry process that carries it out; empty in what the first schema wrote.
    #[serde(default)]
    pub process: String,
    /// How long replicas had to prepare it, in microseconds; 0 in what earlier schemas wrote.
    #[serde(default)]
    pub prepare_timeout_us: u64,
    /// Its call is still at work, and its story goes on.
    #[serde(default)]
    pub under_way: bool,
    /// The key of the call.
    #[serde(default)]
    pub request_id: String,
    /// Digest of the card that was made of the new champion, kept apart from the move.
    #[serde(skip)]
    pub card: Option<Digest>,
    /// What set a rollback off; `None` for other kinds.
    #[serde(default)]
    pub trigger: Option<Trigger>,
    /// The measurements a rollback was asked for with.
    #[serde(default)]
    pub evidence: BTreeMap<String, f64>,
    /// Candidates that a rollback passed over, the latest first.
    #[serde(default)]
    pub skipped: Vec<Skipped>,
    /// How the new champion is watched after the commit; `None` if it is not.
    #[serde(default)]
    pub bake: Option<BakePlan>,
}

impl Promotion {
    /// The reason for the audit, with the candidates that were passed over.
    pub fn told(&self) -> String {
        let skipped = self.skipped.iter().map(|skipped| format!("; passed over version {skipped}"));
        std::iter::once(self.reason.clone()).chain(skipped).collect()
    }

    /// Cancelled by `actor`, unless it has ended already.
    pub fn cancelled(self, actor: &str, reason: &str) -> Result<Self, RegistryError> {
        if self.state != PromotionState::Preparing {
            let Self { promotion_id, model, state, .. } = self;
            return Err(RegistryError::PromotionEnded { promotion_id, model, state });
        }
        let refusal = format!("cancelled by {actor}: {reason}");
        Ok(Self { state: PromotionState::Cancelled, refusal, under_way: false, ..self })
    }
}

/// What one replica did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaOutcome {
    /// The replica.
    pub replica: String,
    /// It loaded and verified the version.
    pub prepared: bool,
    /// How long that took, in microseconds.
    pub prepare_micros: u64,
    /// It serves the new generation.
    pub reloaded: bool,
    /// How long that took, in microseconds.
    pub reload_micros: u64,
    /// Why not; empty otherwise.
    pub problem: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quorum_is_enough_and_less_is_not() {
        let outcomes = [true, false, true].map(|prepared| ReplicaOutcome { prepared, ..ReplicaOutcome::default() });
        assert!(ReloadPolicy::Quorum(2).is_met(&outcomes) && !ReloadPolicy::Quorum(3).is_met(&outcomes));
        assert!(!ReloadPolicy::All.is_met(&outcomes) && ReloadPolicy::None.is_met(&outcomes));
        assert!(ReloadPolicy::All.is_met(&[]) && !ReloadPolicy::Quorum(1).is_met(&[]));
    }
}
