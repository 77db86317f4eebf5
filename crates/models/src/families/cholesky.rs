//! Solving `A x = b` for a symmetric positive definite `A`.

/// What is left of a column's 1 after the columns before it, below which it counts as their combination.
const DEPENDENT: f64 = 1e-10;

/// Solves `A x = b` by the Cholesky factorisation `A = L L'` (Golub and Van Loan, Matrix Computations, 4.2).
///
/// `a` is row-major, `b.len()` squared, and only its lower triangle is read. `None` if `A` is not positive definite in
/// double precision.
pub(crate) fn solve(mut a: Vec<f64>, mut b: Vec<f64>) -> Option<Vec<f64>> {
    let n = b.len();
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| a[i * n + k] * a[j * n + k]).sum();
            let rest = a[i * n + j] - dot;
            if i != j {
                a[i * n + j] = rest / a[j * n + j];
            } else if rest > 0.0 && rest.is_finite() {
                a[i * n + i] = rest.sqrt();
            } else {
                return None;
            }
        }
    }
    for i in 0..n {
        let dot: f64 = (0..i).map(|k| a[i * n + k] * b[k]).sum();
        b[i] = (b[i] - dot) / a[i * n + i];
    }
    for i in (0..n).rev() {
        let dot: f64 = (i + 1..n).map(|k| a[k * n + i] * b[k]).sum();
        b[i] = (b[i] - dot) / a[i * n + i];
    }
    b.iter().all(|value| value.is_finite()).then_some(b)
}

/// Which of `n` columns, among the `usable` ones, are no combination of those chosen before them, going by their
/// correlations: a Cholesky factorisation that leaves out each row whose pivot is gone.
pub(super) fn independent(
    n: usize,
    usable: impl Fn(usize) -> bool,
    correlation: impl Fn(usize, usize) -> f64,
) -> Vec<usize> {
    let mut chosen: Vec<usize> = Vec::new();
    let mut factor: Vec<Vec<f64>> = Vec::new();
    for i in (0..n).filter(|i| usable(*i)) {
        let mut row: Vec<f64> = Vec::with_capacity(chosen.len() + 1);
        for (&j, before) in chosen.iter().zip(&factor) {
            let dot: f64 = row.iter().zip(before).map(|(a, b)| a * b).sum();
            row.push((correlation(i, j) - dot) / before[row.len()]);
        }
        let rest = 1.0 - row.iter().map(|entry| entry * entry).sum::<f64>();
        if rest > DEPENDENT {
            row.push(rest.sqrt());
            chosen.push(i);
            factor.push(row);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_system_is_solved() {
        // A = [[4, 2, 0], [2, 5, 3], [0, 3, 6]], x = [1, -2, 3].
        let a = vec![4.0, 9.0, 9.0, 2.0, 5.0, 9.0, 0.0, 3.0, 6.0];
        let x = solve(a, vec![0.0, 1.0, 12.0]).unwrap();
        for (found, expected) in x.iter().zip([1.0, -2.0, 3.0]) {
            assert!((found - expected).abs() < 1e-12, "{x:?}");
        }
    }

    #[test]
    fn what_is_not_positive_definite_has_no_solution() {
        assert_eq!(solve(vec![1.0, 0.0, 2.0, 4.0], vec![1.0, 1.0]), None);
        assert_eq!(solve(vec![f64::NAN], vec![1.0]), None);
    }

    #[test]
    fn a_column_that_others_determine_is_left_out() {
        // The third column is (first + second) / sqrt(2), the fourth is usable to nobody.
        let half = 0.5_f64.sqrt();
        let a = [[1.0, 0.0, half, 0.0], [0.0, 1.0, half, 0.0], [half, half, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]];
        assert_eq!(independent(4, |i| i != 3, |i, j| a[i][j]), [0, 1]);
        assert_eq!(independent(4, |i| i != 0, |i, j| a[i][j]), [1, 2, 3]);
    }
}
