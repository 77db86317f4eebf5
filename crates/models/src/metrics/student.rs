//! Student's paired t-test of two means over the same rows.

use super::PairedTest;

/// Steps after which the continued fraction has long converged.
const MAX_STEPS: u32 = 10_000;

/// The mean difference, candidate minus champion, over its standard error. `None` with fewer than two rows, and where all rows
/// differ by the same.
pub(super) fn test(candidate: &[f64], champion: &[f64]) -> Option<PairedTest> {
    let differences: Vec<f64> = candidate.iter().zip(champion).map(|(a, b)| a - b).collect();
    let rows = differences.len() as f64;
    let mean = differences.iter().sum::<f64>() / rows;
    let squares: f64 = differences.iter().map(|difference| (difference - mean).powi(2)).sum();
    if differences.iter().all(|difference| *difference == 0.0) {
        return Some(PairedTest { name: "paired_t", statistic: 0.0, p_value: 1.0 });
    }
    if rows < 2.0 || squares <= 0.0 {
        return None;
    }
    let freedom = rows - 1.0;
    let statistic = mean / (squares / freedom / rows).sqrt();
    Some(PairedTest { name: "paired_t", statistic, p_value: two_tails(statistic, freedom) })
}

/// The chance of a value at least as far from 0: the incomplete beta function `I(n / (n + t^2); n/2, 1/2)`.
fn two_tails(t: f64, freedom: f64) -> f64 {
    let (a, b, x) = (freedom / 2.0, 0.5, freedom / (freedom + t * t));
    // 1 - x, which loses its digits where t is small.
    let rest = t * t / (freedom + t * t);
    let factor = (libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * x.ln() + b * rest.ln()).exp();
    if x < (a + 1.0) / (a + b + 2.0) { factor * fraction(a, b, x) / a } else { 1.0 - factor * fraction(b, a, rest) / b }
}

/// The continued fraction of the incomplete beta function by the method of Lentz (Numerical Recipes, section 6.4).
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    let away_from_zero = |value: f64| if value.abs() < f64::MIN_POSITIVE { f64::MIN_POSITIVE } else { value };
    let mut below = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let (mut above, mut value) = (1.0, below);
    for step in 1..=MAX_STEPS {
        let step = f64::from(step);
        let place = a + 2.0 * step;
        let even = step * (b - step) * x / ((place - 1.0) * place);
        let odd = -(a + step) * (a + b + step) * x / (place * (place + 1.0));
        let mut factor = 1.0;
        for term in [even, odd] {
            below = 1.0 / away_from_zero(1.0 + term * below);
            above = away_from_zero(1.0 + term / above);
            factor = above * below;
            value *= factor;
        }
        if (factor - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    value
}
