//! Moves: what is asked of a champion, and the rules by which it moves.

use lineal_kernel::{AliasName, ModelName, RequestId, Slot, VersionNumber};

use super::{
    error::RegistryError,
    promotion::{PromotionKind, ReloadPolicy},
    reign::{EndedBy, Reign},
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
    /// Why.
    pub reason: String,
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
    /// The version; `None` for the latest that left healthy.
    pub number: Option<VersionNumber>,
    /// The champion the caller expects to leave.
    pub expected: Option<u64>,
    /// Which replicas must have it first.
    pub policy: ReloadPolicy,
    /// Why.
    pub reason: String,
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
    /// Why.
    pub reason: String,
}

impl Promote {
    /// Decides on what is known: the candidate, its latest verdict for this slot and the present champion.
    pub fn decide(&self, candidate: &VersionView, champion: Option<VersionNumber>) -> Result<Move, RegistryError> {
        let (model, number) = (self.model.clone(), self.number);
        if champion == Some(number) {
            return Err(RegistryError::AlreadyChampion { model, number });
        }
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
            reason: self.reason.clone(),
        })
    }
}

impl Rollback {
    /// Decides on the slot's history, latest reign first.
    pub fn decide(&self, reigns: &[Reign]) -> Result<Move, RegistryError> {
        let champion = reigns.iter().find(|reign| reign.ended_by.is_none()).map(|reign| reign.number);
        unmoved(self.expected, champion)?;
        let model = self.model.clone();
        let to = match self.number {
            Some(number) if champion == Some(number) => return Err(RegistryError::AlreadyChampion { model, number }),
            Some(number) if reigns.iter().any(|reign| reign.number == number) => number,
            Some(number) => return Err(RegistryError::NeverChampion { model, number }),
            None => candidate(reigns, champion).ok_or(RegistryError::NoRollbackCandidate { model })?,
        };
        Ok(Move {
            kind: PromotionKind::Rollback,
            model: self.model.clone(),
            slot: self.slot.clone(),
            from: champion,
            to: Some(to),
            report_id: String::new(),
            policy: self.policy,
            reason: self.reason.clone(),
        })
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
            reason: self.reason.clone(),
        })
    }
}

/// The latest champion that left healthy, once each: a version whose last reign here ended by a better one.
fn candidate(reigns: &[Reign], champion: Option<VersionNumber>) -> Option<VersionNumber> {
    let mut seen = Vec::new();
    let mut ended: Vec<&Reign> = reigns.iter().filter(|reign| reign.to_generation.is_some()).collect();
    ended.sort_by_key(|reign| std::cmp::Reverse(reign.to_generation));
    ended.into_iter().find_map(|reign| {
        let first = !seen.contains(&reign.number);
        seen.push(reign.number);
        (first && Some(reign.number) != champion && reign.ended_by == Some(EndedBy::Promote)).then_some(reign.number)
    })
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
            reason: "worse at weekends".into(),
            request_id: RequestId::random(),
        }
    }

    fn target(number: Option<u64>, reigns: &[Reign]) -> Option<u64> {
        rollback(number).decide(reigns).ok().and_then(|decided| decided.to).map(VersionNumber::get)
    }

    #[test]
    fn a_rollback_goes_to_the_latest_champion_that_left_healthy() {
        // F7, F37
        let history =
            [reign(5, 5, None), reign(4, 3, Some((5, EndedBy::Promote))), reign(3, 1, Some((3, EndedBy::Promote)))];
        assert_eq!(target(None, &history), Some(4));
        assert_eq!(target(Some(3), &history), Some(3));
        assert_eq!(target(Some(9), &history), None, "9 was never champion");
    }

    #[test]
    fn a_champion_that_was_rolled_back_is_not_gone_back_to() {
        let history = [
            reign(4, 6, None),
            reign(5, 5, Some((6, EndedBy::Rollback))),
            reign(4, 3, Some((5, EndedBy::Promote))),
            reign(3, 1, Some((3, EndedBy::Promote))),
        ];
        assert_eq!(target(None, &history), Some(3));
        assert_eq!(target(Some(5), &history), Some(5), "by name it is allowed");
    }

    #[test]
    fn a_slot_without_history_has_no_way_back() {
        assert!(matches!(rollback(None).decide(&[]), Err(RegistryError::NoRollbackCandidate { .. })));
    }
}
