//! Raw named columns: what feature evaluation reads, in training, in batch and online.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::DataError;

/// The values of one raw column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Column {
    /// Numbers; NaN is a missing value, written `null`.
    Numbers(#[serde(with = "nullable")] Vec<f64>),
    /// Texts; `None` is a missing value.
    Texts(Vec<Option<Box<str>>>),
}

impl Column {
    /// How many values, missing ones included.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Texts(values) => values.len(),
        }
    }

    /// Whether there are no values at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values of all `columns`, one column after the other; `None` if some are numbers and some texts.
    fn stack(columns: &[&Self]) -> Option<Self> {
        let count = columns.iter().map(|column| column.len()).sum();
        let mut stacked = match columns.first()? {
            Self::Numbers(_) => Self::Numbers(Vec::with_capacity(count)),
            Self::Texts(_) => Self::Texts(Vec::with_capacity(count)),
        };
        for column in columns {
            match (&mut stacked, column) {
                (Self::Numbers(all), Self::Numbers(values)) => all.extend_from_slice(values),
                (Self::Texts(all), Self::Texts(values)) => all.extend_from_slice(values),
                _ => return None,
            }
        }
        Some(stacked)
    }

    fn take(&self, rows: &[usize]) -> Self {
        match self {
            Self::Numbers(values) => Self::Numbers(rows.iter().map(|&row| values[row]).collect()),
            Self::Texts(values) => Self::Texts(rows.iter().map(|&row| values[row].clone()).collect()),
        }
    }
}

/// Raw named columns of one length, as they come from a file or a request.
///
/// Columns keep the order in which they were pushed. As JSON: `{"rows": 1, "columns": [["age", {"numbers": [41.0]}]]}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Frame {
    rows: usize,
    columns: Vec<(String, Column)>,
}

impl Frame {
    /// A frame of `rows` rows and no columns yet.
    pub fn new(rows: usize) -> Self {
        Self { rows, columns: Vec::new() }
    }

    /// A frame of columns already known to fit together.
    pub(crate) fn of(rows: usize, columns: Vec<(String, Column)>) -> Self {
        Self { rows, columns }
    }

    /// Adds a column at the end.
    ///
    /// # Errors
    /// [`DataError::ColumnLength`] and [`DataError::DuplicateColumn`].
    pub fn push(&mut self, name: impl Into<String>, column: Column) -> Result<(), DataError> {
        let name = name.into();
        if self.column(&name).is_some() {
            return Err(DataError::DuplicateColumn { column: name });
        }
        self.push_new(name, column)
    }

    /// Adds a column at the end whose name is known to be new, which saves looking for it.
    ///
    /// # Errors
    /// [`DataError::ColumnLength`].
    pub fn push_new(&mut self, name: String, column: Column) -> Result<(), DataError> {
        if column.len() != self.rows {
            return Err(DataError::ColumnLength { column: name, expected: self.rows, found: column.len() });
        }
        self.columns.push((name, column));
        Ok(())
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The column called `name`.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|(known, _)| known == name).map(|(_, column)| column)
    }

    /// Whether the column called `name` is there and has no value in `row`.
    pub fn is_missing(&self, name: &str, row: usize) -> bool {
        match self.column(name) {
            Some(Column::Numbers(values)) => values.get(row).is_some_and(|value| value.is_nan()),
            Some(Column::Texts(texts)) => texts.get(row).is_some_and(|text| text.as_deref().is_none_or(str::is_empty)),
            None => false,
        }
    }

    /// The column called `name`, looked for at `position` first: a frame is mostly in the order of its features.
    pub fn column_near(&self, position: usize, name: &str) -> Option<&Column> {
        match self.columns.get(position) {
            Some((known, column)) if known == name => Some(column),
            _ => self.column(name),
        }
    }

    /// The column names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name.as_str())
    }

    /// The rows `rows`, in that order.
    ///
    /// # Panics
    /// If an index is not below `rows()`, like a slice.
    #[must_use]
    pub fn take(&self, rows: &[usize]) -> Self {
        let columns = self.columns.iter().map(|(name, column)| (name.clone(), column.take(rows))).collect();
        Self { rows: rows.len(), columns }
    }

    /// The rows of all `frames`, one frame after the other, in the columns of the first. `None` if there is no frame, or another one
    /// lacks one of these columns or has it of another kind.
    pub fn stack(frames: &[&Self]) -> Option<Self> {
        let mut stacked = Self::new(frames.iter().map(|frame| frame.rows).sum());
        let mut parts = Vec::with_capacity(frames.len());
        for (position, (name, _)) in frames.first()?.columns.iter().enumerate() {
            parts.clear();
            for frame in frames {
                parts.push(frame.column_near(position, name)?);
            }
            stacked.columns.push((name.clone(), Column::stack(&parts)?));
        }
        Some(stacked)
    }
}

