//! Bake times of promotions.

use std::time::Duration;

use lineal_kernel::{Caller, FieldError, FieldErrors};
use lineal_proto::lineal::registry::v1 as pb;
use lineal_rpc::{duration, timestamp};

use super::{Grpc, fields::checked, promotions};
use crate::domain::{
    bake::{Bake, BakePlan, BakeState},
    error::RegistryError,
    promotion::Promotion,
};

const MAX_ERROR_RATE: f64 = 0.10;
const MIN_REQUESTS: u64 = 100;
const LONGEST: Duration = Duration::from_hours(30 * 24);

impl Grpc {
    /// Promotions as people read them: with how far their bake times have come.
    pub(super) async fn shown(
        &self,
        caller: &Caller,
        promotions: Vec<Promotion>,
    ) -> Result<Vec<pb::Promotion>, RegistryError> {
        let bakes = self.0.bakes(caller, &promotions).await?;
        let shown = promotions.into_iter().map(|promotion| {
            let bake = promotion.bake.map(|plan| convert(plan, bakes.get(&promotion.promotion_id)));
            pb::Promotion { bake, ..promotions::convert(promotion) }
        });
        Ok(shown.collect())
    }
}

/// The bake time that a promotion asks for.
pub(super) fn plan(wanted: Option<pb::Bake>) -> Result<Option<BakePlan>, FieldErrors> {
    let Some(wanted) = wanted else { return Ok(None) };
    let max_error_rate = wanted.max_error_rate.unwrap_or(MAX_ERROR_RATE);
    let share = if (0.0..=1.0).contains(&max_error_rate) {
        Ok(max_error_rate)
    } else {
        Err(FieldError::new("bake.max_error_rate", "is a share from 0 to 1"))
    };
    checked!({
        micros: micros(wanted.duration),
        max_error_rate: share,
    } => Some(BakePlan { micros, max_error_rate, min_requests: wanted.min_requests.unwrap_or(MIN_REQUESTS) }))
}

fn micros(length: Option<lineal_proto::pbjson_types::Duration>) -> Result<u64, FieldError> {
    let length = length.and_then(|length| Duration::try_from(length).ok());
    let bounded = length.filter(|length| (Duration::from_secs(1)..=LONGEST).contains(length));
    let micros = bounded.map(|length| length.as_micros() as u64);
    micros.ok_or_else(|| FieldError::new("bake.duration", "is required, from a second to 30 days"))
}

fn convert(plan: BakePlan, bake: Option<&Bake>) -> pb::Bake {
    let state = match bake.map(|bake| bake.state) {
        None => pb::BakeState::Unspecified,
        Some(BakeState::Baking) => pb::BakeState::Baking,
        Some(BakeState::Baked) => pb::BakeState::Baked,
        Some(BakeState::RolledBack) => pb::BakeState::RolledBack,
        Some(BakeState::Stuck) => pb::BakeState::Stuck,
        Some(BakeState::Superseded) => pb::BakeState::Superseded,
    };
    pb::Bake {
        duration: Some(duration(Duration::from_micros(plan.micros))),
        max_error_rate: Some(plan.max_error_rate),
        min_requests: Some(plan.min_requests),
        state: state.into(),
        until_time: bake.map(|bake| timestamp(bake.until)),
        problem: bake.map(|bake| bake.problem.clone()).unwrap_or_default(),
        rollback_promotion_id: bake.map(|bake| bake.rollback_id.clone()).unwrap_or_default(),
    }
}
