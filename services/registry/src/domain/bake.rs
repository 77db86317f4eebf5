//! Bake time: a new champion is watched for a while, and given up if it fails.

use std::{collections::BTreeMap, str::FromStr};

use lineal_kernel::Timestamp;
use serde::{Deserialize, Serialize};

use super::{usage::Totals, validation::Validation, version::VersionView};

/// How a new champion is watched.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BakePlan {
    /// How long after the commit, in microseconds.
    pub micros: u64,
    /// The highest share of requests that may end without an answer.
    pub max_error_rate: f64,
    /// With fewer requests the share says nothing.
    pub min_requests: u64,
}

/// How far the bake time of one promotion has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bake {
    /// The promotion.
    pub promotion_id: String,
    /// The end of the bake time.
    pub until: Timestamp,
    /// The champion's requests at the commit, e.g. of an earlier reign.
    pub base_requests: u64,
    /// Its errors at the commit.
    pub base_errors: u64,
    /// How it stands.
    pub state: BakeState,
    /// What was wrong; empty otherwise.
    pub problem: String,
    /// The rollback it led to; empty for none.
    pub rollback_id: String,
}

/// How a bake time stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BakeState {
    /// The new champion is watched.
    Baking,
    /// Nothing was wrong.
    Baked,
    /// Something was wrong, and the champion before is back.
    RolledBack,
    /// Something was wrong, and nothing could be gone back to.
    Stuck,
    /// Somebody else moved the champion first.
    Superseded,
}

impl BakeState {
    const ALL: [Self; 5] = [Self::Baking, Self::Baked, Self::RolledBack, Self::Stuck, Self::Superseded];

    /// The stored word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Baking => "baking",
            Self::Baked => "baked",
            Self::RolledBack => "rolled_back",
            Self::Stuck => "stuck",
            Self::Superseded => "superseded",
        }
    }
}

impl FromStr for BakeState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|state| state.word() == text).ok_or_else(|| format!("`{text}` is no bake state"))
    }
}

/// What a look at a champion shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// Nothing is wrong so far.
    Sound,
    /// The bake time is over and nothing was wrong.
    Over,
    /// Something is wrong.
    Failing {
        /// What, for people.
        reason: String,
        /// The measurements.
        evidence: BTreeMap<String, f64>,
    },
}

impl BakePlan {
    /// Judges by the requests since the commit and by the latest verdict for the slot since then. Few requests say nothing.
    pub fn judge(&self, bake: &Bake, totals: &Totals, verdict: Option<&Validation>, now: Timestamp) -> Finding {
        let requests = totals.requests.saturating_sub(bake.base_requests);
        let errors = totals.errors.saturating_sub(bake.base_errors);
        if let Some(failed) = verdict.filter(|verdict| !verdict.passed) {
            let reason = format!("report {}: {}", failed.report_id, failed.failures.join("; "));
            return Finding::Failing { reason, evidence: failed.metrics.clone() };
        }
        let rate = errors as f64 / requests.max(1) as f64;
        if requests >= self.min_requests && rate > self.max_error_rate {
            let limit = self.max_error_rate;
            let reason = format!(
                "{errors} of {requests} requests since the promotion failed, a share of {rate:.4} above {limit}"
            );
            let evidence = [("requests", requests as f64), ("errors", errors as f64), ("error_rate", rate)];
            let evidence = evidence.map(|(name, value)| (name.to_owned(), value)).into();
            return Finding::Failing { reason, evidence };
        }
        if now >= bake.until { Finding::Over } else { Finding::Sound }
    }
}

/// The latest verdict on a champion for its slot, if it was made after the commit.
pub fn verdict_since<'a>(view: &'a VersionView, slot: &str, commit: Timestamp) -> Option<&'a Validation> {
    let of_slot = view.validations.iter().find(|validation| validation.slot == slot);
    of_slot.filter(|validation| validation.created.is_some_and(|created| created > commit))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: BakePlan = BakePlan { micros: 60_000_000, max_error_rate: 0.1, min_requests: 100 };

    fn judge(requests: u64, errors: u64, now: i64) -> Finding {
        let bake = Bake {
            promotion_id: "p".into(),
            until: Timestamp::from_micros(60_000_000),
            base_requests: 50,
            base_errors: 50,
            state: BakeState::Baking,
            problem: String::new(),
            rollback_id: String::new(),
        };
        let totals = Totals { requests: 50 + requests, errors: 50 + errors, ..Totals::default() };
        PLAN.judge(&bake, &totals, None, Timestamp::from_micros(now))
    }

    #[test]
    fn more_than_the_share_fails_and_the_share_itself_does_not() {
        // X4
        assert_eq!(judge(100, 10, 0), Finding::Sound);
        let Finding::Failing { reason: why, evidence } = judge(100, 11, 0) else { panic!("it is sound") };
        assert_eq!(why, "11 of 100 requests since the promotion failed, a share of 0.1100 above 0.1");
        assert_eq!((evidence["errors"], evidence["error_rate"]), (11.0, 0.11));
        assert_eq!(judge(1000, 100, 60_000_000), Finding::Over);
        assert!(matches!(judge(1000, 101, 90_000_000), Finding::Failing { .. }), "the last look counts");
    }

    #[test]
    fn few_requests_say_nothing() {
        // X1
        assert_eq!(judge(99, 99, 0), Finding::Sound);
        assert_eq!(judge(99, 99, 60_000_000), Finding::Over);
        assert_eq!(judge(0, 0, 0), Finding::Sound);
    }
}
