//! Population stability: how far a distribution has moved.

/// The share that an empty bin counts as, so that one empty bin does not make the index infinite.
const FLOOR: f64 = 1e-4;

/// The population stability index of `found` against `expected`: the sum over all bins of `(p - q) * ln(p / q)`, where `p` is the share of
/// `found` in the bin and `q` that of `expected`. Shares below one in ten thousand count as that. 0 for equal shares; above 0.25 a
/// population is commonly said to have moved.
///
/// Siddiqi, "Credit Risk Scorecards" (2006), chapter 8; it is the sum of both Kullback-Leibler divergences of the binned distributions.
/// The bins are the caller's: between batches, the deciles of the batch before.
pub fn psi(expected: &[u64], found: &[u64]) -> f64 {
    let shares = |counts: &[u64]| -> Vec<f64> {
        let sum = counts.iter().sum::<u64>().max(1) as f64;
        counts.iter().map(|count| (*count as f64 / sum).max(FLOOR)).collect()
    };
    let bins = shares(expected).into_iter().zip(shares(found));
    bins.map(|(q, p)| (p - q) * (p / q).ln()).sum()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        name: String,
        expected: Vec<u64>,
        found: Vec<u64>,
        psi: f64,
    }

    #[test]
    fn the_index_is_that_of_an_independent_program() {
        // F132
        let cases: Vec<Case> = serde_json::from_str(include_str!("../../tests/reference/psi.json")).unwrap();
        assert!(cases.len() >= 5);
        for Case { name, expected, found, psi: reference } in cases {
            let here = psi(&expected, &found);
            assert!((here - reference).abs() <= 1e-12 * reference.max(1.0), "{name}: {here} for {reference}");
        }
    }

    #[test]
    fn what_did_not_move_has_index_zero() {
        assert!(psi(&[10, 20, 30], &[1, 2, 3]).abs() < 1e-15);
        assert!(psi(&[10, 0], &[0, 10]) > 0.25);
    }
}
