//! From expected goals to scores and outcomes.

/// Each side scores 0 to 10 goals: a score matrix is 11 x 11.
pub const SCORES: usize = 11;

/// The probability of each score up to 10 goals a side. What lies beyond is left out, not spread over the rest: the sum
/// is a little below 1.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreMatrix([[f64; SCORES]; SCORES]);

impl ScoreMatrix {
    /// Two Poisson counts with the means `home` and `away`, low scores corrected by the correlation `rho` (Dixon and
    /// Coles, Applied Statistics 46, 1997, equation 4.2); 0 leaves them independent. Where `rho` would make a
    /// probability negative, it is 0.
    pub fn new(home: f64, away: f64, rho: f64) -> Self {
        let (home_goals, away_goals) = (counts(home), counts(away));
        let mut cells = home_goals.map(|p| away_goals.map(|q| p * q));
        for (i, row) in cells.iter_mut().enumerate().take(2) {
            for (j, cell) in row.iter_mut().enumerate().take(2) {
                *cell *= correction(i, j, home, away, rho).max(0.0);
            }
        }
        Self(cells)
    }

    /// The probability of `home` to `away` goals, 0 beyond 10.
    pub fn score(&self, home: usize, away: usize) -> f64 {
        self.0.get(home).and_then(|row| row.get(away)).copied().unwrap_or(0.0)
    }

    /// The probabilities of home win, draw and away win.
    pub fn outcomes(&self) -> [f64; 3] {
        let sum = |wanted: fn(&usize, &usize) -> bool| -> f64 {
            let cells = (0..SCORES).flat_map(|i| (0..SCORES).map(move |j| (i, j)));
            // A sum of probabilities may exceed 1 in its last bit.
            cells.filter(|(i, j)| wanted(i, j)).map(|(i, j)| self.0[i][j]).sum::<f64>().min(1.0)
        };
        [sum(|i, j| i > j), sum(|i, j| i == j), sum(|i, j| i < j)]
    }

    /// All cells, row after row of home goals.
    pub fn cells(&self) -> &[f64] {
        self.0.as_flattened()
    }
}

/// The probability of a draw of up to 10 goals a side. Computed, never trained: it follows from the expected goals and
/// the correlation of low scores.
pub fn draw_probability(home: f64, away: f64, rho: f64) -> f64 {
    ScoreMatrix::new(home, away, rho).outcomes()[1]
}

/// By how much the correlation changes the probability of a score; 1 for any score above 1:1.
pub(super) fn correction(home_goals: usize, away_goals: usize, home: f64, away: f64, rho: f64) -> f64 {
    match (home_goals, away_goals) {
        (0, 0) => 1.0 - home * away * rho,
        (0, 1) => 1.0 + home * rho,
        (1, 0) => 1.0 + away * rho,
        (1, 1) => 1.0 - rho,
        _ => 1.0,
    }
}

/// The Poisson probabilities of 0 to 10.
fn counts(mean: f64) -> [f64; SCORES] {
    let mut probability = (-mean).exp();
    std::array::from_fn(|count| {
        if count > 0 {
            probability *= mean / count as f64;
        }
        probability
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_correction_moves_probability_and_keeps_its_sum_and_the_expected_goals() {
        for (home, away) in [(1.4, 1.1), (0.3, 2.2), (0.01, 0.02)] {
            for rho in [-0.2, 0.0, 0.15] {
                let matrix = ScoreMatrix::new(home, away, rho);
                assert!((matrix.cells().iter().sum::<f64>() - 1.0).abs() < 1e-4);
                assert!((matrix.outcomes().iter().sum::<f64>() - matrix.cells().iter().sum::<f64>()).abs() < 1e-12);
                let mean: f64 =
                    (0..SCORES).map(|i| (0..SCORES).map(|j| i as f64 * matrix.score(i, j)).sum::<f64>()).sum();
                assert!((mean - home).abs() < 1e-3, "{mean} instead of {home}");
            }
        }
        assert!(draw_probability(1.4, 1.1, -0.1) > draw_probability(1.4, 1.1, 0.0));
    }

    #[test]
    fn no_probability_is_negative_or_not_a_number() {
        for (home, away) in [(0.0, 0.0), (40.0, 3.0), (1e130, 1e130), (5e-324, 700.0)] {
            for rho in [-50.0, 0.5, 50.0] {
                let matrix = ScoreMatrix::new(home, away, rho);
                assert!(matrix.cells().iter().all(|p| p.is_finite() && *p >= 0.0), "{home} {away} {rho}");
            }
        }
        assert_eq!(ScoreMatrix::new(1.0, 1.0, 0.0).score(11, 0).to_bits(), 0);
    }
}