/// A frame as it is read, before its columns are known to fit together.
#[derive(Deserialize)]
struct Unchecked {
    rows: usize,
    columns: Vec<(String, Column)>,
}

impl TryFrom<Unchecked> for Frame {
    type Error = DataError;

    fn try_from(unchecked: Unchecked) -> Result<Self, DataError> {
        // A stored frame may have any number of columns: looking through all of them for each would take too long.
        let mut names = HashSet::with_capacity(unchecked.columns.len());
        if let Some((name, _)) = unchecked.columns.iter().find(|(name, _)| !names.insert(name.as_str())) {
            return Err(DataError::DuplicateColumn { column: name.clone() });
        }
        let mut frame = Self::new(unchecked.rows);
        unchecked.columns.into_iter().try_for_each(|(name, column)| frame.push_new(name, column))?;
        Ok(frame)
    }
}

/// NaN as `null` and back: JSON has no NaN.
mod nullable {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(|&value| (!value.is_nan()).then_some(value)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        let values = Vec::<Option<f64>>::deserialize(deserializer)?;
        Ok(values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(values: &[f64]) -> Column {
        Column::Numbers(values.to_vec())
    }

    #[test]
    fn columns_of_another_length_or_a_known_name_are_refused() {
        let mut frame = Frame::new(2);
        frame.push("age", numbers(&[41.0, 52.0])).unwrap();
        assert!(matches!(
            frame.push("tenure", numbers(&[1.0])),
            Err(DataError::ColumnLength { column, expected: 2, found: 1 }) if column == "tenure"
        ));
        assert!(matches!(
            frame.push("age", numbers(&[1.0, 2.0])),
            Err(DataError::DuplicateColumn { column }) if column == "age"
        ));
        assert_eq!(frame.names().collect::<Vec<_>>(), ["age"]);
    }

    #[test]
    fn taking_rows_keeps_their_order() {
        let mut frame = Frame::new(3);
        frame.push("age", numbers(&[1.0, 2.0, 3.0])).unwrap();
        frame.push("plan", Column::Texts(vec![Some("a".into()), None, Some("c".into())])).unwrap();
        let taken = frame.take(&[2, 0]);
        assert_eq!(taken.rows(), 2);
        assert_eq!(taken.column("age"), Some(&numbers(&[3.0, 1.0])));
        assert_eq!(taken.column("plan"), Some(&Column::Texts(vec![Some("c".into()), Some("a".into())])));
    }

    #[test]
    fn frames_are_stacked_by_the_names_of_their_columns() {
        let frame = |columns: &[(&str, Column)]| {
            let mut frame = Frame::new(columns[0].1.len());
            for (name, column) in columns {
                frame.push(*name, column.clone()).unwrap();
            }
            frame
        };
        let texts = |text: &str| Column::Texts(vec![Some(text.into())]);
        let first = frame(&[("age", numbers(&[1.0])), ("plan", texts("a"))]);
        let turned = frame(&[("plan", texts("b")), ("more", numbers(&[7.0])), ("age", numbers(&[2.0]))]);
        let both = Column::Texts(vec![Some("a".into()), Some("b".into())]);
        assert_eq!(Frame::stack(&[&first, &turned]), Some(frame(&[("age", numbers(&[1.0, 2.0])), ("plan", both)])));
        assert_eq!(Frame::stack(&[&turned, &first]), None, "`more` is missing in the second");
        let other = frame(&[("age", texts("1")), ("plan", texts("a"))]);
        assert_eq!(Frame::stack(&[&first, &other]), None, "ages are numbers");
        assert_eq!(Frame::stack(&[]), None);
    }

    #[test]
    fn golden_rows_survive_json_bit_for_bit() {
        let values = [0.1 + 0.2, -0.0, f64::MIN_POSITIVE, 1.797_693_134_862_315_7e308, f64::NAN];
        let mut frame = Frame::new(5);
        frame.push("x", numbers(&values)).unwrap();
        let text = serde_json::to_string(&frame).unwrap();
        assert!(text.contains("null"), "{text}");
        let Column::Numbers(back) = serde_json::from_str::<Frame>(&text).unwrap().columns.remove(0).1 else {
            panic!("numbers came back as texts");
        };
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back), bits(&values));
    }

    #[test]
    fn a_frame_whose_columns_do_not_fit_is_not_read() {
        let text = r#"{"rows": 2, "columns": [["age", {"numbers": [1.0]}]]}"#;
        let error = serde_json::from_str::<Frame>(text).unwrap_err().to_string();
        assert!(error.contains("age"), "{error}");
    }
}
