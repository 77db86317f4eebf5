//! From a model's margin to its score.

use serde::{Deserialize, Serialize};

/// How a margin (any number) becomes a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// The score is the margin.
    Identity,
    /// The score is a probability, `1 / (1 + exp(-margin))`.
    Logit,
}

impl Link {
    /// The score of `margin`.
    pub fn score(self, margin: f64) -> f64 {
        match self {
            Self::Identity => margin,
            Self::Logit => 1.0 / (1.0 + (-margin).exp()),
        }
    }
}

/// The log loss of one label (0 or 1), in nats: `ln(1 + exp(margin))` for 0, `ln(1 + exp(-margin))` for 1, written so
/// that no margin overflows and small losses keep their digits.
pub(crate) fn log_loss(margin: f64, label: f64) -> f64 {
    let against = (1.0 - 2.0 * label) * margin;
    against.max(0.0) + (-against.abs()).exp().ln_1p()
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
}
