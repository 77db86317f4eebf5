//! Members of chains: from train rows and upstream answers to a bundle.

use std::{sync::Arc, time::Instant};

use lineal_data::Table;
use lineal_kernel::Digest;
use lineal_models::{Bundle, Hyperparameters, MemberFamily, MemberParts, MemberRows, SplitReference, with_outcomes};

use super::{StepError, train::Fitted, train::Follower, upstreams::Upstreams};

/// Everything the fit of a member needs, away from the job.
pub(super) struct MemberFit {
    pub(super) family: &'static dyn MemberFamily,
    pub(super) hyperparameters: Hyperparameters,
    pub(super) upstreams: Upstreams,
    pub(super) rows: Table,
    pub(super) training_data: Digest,
    pub(super) split: SplitReference,
    pub(super) follower: Follower,
}

impl MemberFit {
    pub(super) fn run(self) -> Result<Fitted, StepError> {
        let raw = self.rows.to_frame();
        // Only members that learn from outcomes need them, and only those are refused rows without.
        let rows = if self.upstreams.answers.is_empty() { raw.clone() } else { with_outcomes(&raw)? };
        let rows = self.upstreams.answered(rows)?;
        let data = MemberRows { rows: &rows, upstreams: &self.upstreams.answers };
        let started = Instant::now();
        let member = self.family.fit(&data, &self.hyperparameters, &self.follower)?;
        let duration = started.elapsed();
        let bundle = Bundle::build_member(MemberParts {
            family: self.family.name(),
            member: &member,
            upstreams: &self.upstreams.bundles,
            hyperparameters: &self.hyperparameters,
            training_data: self.training_data,
            split: self.split,
            rows: &raw,
        })?;
        let feature_digest = bundle.manifest().feature_set;
        Ok(Fitted { bundle: Arc::new(bundle), importances: Vec::new(), feature_digest, duration })
    }
}
