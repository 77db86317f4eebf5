//! Margins to probabilities.

/// Turns margins into probabilities that sum to 1, and returns the log of the sum of their exponentials. The largest is
/// subtracted first, so that none overflows.
pub(super) fn softmax(margins: &mut [f64]) -> f64 {
    let largest = margins.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for margin in &mut *margins {
        *margin = (*margin - largest).exp();
    }
    let sum: f64 = margins.iter().sum();
    for margin in margins {
        *margin /= sum;
    }
    largest + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_margin_overflows() {
        let mut margins = [1e9, 1e9, -1e9];
        let log_sum = softmax(&mut margins);
        assert!((log_sum - 1e9).abs() < 1.0);
        assert_eq!(margins.map(f64::to_bits), [0.5, 0.5, 0.0_f64].map(f64::to_bits));
    }
}
