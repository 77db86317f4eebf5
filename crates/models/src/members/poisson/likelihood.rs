//! The weighted likelihood of matches, with its first and second derivatives.

use super::{
    matches::{Match, Matches},
    scores::correction,
};
use crate::members::newton::{Objective, Value};

/// The negative log-likelihood of matches whose goals are Poisson counts with the means `exp(attack + defence of the
/// other side)`, the home side's times `exp(home advantage)`.
///
/// A point holds all attacks, all defences, the home advantage and, if `correlated`, the correlation of low scores.
pub(super) struct Likelihood<'a> {
    pub(super) matches: &'a Matches,
    pub(super) correlated: bool,
}

/// Derivatives of one match by the logarithms of both means and by the correlation.
struct Local {
    slope: [f64; 3],
    curvature: [[f64; 3]; 3],
}

const HOME: usize = 0;
const AWAY: usize = 1;
const RHO: usize = 2;

impl Likelihood<'_> {
    /// Equal teams that score as many goals as there are on average.
    pub(super) fn start(&self) -> Vec<f64> {
        let n = self.matches.teams.len();
        let goals: f64 = self.matches.played.iter().map(|m| m.weight * (m.home_goals + m.away_goals)).sum();
        let mean = (goals / (2.0 * self.matches.weight())).ln();
        let rest = 1 + usize::from(self.correlated);
        [vec![0.0; n], vec![mean; n], vec![0.0; rest]].concat()
    }

    /// The means of both sides at `point`.
    fn means(&self, point: &[f64], m: &Match) -> (f64, f64) {
        let n = self.matches.teams.len();
        ((point[m.home] + point[n + m.away] + point[2 * n]).exp(), (point[m.away] + point[n + m.home]).exp())
    }

    /// Adding to all attacks what is taken from all defences changes no mean, so nothing says where the minimum lies in
    /// that direction. A curvature there keeps the step out of it.
    fn anchor(&self, value: &mut Value) {
        let (n, size) = (self.matches.teams.len(), value.slope.len());
        let sign = |i: usize| if i < n { 1.0 } else { -1.0 };
        for i in 0..2 * n {
            for j in 0..=i {
                value.curvature[i * size + j] += sign(i) * sign(j);
            }
        }
    }
}

impl Objective for Likelihood<'_> {
    const METRIC: &'static str = "negative_log_likelihood";

    fn at(&self, point: &[f64]) -> Option<Value> {
        let (n, size) = (self.matches.teams.len(), point.len());
        let rho = if self.correlated { point[2 * n + 1] } else { 0.0 };
        let mut value = Value::zero(size);
        for m in &self.matches.played {
            let (home, away) = self.means(point, m);
            let factor = correction(m.home_goals as usize, m.away_goals as usize, home, away, rho);
            if factor <= 0.0 || !(home + away).is_finite() {
                return None;
            }
            let log = log_poisson(m.home_goals, home) + log_poisson(m.away_goals, away) + factor.ln();
            value.loss -= m.weight * log;
            let local = Local::new(m, home, away, rho, factor);
            let parameters = [
                (m.home, HOME),
                (n + m.away, HOME),
                (2 * n, HOME),
                (m.away, AWAY),
                (n + m.home, AWAY),
                (2 * n + 1, RHO),
            ];
            let parameters = &parameters[..5 + usize::from(self.correlated)];
            for &(i, by) in parameters {
                value.slope[i] += m.weight * local.slope[by];
                for &(j, and_by) in parameters.iter().filter(|(j, _)| *j <= i) {
                    value.curvature[i * size + j] += m.weight * local.curvature[by][and_by];
                }
            }
        }
        self.anchor(&mut value);
        Some(value)
    }

    fn weight(&self) -> f64 {
        self.matches.weight()
    }
}

