//! From a model's margin to its score.

use serde::{Deserialize, Serialize};

/// How a margin (any number) becomes a score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// The score is the margin.
    Identity,
    /// The score is a probability, `1 / (1 + exp(-margin))`.
    Logit,
    /// The score is an expected count, `exp(margin)`.
    Log,
    /// The score is a probability, `1 / (1 + exp(-steepness * margin))`.
    SteepLogit(f64),
    /// The margin is the root of the score, with the same sign: `|margin| * margin`.
    SquareRoot,
    /// The score is the intensity behind a probability, `ln(1 + exp(margin))`.
    Softplus,
    /// The score is 1 where the margin is above 0, else 0.
    Step,
}

impl Link {
    /// The score of `margin`.
    pub fn score(self, margin: f64) -> f64 {
        match self {
            Self::Identity => margin,
            Self::Logit => 1.0 / (1.0 + (-margin).exp()),
            Self::Log => margin.exp(),
            Self::SteepLogit(steepness) => 1.0 / (1.0 + (-steepness * margin).exp()),
            Self::SquareRoot => margin.abs() * margin,
            Self::Softplus => margin.exp().ln_1p(),
            Self::Step => f64::from(margin > 0.0),
        }
    }

    /// The score of `margin`, computed in single precision as XGBoost does: its exponents end at 88.7.
    pub(crate) fn score_single(self, margin: f32) -> f32 {
        match self {
            Self::Logit => 1.0 / (1.0 + (-margin).min(88.7).exp()),
            Self::Log => margin.exp(),
            Self::Identity | Self::SteepLogit(_) | Self::SquareRoot | Self::Softplus | Self::Step => {
                self.score(f64::from(margin)) as f32
            }
        }
    }
}

/// The log loss of one label (0 or 1), in nats: `ln(1 + exp(margin))` for 0, `ln(1 + exp(-margin))` for 1, written so
/// that no margin overflows and small losses keep their digits.
pub(crate) fn log_loss(margin: f64, label: f64) -> f64 {
    let against = (1.0 - 2.0 * label) * margin;
    against.max(0.0) + (-against.abs()).exp().ln_1p()
}

/// Half the deviance of a count from the expected count `exp(margin)`: `y ln(y / mu) - y + mu`, where `0 ln 0` is 0.
pub(crate) fn half_deviance(margin: f64, count: f64) -> f64 {
    let entropy = if count > 0.0 { count * (count.ln() - margin) } else { 0.0 };
    entropy - count + margin.exp()
}

/// Margins of one row to probabilities that sum to 1: `exp(margin)` over the sum of them, after subtracting the
/// largest so that none overflows.
pub(crate) fn softmax(margins: &mut [f64]) {
    let largest = margins.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for margin in &mut *margins {
        *margin = (*margin - largest).exp();
    }
    let sum: f64 = margins.iter().sum();
    for margin in margins {
        *margin /= sum;
    }
}

/// As [`softmax`], in single precision but for the sum, as XGBoost does it.
pub(crate) fn softmax_single(margins: &mut [f64]) {
    let largest = margins.iter().map(|margin| *margin as f32).fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for margin in &mut *margins {
        *margin = f64::from((*margin as f32 - largest).exp());
        sum += *margin;
    }
    for margin in margins {
        *margin = f64::from(*margin as f32 / sum as f32);
    }
}

/// The log loss of a row whose class is `class`: `ln(sum of exp(margin)) - margin[class]`.
pub(crate) fn multiclass_loss(margins: &[f64], class: usize) -> f64 {
    let largest = margins.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = margins.iter().map(|margin| (margin - largest).exp()).sum();
    sum.ln() + (largest - margins[class])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_of_a_margin_is_the_loss_of_its_probability() {
        for margin in [-3.0, -0.1, 0.0, 2.5] {
            let p = Link::Logit.score(margin);
            assert!((log_loss(margin, 1.0) + p.ln()).abs() < 1e-12);
            assert!((log_loss(margin, 0.0) + (1.0 - p).ln()).abs() < 1e-12);
        }
    }

    #[test]
    fn no_margin_overflows() {
        assert_eq!([-1e9, 1e9].map(|margin| Link::Logit.score(margin)).to_vec(), [0.0, 1.0]);
        assert_eq!([-1e9, 1e9].map(|margin| log_loss(margin, 0.0)).to_vec(), [0.0, 1e9]);
    }

    #[test]
    fn a_small_loss_keeps_its_digits() {
        let loss = log_loss(40.0, 1.0);
        assert!((loss / (-40f64).exp() - 1.0).abs() < 1e-12, "{loss}");
    }

    #[test]
    fn probabilities_sum_to_one_and_their_loss_is_that_of_the_class() {
        let margins = [1e4, 1e4 - 2.0, -1e4];
        let mut probabilities = margins;
        softmax(&mut probabilities);
        assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-15, "{probabilities:?}");
        for class in [0, 1] {
            assert!((multiclass_loss(&margins, class) + probabilities[class].ln()).abs() < 1e-12);
        }
    }

    #[test]
    fn the_deviance_is_zero_where_count_and_expectation_agree() {
        assert!(half_deviance(3f64.ln(), 3.0).abs() < 1e-15);
        assert!((half_deviance(0.0, 0.0) - 1.0).abs() < 1e-15);
        assert!(half_deviance(0.5, 3.0) > 0.0);
    }
}
