//! Market odds as probabilities.

use lineal_data::Frame;

use super::{MemberError, columns};

/// The column of the decimal odds of `class`: `odds_home`.
pub(super) fn column(class: &str) -> String {
    format!("odds_{class}")
}

/// The probabilities that decimal odds stand for, one column for each class. The overround, by which inverse odds sum
/// to more than 1, is removed in proportion: each inverse is divided by their sum.
pub(super) fn probabilities(rows: &Frame, classes: &[String]) -> Result<Vec<Vec<f64>>, MemberError> {
    let mut inverses: Vec<Vec<f64>> = classes.iter().map(|class| inverses(rows, class)).collect::<Result<_, _>>()?;
    for row in 0..rows.rows() {
        let sum: f64 = inverses.iter().map(|column| column[row]).sum();
        for column in &mut inverses {
            column[row] /= sum;
        }
    }
    Ok(inverses)
}

fn inverses(rows: &Frame, class: &str) -> Result<Vec<f64>, MemberError> {
    let column = column(class);
    let odds = columns::numbers(rows, &column)?;
    match odds.iter().position(|odds| *odds <= 1.0) {
        Some(row) => Err(MemberError::Odds { column, row, value: odds[row] }),
        None => Ok(odds.iter().map(|odds| 1.0 / odds).collect()),
    }
}

#[cfg(test)]
mod tests {
    use lineal_data::Column;

    use super::*;

    #[test]
    fn the_overround_is_removed_in_proportion() {
        let mut rows = Frame::new(1);
        for (class, odds) in [("home", 1.9), ("draw", 3.8), ("away", 3.8)] {
            rows.push(column(class), Column::Numbers(vec![odds])).unwrap();
        }
        let classes = ["home", "draw", "away"].map(String::from);
        let found: Vec<f64> = probabilities(&rows, &classes).unwrap().concat();
        for (found, expected) in found.into_iter().zip([0.5, 0.25, 0.25]) {
            assert!((found - expected).abs() < 1e-15, "{found} instead of {expected}");
        }
    }

    #[test]
    fn odds_that_pay_nothing_are_refused() {
        let mut rows = Frame::new(1);
        rows.push("odds_home", Column::Numbers(vec![1.0])).unwrap();
        let error = probabilities(&rows, &["home".to_owned()]).unwrap_err();
        assert!(matches!(error, MemberError::Odds { row: 0, .. }), "{error}");
    }
}