impl Local {
    /// Of the negative log-likelihood of `m`; `factor` is its correction.
    fn new(m: &Match, home: f64, away: f64, rho: f64, factor: f64) -> Self {
        let mut slope = [home - m.home_goals, away - m.away_goals, 0.0];
        let mut curvature = [[home, 0.0, 0.0], [0.0, away, 0.0], [0.0; 3]];
        let (first, second) = derivatives(m, home, away, rho);
        for i in 0..3 {
            slope[i] -= first[i] / factor;
            for j in 0..3 {
                curvature[i][j] += first[i] * first[j] / (factor * factor) - second[i][j] / factor;
            }
        }
        Self { slope, curvature }
    }
}

/// The derivatives of the correction.
fn derivatives(m: &Match, home: f64, away: f64, rho: f64) -> ([f64; 3], [[f64; 3]; 3]) {
    match (m.home_goals as usize, m.away_goals as usize) {
        (0, 0) => {
            let (both, shared) = (-home * away, -home * away * rho);
            ([shared, shared, both], [[shared, shared, both], [shared, shared, both], [both, both, 0.0]])
        }
        (0, 1) => ([home * rho, 0.0, home], [[home * rho, 0.0, home], [0.0; 3], [home, 0.0, 0.0]]),
        (1, 0) => ([0.0, away * rho, away], [[0.0; 3], [0.0, away * rho, away], [0.0, away, 0.0]]),
        (1, 1) => ([0.0, 0.0, -1.0], [[0.0; 3]; 3]),
        _ => ([0.0; 3], [[0.0; 3]; 3]),
    }
}

/// The log of the Poisson probability of `count`.
fn log_poisson(count: f64, mean: f64) -> f64 {
    let log_factorial: f64 = (2..=count as u32).map(|k| f64::from(k).ln()).sum();
    count * mean.ln() - mean - log_factorial
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    fn league() -> Matches {
        let of = |home, away, home_goals, away_goals| Match { home, away, home_goals, away_goals, weight: 0.7 };
        let played =
            vec![of(0, 1, 0.0, 0.0), of(1, 2, 0.0, 1.0), of(2, 0, 1.0, 0.0), of(1, 0, 1.0, 1.0), of(0, 2, 3.0, 2.0)];
        Matches { teams: vec!["a".into(), "b".into(), "c".into()], played, reference: date!(2018 - 05 - 13) }
    }

    #[test]
    fn derivatives_equal_finite_differences() {
        let matches = league();
        let likelihood = Likelihood { matches: &matches, correlated: true };
        let point = [0.3, -0.2, 0.1, 0.2, -0.1, 0.4, 0.25, -0.08];
        let value = likelihood.at(&point).unwrap();
        let mut bare = likelihood.at(&point).unwrap().curvature;
        for i in 0..6 {
            (0..=i).for_each(|j| bare[i * 8 + j] -= if (i < 3) == (j < 3) { 1.0 } else { -1.0 });
        }
        let step = 1e-5;
        for i in 0..8 {
            let moved = |by: f64| {
                let mut point = point;
                point[i] += by;
                likelihood.at(&point).unwrap()
            };
            let (above, below) = (moved(step), moved(-step));
            let slope = (above.loss - below.loss) / (2.0 * step);
            assert!((slope - value.slope[i]).abs() < 1e-8, "{i}: {slope} instead of {}", value.slope[i]);
            for j in 0..=i {
                let curvature = (above.slope[j] - below.slope[j]) / (2.0 * step);
                assert!((curvature - bare[i * 8 + j]).abs() < 1e-8, "{i} {j}: {curvature}");
            }
        }
    }

    #[test]
    fn there_is_no_likelihood_where_a_probability_is_negative() {
        let matches = league();
        let likelihood = Likelihood { matches: &matches, correlated: true };
        let mut point = likelihood.start();
        assert!(likelihood.at(&point).is_some());
        point[7] = 1.5;
        assert!(likelihood.at(&point).is_none());
    }
}
