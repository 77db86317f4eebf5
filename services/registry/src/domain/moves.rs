//! Moves: what is asked of a champion, and the rules by which it moves.

use std::{collections::BTreeMap, time::Duration};

use lineal_kernel::{AliasName, ModelName, RequestId, Slot, VersionNumber};

use super::{
    bake::BakePlan,
    error::RegistryError,
    promotion::{PromotionKind, ReloadPolicy, Skipped, Trigger},
    reign::{self, Reign},
    version::{VersionState, VersionView},
};

/// The wish to make a version champion.
#[derive(Debug, Clone)]
pub struct Promote {
    /// The model.
    pub model: ModelName,
    /// The slot.
    pub slot: Slot,
    /// The version.
    pub number: VersionNumber,
    /// The champion the caller expects to replace: 0 for none; absent for the one of the validation.
    pub expected: Option<u64>,
    /// The report relied on; `None` for the latest.
    pub report_id: Option<String>,
    /// Which replicas must have it first.
    pub policy: ReloadPolicy,
    /// How long they may take; `None` as configured.
    pub prepare_timeout: Option<Duration>,
    /// Why.
    pub reason: String,
    /// How the new champion is watched afterwards.
    pub bake: Option<BakePlan>,
    /// Somebody found that a version which learnt from a sample will do, and says why.
    pub allow_sampled: bool,
    /// Key of this intended change.
    pub request_id: RequestId,
}

/// The wish to bring back an earlier champion.
#[derive(Debug, Clone)]
pub struct Rollback {
    /// The model.
    pub model: ModelName,
    /// The slot.
    pub slot: Slot,
    /// The version; `None` for the latest that left healthy and is whole.
    pub number: Option<VersionNumber>,
    /// The champion the caller expects to leave.
    pub expected: Option<u64>,
    /// Which replicas must have it first.
    pub policy: ReloadPolicy,
    /// How long they may take; `None` as configured.
    pub prepare_timeout: Option<Duration>,
    /// Why.
    pub reason: String,
    /// What sets it off.
    pub trigger: Trigger,
    /// The measurements that ask for it, finite.
    pub evidence: BTreeMap<String, f64>,
    /// Key of this intended change.
    pub request_id: RequestId,
}

/// The wish to empty a slot.
#[derive(Debug, Clone)]
pub struct Demote {
    /// The model.
    pub model: ModelName,
    /// The slot.
    pub slot: Slot,
    /// The champion the caller expects to leave.
    pub expected: Option<u64>,
    /// Why.
    pub reason: String,
    /// Key of this intended change.
    pub request_id: RequestId,
}

/// A decided move, to be prepared and committed.
#[derive(Debug, Clone)]
pub struct Move {
    /// What is done.
    pub kind: PromotionKind,
    /// The model.
    pub model: ModelName,
    /// The slot.
    pub slot: Slot,
    /// The champion that must still be there at the commit.
    pub from: Option<VersionNumber>,
    /// The champion afterwards.
    pub to: Option<VersionNumber>,
    /// The report it relies on.
    pub report_id: String,
    /// Which replicas must have it first.
    pub policy: ReloadPolicy,
    /// How long they may take; `None` as configured.
    pub prepare_timeout: Option<Duration>,
    /// Why.
    pub reason: String,
    /// What set a rollback off.
    pub trigger: Option<Trigger>,
    /// The measurements a rollback was asked for with.
    pub evidence: BTreeMap<String, f64>,
    /// Candidates that a rollback passed over.
    pub skipped: Vec<Skipped>,
    /// How the new champion is watched afterwards.
    pub bake: Option<BakePlan>,
    /// Versions that learnt from a sample may be among those that become champions.
    pub allow_sampled: bool,
}

impl Promote {
    /// Decides on what is known: the candidate, its latest verdict for this slot and the present champion.
    pub fn decide(&self, candidate: &VersionView, champion: Option<VersionNumber>) -> Result<Move, RegistryError> {
        let (model, number) = (self.model.clone(), self.number);
        if champion == Some(number) {
            return Err(RegistryError::AlreadyChampion { model, number });
        }
        candidate.unfailed()?;
        candidate.untainted()?;
        candidate.unsampled(self.allow_sampled)?;
        let slot = self.slot.to_string();
        let validation = candidate
            .validations
            .iter()
            .find(|validation| validation.slot == slot)
            .filter(|validation| self.report_id.as_ref().is_none_or(|wanted| *wanted == validation.report_id));
        let Some(validation) = validation else {
            return Err(RegistryError::ValidationRequired { model, number });
        };
        if !validation.passed || candidate.version.state != VersionState::Validated {
            return Err(RegistryError::GateNotPassed { model, number, failures: validation.failures.clone() });
        }
        unmoved(self.expected, champion)?;
        unmoved(Some(validation.champion_number), champion)?;
        Ok(Move {
            kind: PromotionKind::Promote,
            model,
            slot: self.slot.clone(),
            from: champion,
            to: Some(number),
            report_id: validation.report_id.clone(),
            policy: self.policy,
            prepare_timeout: self.prepare_timeout,
            reason: self.reason.clone(),
            trigger: None,
            evidence: BTreeMap::new(),
            skipped: Vec::new(),
            bake: self.bake,
            allow_sampled: self.allow_sampled,
        })
    }
}

