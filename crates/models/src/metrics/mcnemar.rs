//! McNemar's exact test of two shares of right labels on the same rows.
//!
//! Q. McNemar: Note on the sampling error of the difference between correlated proportions or percentages. Psychometrika 12
//! (1947), 153-157. Exact: of the rows that only one of the two got right, each side got half if they are equally good, so the
//! smaller number is binomial.

use std::f64::consts::LN_2;

use super::PairedTest;

/// From which rows each side got right: the smaller number of discordant rows and twice its binomial tail, at most 1.
pub(super) fn test(candidate: &[bool], champion: &[bool]) -> PairedTest {
    let (mut only_candidate, mut only_champion) = (0_u64, 0_u64);
    for right in candidate.iter().zip(champion) {
        match right {
            (true, false) => only_candidate += 1,
            (false, true) => only_champion += 1,
            _ => {}
        }
    }
    let smaller = only_candidate.min(only_champion);
    let p_value = (2.0 * tail(smaller, only_candidate + only_champion)).min(1.0);
    PairedTest { name: "mcnemar", statistic: smaller as f64, p_value }
}

/// The chance of at most `k` heads in `n` throws of a fair coin: the largest term from logarithms, the others by their ratios.
fn tail(k: u64, n: u64) -> f64 {
    let (k, n) = (k as f64, n as f64);
    let largest = libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0) - n * LN_2;
    let (mut term, mut sum, mut heads) = (1.0, 1.0, k);
    while heads > 0.0 && term > f64::EPSILON * sum {
        term *= heads / (n - heads + 1.0);
        sum += term;
        heads -= 1.0;
    }
    largest.exp() * sum
}
