//! Reading the columns that members take.

use lineal_data::{Column, DataError, Frame};
use time::{Date, macros::format_description};

use super::{MemberError, error::cut};

/// A match has at most this many goals a side; more is a slip.
const MOST_GOALS: f64 = 1000.0;

fn column<'a>(rows: &'a Frame, name: &str) -> Result<&'a Column, DataError> {
    rows.column(name).ok_or_else(|| DataError::UnknownColumn {
        column: name.to_owned(),
        available: rows.names().map(str::to_owned).collect(),
    })
}

/// A column of finite numbers.
pub(super) fn numbers<'a>(rows: &'a Frame, name: &str) -> Result<&'a [f64], MemberError> {
    let Column::Numbers(values) = column(rows, name)? else {
        let column = name.to_owned();
        return Err(DataError::WrongKind { column, expected: "numbers", found: "texts" }.into());
    };
    match values.iter().position(|value| !value.is_finite()) {
        Some(row) if values[row].is_nan() => Err(DataError::MissingValue { column: name.to_owned(), row }.into()),
        Some(row) => Err(DataError::NotFinite { column: name.to_owned(), row }.into()),
        None => Ok(values),
    }
}

/// A column of texts, none of them missing.
pub(super) fn texts<'a>(rows: &'a Frame, name: &str) -> Result<Vec<&'a str>, MemberError> {
    let Column::Texts(values) = column(rows, name)? else {
        let column = name.to_owned();
        return Err(DataError::WrongKind { column, expected: "texts", found: "numbers" }.into());
    };
    let text = |(row, text): (usize, &'a Option<Box<str>>)| {
        text.as_deref().ok_or_else(|| DataError::MissingValue { column: name.to_owned(), row }.into())
    };
    values.iter().enumerate().map(text).collect()
}

/// A column of days, written as in 2018-05-13.
pub(super) fn dates(rows: &Frame, name: &'static str) -> Result<Vec<Date>, MemberError> {
    let date = |(row, text): (usize, &str)| {
        let problem = |_| MemberError::Date { column: name, row, text: cut(text) };
        Date::parse(text, format_description!("[year]-[month]-[day]")).map_err(problem)
    };
    texts(rows, name)?.into_iter().enumerate().map(date).collect()
}

/// A column of goals.
pub(super) fn goals<'a>(rows: &'a Frame, name: &'static str) -> Result<&'a [f64], MemberError> {
    let values = numbers(rows, name)?;
    let whole = |value: f64| value.fract() == 0.0 && (0.0..=MOST_GOALS).contains(&value);
    match values.iter().position(|&value| !whole(value)) {
        Some(row) => Err(MemberError::Goals { column: name, row, value: values[row] }),
        None => Ok(values),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Frame {
        let mut rows = Frame::new(2);
        rows.push("goals", Column::Numbers(vec![2.0, 1.5])).unwrap();
        rows.push("blank", Column::Numbers(vec![2.0, f64::NAN])).unwrap();
        rows.push("day", Column::Texts(vec![Some("2018-05-13".into()), Some("13.5.2018".into())])).unwrap();
        rows.push("team", Column::Texts(vec![Some("Arsenal".into()), None])).unwrap();
        rows
    }

    #[test]
    fn a_bad_cell_is_named_by_column_and_row() {
        let rows = frame();
        assert!(matches!(goals(&rows, "goals"), Err(MemberError::Goals { column: "goals", row: 1, value: 1.5 })));
        assert!(matches!(dates(&rows, "day"), Err(MemberError::Date { column: "day", row: 1, .. })));
        let data = |result: Result<(), MemberError>| match result {
            Err(MemberError::Data(error)) => error,
            other => panic!("{other:?}"),
        };
        assert!(matches!(data(numbers(&rows, "blank").map(drop)), DataError::MissingValue { row: 1, .. }));
        assert!(matches!(data(texts(&rows, "team").map(drop)), DataError::MissingValue { row: 1, .. }));
        assert!(matches!(data(texts(&rows, "goals").map(drop)), DataError::WrongKind { .. }));
        assert!(matches!(data(numbers(&rows, "xg").map(drop)), DataError::UnknownColumn { .. }));
    }
}