impl Rollback {
    /// The versions that it may go to, in the order to try them: the one named, or all that left healthy. `reigns` is the slot's
    /// history, latest first.
    pub fn candidates(&self, reigns: &[Reign]) -> Result<Vec<VersionNumber>, RegistryError> {
        let champion = reign::champion(reigns);
        unmoved(self.expected, champion)?;
        let model = self.model.clone();
        match self.number {
            Some(number) if champion == Some(number) => Err(RegistryError::AlreadyChampion { model, number }),
            Some(number) if reigns.iter().any(|reign| reign.number == number) => Ok(vec![number]),
            Some(number) => Err(RegistryError::NeverChampion { model, number }),
            None => Ok(reign::left_healthy(reigns)),
        }
    }

    /// The move from the present champion to `to`, past candidates that are not whole. Without `to` it is what was asked for, to
    /// be kept in the history.
    pub fn to(&self, from: Option<VersionNumber>, to: Option<VersionNumber>, skipped: Vec<Skipped>) -> Move {
        Move {
            kind: PromotionKind::Rollback,
            model: self.model.clone(),
            slot: self.slot.clone(),
            from,
            to: to.or(self.number),
            report_id: String::new(),
            policy: self.policy,
            prepare_timeout: self.prepare_timeout,
            reason: self.reason.clone(),
            trigger: Some(self.trigger),
            evidence: self.evidence.clone(),
            skipped,
            bake: None,
            allow_sampled: false,
        }
    }
}

impl Demote {
    /// Decides on the present champion.
    pub fn decide(&self, champion: Option<VersionNumber>) -> Result<Move, RegistryError> {
        unmoved(self.expected, champion)?;
        let Some(from) = champion else {
            let alias = AliasName::champion();
            return Err(RegistryError::AliasNotFound { model: self.model.clone(), slot: self.slot.clone(), alias });
        };
        Ok(Move {
            kind: PromotionKind::Demote,
            model: self.model.clone(),
            slot: self.slot.clone(),
            from: Some(from),
            to: None,
            report_id: String::new(),
            policy: ReloadPolicy::None,
            prepare_timeout: None,
            reason: self.reason.clone(),
            trigger: None,
            evidence: BTreeMap::new(),
            skipped: Vec::new(),
            bake: None,
            allow_sampled: false,
        })
    }
}

fn unmoved(expected: Option<u64>, champion: Option<VersionNumber>) -> Result<(), RegistryError> {
    let found = champion.map_or(0, VersionNumber::get);
    match expected {
        Some(expected) if expected != found => Err(RegistryError::ChampionMoved { expected, found }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use lineal_kernel::Timestamp;

    use super::*;
    use crate::domain::reign::EndedBy;

    fn reign(number: u64, from: u64, to: Option<(u64, EndedBy)>) -> Reign {
        Reign {
            model: ModelName::new("churn").unwrap(),
            slot: Slot::default(),
            number: VersionNumber::new(number).unwrap(),
            from_generation: from,
            to_generation: to.map(|(generation, _)| generation),
            ended_by: to.map(|(_, by)| by),
            started: Timestamp::from_micros(0),
            ended: None,
        }
    }

    fn rollback(number: Option<u64>) -> Rollback {
        Rollback {
            model: ModelName::new("churn").unwrap(),
            slot: Slot::default(),
            number: number.map(|number| VersionNumber::new(number).unwrap()),
            expected: None,
            policy: ReloadPolicy::All,
            prepare_timeout: None,
            reason: "worse at weekends".into(),
            trigger: Trigger::Manual,
            evidence: BTreeMap::new(),
            request_id: RequestId::random(),
        }
    }

    fn targets(number: Option<u64>, reigns: &[Reign]) -> Vec<u64> {
        let candidates = rollback(number).candidates(reigns).unwrap_or_default();
        candidates.into_iter().map(VersionNumber::get).collect()
    }

    #[test]
    fn a_rollback_goes_to_the_latest_champion_that_left_healthy() {
        // F7, F37
        let history =
            [reign(5, 5, None), reign(4, 3, Some((5, EndedBy::Promote))), reign(3, 1, Some((3, EndedBy::Promote)))];
        assert_eq!(targets(None, &history), [4, 3]);
        assert_eq!(targets(Some(3), &history), [3]);
        assert!(targets(Some(9), &history).is_empty(), "9 was never champion");
    }

    #[test]
    fn a_champion_that_was_rolled_back_is_not_gone_back_to() {
        let history = [
            reign(4, 6, None),
            reign(5, 5, Some((6, EndedBy::Rollback))),
            reign(4, 3, Some((5, EndedBy::Promote))),
            reign(3, 1, Some((3, EndedBy::Promote))),
        ];
        assert_eq!(targets(None, &history), [3]);
        assert_eq!(targets(Some(5), &history), [5], "by name it is allowed");
    }

    #[test]
    fn a_slot_without_history_has_no_way_back() {
        assert!(rollback(None).candidates(&[]).unwrap().is_empty());
    }
}
