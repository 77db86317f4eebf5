//! Temperature: all logs of probabilities divided by one number (Guo et al., On Calibration of Modern Neural Networks,
//! 2017).

use crate::{
    Hyperparameters,
    link::{multiclass_loss, softmax},
    members::{
        MemberFitError,
        newton::{self, Objective, Value, Watch},
    },
};

/// Added to a probability before its log, which is finite then.
const FLOOR: f64 = 1e-12;

/// The temperature with the greatest likelihood, found as its inverse, in which the likelihood is concave.
///
/// # Errors
/// [`MemberFitError::NoTemperature`], [`MemberFitError::Separable`], and what [`newton`] says.
pub(super) fn fit(
    columns: &[&[f64]],
    outcomes: &[usize],
    params: &Hyperparameters,
    watch: &mut Watch<'_>,
) -> Result<f64, MemberFitError> {
    let row = |(i, outcome): (usize, &usize)| (logs(columns.iter().map(|column| column[i])), *outcome);
    let likelihood = Likelihood { rows: outcomes.iter().enumerate().map(row).collect() };
    let surest = |(logs, outcome): &(Vec<f64>, usize)| logs.iter().all(|log| *log <= logs[*outcome]);
    let flat = |(logs, _): &(Vec<f64>, usize)| logs.iter().all(|log| log.to_bits() == logs[0].to_bits());
    if likelihood.rows.iter().all(flat) {
        return Err(MemberFitError::Singular);
    }
    if likelihood.rows.iter().all(surest) {
        return Err(MemberFitError::Separable);
    }
    // Equal probabilities are an inverse of 0; if the likelihood falls from there on, no temperature helps.
    if likelihood.value(0.0).slope[0] >= 0.0 {
        return Err(MemberFitError::NoTemperature);
    }
    let inverse = newton::minimise(&likelihood, vec![1.0], params, watch)?[0];
    Ok(1.0 / inverse)
}

/// One row at the inverse temperature `inverse`.
pub(super) fn correct(shown: impl Iterator<Item = f64>, inverse: f64) -> Vec<f64> {
    let mut margins = logs(shown);
    for log in &mut margins {
        *log *= inverse;
    }
    softmax(&mut margins);
    margins
}

fn logs(shown: impl Iterator<Item = f64>) -> Vec<f64> {
    shown.map(|p| (p + FLOOR).ln()).collect()
}

/// The negative log-likelihood of rows of log-probabilities with the class that came true.
struct Likelihood {
    rows: Vec<(Vec<f64>, usize)>,
}

impl Likelihood {
    fn value(&self, inverse: f64) -> Value {
        let mut value = Value::zero(1);
        for (logs, outcome) in &self.rows {
            let mut chances: Vec<f64> = logs.iter().map(|log| log * inverse).collect();
            value.loss += multiclass_loss(&chances, *outcome);
            softmax(&mut chances);
            let mean: f64 = chances.iter().zip(logs).map(|(p, log)| p * log).sum();
            value.slope[0] += mean - logs[*outcome];
            value.curvature[0] += chances.iter().zip(logs).map(|(p, log)| p * (log - mean).powi(2)).sum::<f64>();
        }
        value
    }
}

impl Objective for Likelihood {
    const METRIC: &'static str = "log_loss";

    fn at(&self, point: &[f64]) -> Option<Value> {
        (point[0] > 0.0).then(|| self.value(point[0]))
    }

    fn weight(&self) -> f64 {
        self.rows.len() as f64
    }
}
