//! Which class came true, as rows say it: by a column of that name, or by the goals of matches.

use lineal_data::{DataError, Frame, Table, Target};

use super::{MemberError, OUTCOME, match_outcomes};

/// `rows` with the column [`OUTCOME`], told from the goals if it is not there.
///
/// # Errors
/// As [`match_outcomes`].
pub fn with_outcomes(rows: &Frame) -> Result<Frame, MemberError> {
    let mut rows = rows.clone();
    if rows.column(OUTCOME).is_none() {
        let outcomes = match_outcomes(&rows)?;
        rows.push(OUTCOME, outcomes)?;
    }
    Ok(rows)
}

/// Per row the position of the class that came true.
///
/// # Errors
/// [`DataError::UnknownClass`] and as [`match_outcomes`].
pub fn member_labels(table: &Table, classes: &[String]) -> Result<Vec<f64>, MemberError> {
    if table.schema().any(|(name, _)| name == OUTCOME) {
        return Ok(Target { column: OUTCOME.to_owned(), positive: None }.positions(table, classes)?);
    }
    let outcomes = match match_outcomes(&table.to_frame())? {
        lineal_data::Column::Texts(outcomes) => outcomes,
        lineal_data::Column::Numbers(_) => Vec::new(),
    };
    let position = |(row, outcome): (usize, &Option<Box<str>>)| {
        let position = classes.iter().position(|class| Some(class.as_str()) == outcome.as_deref());
        position.map(|position| position as f64).ok_or_else(|| {
            DataError::UnknownClass { column: OUTCOME.to_owned(), row, classes: classes.to_vec() }.into()
        })
    };
    outcomes.iter().enumerate().map(position).collect()
}
