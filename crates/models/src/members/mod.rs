//! Members of a chain: models that take raw columns and other members' answers, and answer with named numbers.
//!
//! A new family is one file here, its `mod` line, its entry in [`member_families`] and its arm in [`Member`].

mod blending;
mod calibration;
mod columns;
mod draw_calibration;
mod error;
mod market;
mod member;
mod newton;
mod outcomes;
mod poisson;
mod sigmoid;
mod upstream;

pub use blending::{Blend, Blending};
pub use calibration::{Calibration, Curve, Method};
pub use draw_calibration::DrawCalibration;
pub use error::{MemberError, MemberFamilyError, MemberFitError};
pub use member::{Member, Output, OutputColumn};
pub use outcomes::{member_labels, with_outcomes};
pub use poisson::{Forecast, Poisson, SCORES, ScoreMatrix, Team, draw_probability, match_outcomes};
pub use upstream::{MATCH_CLASSES, MemberRows, OUTCOME, Upstream, Upstreams};

use std::collections::BTreeMap;

use crate::{HyperparameterDescription, HyperparameterError, Hyperparameters, Progress, Value};
use error::cut;

/// A way to fit a member.
pub trait MemberFamily: Send + Sync {
    /// The stable name, as in requests and manifests.
    fn name(&self) -> &'static str {
        self.describe().name
    }

    /// What it is and which hyperparameters it takes.
    fn describe(&self) -> MemberDescription;

    /// Fits a member on one thread and without a random choice: the same rows and hyperparameters give the same member
    /// to the last bit.
    ///
    /// # Errors
    /// [`MemberFitError`]: rows or upstreams the family cannot use, no convergence, or cancellation.
    fn fit(
        &self,
        data: &MemberRows<'_>,
        params: &Hyperparameters,
        progress: &dyn Progress,
    ) -> Result<Member, MemberFitError>;
}

/// What a family of members is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MemberDescription {
    /// The stable name.
    pub name: &'static str,
    /// The name for people.
    pub title: &'static str,
    /// The raw columns it learns from; [`OUTCOME`] can be told from the goals of matches.
    pub columns: &'static [&'static str],
    /// How many upstream members it takes.
    pub upstreams: Upstreams,
    /// What can be set.
    pub hyperparameters: &'static [HyperparameterDescription],
}

impl MemberDescription {
    /// Checks `given` against what the family takes and fills what is missing with defaults.
    ///
    /// # Errors
    /// Every problem at once: unknown names, wrong kinds, NaN and values out of range.
    pub fn resolve(&self, given: BTreeMap<String, Value>) -> Result<Hyperparameters, Vec<HyperparameterError>> {
        Hyperparameters::check(self.name, self.hyperparameters, given)
    }
}

/// Every family of members.
pub fn member_families() -> &'static [&'static dyn MemberFamily] {
    &[
        &poisson::PoissonFamily,
        &draw_calibration::DrawCalibrationFamily,
        &blending::BlendingFamily,
        &calibration::CalibrationFamily,
    ]
}

/// The family of members called `name`.
///
/// # Errors
/// [`MemberFamilyError`] with the names that are known.
pub fn member_family(name: &str) -> Result<&'static dyn MemberFamily, MemberFamilyError> {
    member_families().iter().copied().find(|family| family.name() == name).ok_or_else(|| MemberFamilyError {
        name: cut(name),
        known: member_families().iter().map(|family| family.name()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn resolve(family: &str, json: &str) -> Hyperparameters {
        member_family(family).unwrap().describe().resolve(serde_json::from_str(json).unwrap()).unwrap()
    }

    #[test]
    fn an_unknown_family_is_refused_with_the_known_ones() {
        let error = member_family("elo").err().unwrap().to_string();
        assert!(error.contains("`elo`") && error.contains("poisson"), "{error}");
    }

    #[test]
    fn every_default_lies_in_its_own_range() {
        for family in member_families() {
            let description = family.describe();
            let defaults = description.hyperparameters.iter().map(|h| (h.name.to_owned(), h.kind.default_value()));
            assert!(description.resolve(defaults.collect()).is_ok(), "{}", family.name());
        }
    }
}
