//! A sigmoid of one score, fitted by maximum likelihood.

use super::{
    MemberFitError,
    newton::{self, Objective, Value, Watch},
};
use crate::{Hyperparameters, Link, link::log_loss};

/// Slope and intercept of the margin whose sigmoid is the probability that each target is 1.
///
/// A target between 0 and 1 counts as that share of a 1. Targets of 0 and 1 that `scores` separate have no finite fit.
///
/// # Errors
/// [`MemberFitError::Separable`], [`MemberFitError::Singular`] for scores that are all alike, and what [`newton`] says.
pub(super) fn fit(
    scores: &[f64],
    targets: &[f64],
    params: &Hyperparameters,
    watch: &mut Watch<'_>,
) -> Result<[f64; 2], MemberFitError> {
    let share = targets.iter().sum::<f64>() / targets.len() as f64;
    if scores.iter().all(|score| score.to_bits() == scores[0].to_bits()) {
        return Err(MemberFitError::Singular);
    }
    if separable(scores, targets) {
        return Err(MemberFitError::Separable);
    }
    let start = vec![0.0, (share / (1.0 - share)).ln()];
    let point = newton::minimise(&Likelihood { scores, targets }, start, params, watch)?;
    Ok([point[0], point[1]])
}

/// Whether one score parts the certain zeros from the certain ones, so that a steeper sigmoid is always better.
fn separable(scores: &[f64], targets: &[f64]) -> bool {
    let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
    for (&score, &target) in scores.iter().zip(targets) {
        if target > 0.0 && target < 1.0 {
            return false;
        }
        let class = usize::from(target > 0.0);
        low[class] = low[class].min(score);
        high[class] = high[class].max(score);
    }
    high[0] <= low[1] || high[1] <= low[0]
}

struct Likelihood<'a> {
    scores: &'a [f64],
    targets: &'a [f64],
}

impl Objective for Likelihood<'_> {
    const METRIC: &'static str = "log_loss";

    fn at(&self, point: &[f64]) -> Option<Value> {
        let mut value = Value::zero(2);
        for (&score, &target) in self.scores.iter().zip(self.targets) {
            let margin = point[0] * score + point[1];
            let probability = Link::Logit.score(margin);
            let (residual, weight) = (probability - target, probability * Link::Logit.score(-margin));
            value.loss += target * log_loss(margin, 1.0) + (1.0 - target) * log_loss(margin, 0.0);
            value.slope[0] += residual * score;
            value.slope[1] += residual;
            value.curvature[0] += weight * score * score;
            value.curvature[2] += weight * score;
            value.curvature[3] += weight;
        }
        value.loss.is_finite().then_some(value)
    }

    fn weight(&self) -> f64 {
        self.targets.len() as f64
    }
}
