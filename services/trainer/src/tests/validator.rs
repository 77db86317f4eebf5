//! A validator in memory.

use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;

use crate::validator::{Candidate, Validator, ValidatorError, Verdict};

/// What the validator knows.
#[derive(Default)]
pub(super) struct Known {
    /// Models whose versions do not pass.
    pub(super) failing: Vec<&'static str>,
    pub(super) away: bool,
    /// It cannot judge anything.
    pub(super) refusing: bool,
    /// The champion that versions are compared with.
    pub(super) champion: u64,
    /// In their order; a request id counts once.
    pub(super) candidates: Vec<Candidate>,
}

/// The validator, as pipelines need it.
#[derive(Default)]
pub(super) struct FakeValidator {
    known: Mutex<Known>,
}

impl FakeValidator {
    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap()
    }
}

#[async_trait]
impl Validator for FakeValidator {
    async fn validate(&self, candidate: &Candidate) -> Result<Verdict, ValidatorError> {
        let mut known = self.known();
        if known.away {
            return Err(ValidatorError::Unavailable { message: "connection refused".to_owned() });
        }
        if known.refusing {
            return Err(ValidatorError::Refused { message: "the reference set is empty".to_owned() });
        }
        if !known.candidates.iter().any(|done| done.request_id == candidate.request_id) {
            known.candidates.push(candidate.clone());
        }
        let passed = !known.failing.contains(&candidate.model.as_str());
        Ok(Verdict {
            report_id: format!("report on {} {}", candidate.model, candidate.number),
            passed,
            champion: known.champion,
            problem: if passed { String::new() } else { "auc floor: 0.5 is below 0.75".to_owned() },
        })
    }
}
