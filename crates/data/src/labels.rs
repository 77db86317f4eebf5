//! Reading what a model is to predict.

use serde::{Deserialize, Serialize};

use crate::{DataError, Table, key::Key};

/// Texts that say yes without being told, compared without regard to case.
const POSITIVE: [&str; 4] = ["1", "true", "yes", "y"];

/// Most classes that can be told apart.
const MAX_CLASSES: usize = 1000;

/// The column to predict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Name of the label column.
    pub column: String,
    /// The class whose probability is predicted, as text: `1` for the number 1, `true` for a boolean. Without it, the
    /// one class that reads `1`, `true`, `yes` or `y` in any case.
    pub positive: Option<String>,
}

/// The labels of a binary classification.
#[derive(Debug, Clone, PartialEq)]
pub struct Classes {
    /// One value per row: 1 for the positive class, 0 for the other.
    pub values: Vec<f64>,
    /// The positive class.
    pub positive: String,
}

impl Target {
    /// The label column as two classes.
    ///
    /// # Errors
    /// [`DataError::UnknownColumn`], [`DataError::MissingLabels`], [`DataError::OneClass`],
    /// [`DataError::ManyClasses`], [`DataError::NoPositiveClass`], [`DataError::UnknownPositiveClass`].
    pub fn classes(&self, table: &Table) -> Result<Classes, DataError> {
        self.encode(&self.keys(table)?)
    }

    /// The label column as finite numbers, for regression.
    ///
    /// # Errors
    /// [`DataError::UnknownColumn`], [`DataError::WrongKind`], [`DataError::MissingLabels`], [`DataError::NotFinite`].
    pub fn numbers(&self, table: &Table) -> Result<Vec<f64>, DataError> {
        let values = table.numbers(&self.column)?;
        let values = self.complete(values, |value| (!value.is_nan()).then_some(value))?;
        match values.iter().position(|value| value.is_infinite()) {
            Some(row) => Err(DataError::NotFinite { column: self.column.clone(), row }),
            None => Ok(values),
        }
    }

    /// The label column as positions in `classes`, which are written as [`Target::class_names`] writes them.
    ///
    /// # Errors
    /// [`DataError::UnknownColumn`], [`DataError::MissingLabels`], [`DataError::UnknownClass`].
    pub fn positions(&self, table: &Table, classes: &[String]) -> Result<Vec<f64>, DataError> {
        let position = |(row, key): (usize, &Key<'_>)| {
            let text = key.text();
            let position = classes.iter().position(|class| *class == text);
            position.map(|position| position as f64).ok_or_else(|| DataError::UnknownClass {
                column: self.column.clone(),
                row,
                classes: classes.to_vec(),
            })
        };
        self.keys(table)?.iter().enumerate().map(position).collect()
    }

    /// The distinct values of the label column as class names, numbers in their order and texts in that of the alphabet.
    ///
    /// # Errors
    /// [`DataError::UnknownColumn`], [`DataError::MissingLabels`], [`DataError::TooManyClasses`].
    pub fn class_names(&self, table: &Table) -> Result<Vec<String>, DataError> {
        let mut keys = self.keys(table)?;
        keys.sort_unstable();
        keys.dedup();
        if keys.len() > MAX_CLASSES {
            return Err(DataError::TooManyClasses { column: self.column.clone(), limit: MAX_CLASSES });
        }
        Ok(keys.iter().map(Key::to_string).collect())
    }

    /// The label column as it tells rows apart.
    fn keys<'a>(&self, table: &'a Table) -> Result<Vec<Key<'a>>, DataError> {
        self.complete(table.keys(&self.column)?, |key| key)
    }

    /// All values, or how many are missing.
    fn complete<T, U>(&self, values: Vec<T>, present: impl Fn(T) -> Option<U>) -> Result<Vec<U>, DataError> {
        let rows = values.len();
        let mut first_missing = None;
        let mut complete = Vec::with_capacity(rows);
        for (row, value) in values.into_iter().enumerate() {
            match present(value) {
                Some(value) => complete.push(value),
                None => first_missing = first_missing.or(Some(row)),
            }
        }
        match first_missing {
            None => Ok(complete),
            Some(first_row) => {
                let count = rows - complete.len();
                Err(DataError::MissingLabels { column: self.column.clone(), count, first_row })
            }
        }
    }

    fn encode(&self, values: &[Key<'_>]) -> Result<Classes, DataError> {
        let mut classes: Vec<&Key<'_>> = Vec::new();
        for value in values {
            if !classes.contains(&value) {
                classes.push(value);
            }
            if classes.len() > 2 {
                let classes = classes.into_iter().map(Key::to_string).collect();
                return Err(DataError::ManyClasses { column: self.column.clone(), classes });
            }
        }
        let names: Vec<_> = classes.iter().copied().map(Key::to_string).collect();
        let positive = self.positive_of(&names)?;
        let values = values.iter().map(|value| f64::from(value == classes[positive])).collect();
        Ok(Classes { values, positive: names[positive].clone() })
    }

    /// Which of `classes`, one or two of them, is the positive one.
    fn positive_of(&self, classes: &[String]) -> Result<usize, DataError> {
        let column = || self.column.clone();
        match classes {
            [] => return Err(DataError::NoRows),
            [class] => return Err(DataError::OneClass { column: column(), class: class.clone() }),
            _ => {}
        }
        if let Some(positive) = &self.positive {
            return classes.iter().position(|class| class == positive).ok_or_else(|| DataError::UnknownPositiveClass {
                column: column(),
                positive: positive.clone(),
                classes: classes.to_vec(),
            });
        }
        let says_yes = |class: &String| POSITIVE.iter().any(|word| word.eq_ignore_ascii_case(class));
        let mut candidates = classes.iter().enumerate().filter(|(_, class)| says_yes(class));
        match (candidates.next(), candidates.next()) {
            (Some((positive, _)), None) => Ok(positive),
            _ => Err(DataError::NoPositiveClass { column: column(), classes: classes.to_vec() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(positive: Option<&str>) -> Target {
        Target { column: "churn".to_owned(), positive: positive.map(str::to_owned) }
    }

    /// A table with the labels and, so that an empty label is not a blank line, another column.
    fn table(labels: &[&str]) -> Table {
        let csv = format!("id,churn\n0,{}\n", labels.join("\n0,"));
        Table::from_csv(csv.as_bytes()).unwrap()
    }

    fn classes(labels: &[&str], positive: Option<&str>) -> Result<Classes, DataError> {
        target(positive).classes(&table(labels))
    }

    #[test]
    fn conventional_labels_need_no_positive_class() {
        for (labels, positive) in [
            (["no", "yes"], "yes"),
            (["0", "1"], "1"),
            (["false", "True"], "True"),
            (["N", "Y"], "Y"),
            (["0", "1.0"], "1"),
        ] {
            let classes = classes(&labels, None).unwrap();
            assert_eq!((classes.values.as_slice(), classes.positive.as_str()), (&[0.0, 1.0][..], positive));
        }
    }

    #[test]
    fn a_given_positive_class_wins() {
        let classes = classes(&["stays", "leaves", "stays"], Some("leaves")).unwrap();
        assert_eq!(classes, Classes { values: vec![0.0, 1.0, 0.0], positive: "leaves".to_owned() });
        assert_eq!(self::classes(&["0", "1"], Some("0")).unwrap().values, [1.0, 0.0]);
        // One more than the last integer that a float holds.
        let large = ["9007199254740992", "9007199254740993"];
        assert_eq!(self::classes(&large, Some(large[1])).unwrap().values, [0.0, 1.0]);
        assert_eq!(self::classes(&["-0.0", "1", "0.0"], None).unwrap().values, [0.0, 1.0, 0.0]);
    }

    // F63
    #[test]
    fn labels_that_are_not_two_complete_classes_are_refused() {
        let error = |labels: &[&str], positive| classes(labels, positive).unwrap_err().to_string();
        assert_eq!(
            error(&["no", "", "yes", ""], None),
            "label column `churn` has no value in 2 rows, the first is row 1, drop them"
        );
        assert_eq!(error(&["no", "no"], None), "label column `churn` has only the class `no`, expected two");
        assert_eq!(
            error(&["0", "1", "2"], None),
            "label column `churn` has more than two classes, among them: `0`, `1`, `2`"
        );
        assert_eq!(error(&["a", "b"], None), "label column `churn` has the classes `a`, `b`, name the positive one");
        assert!(matches!(classes(&["yes", "Yes"], None), Err(DataError::NoPositiveClass { .. })));
        assert_eq!(error(&["a", "b"], Some("c")), "label column `churn` has no class `c`, it has: `a`, `b`");
        let elsewhere = Target { column: "churned".to_owned(), positive: None };
        assert_eq!(
            elsewhere.classes(&table(&["no", "yes"])).unwrap_err().to_string(),
            "there is no column `churned`, there are: `id`, `churn`"
        );
    }

    #[test]
    fn labels_of_several_classes_are_their_positions() {
        let classes = ["2", "draw", "1"].map(str::to_owned);
        assert_eq!(target(None).positions(&table(&["draw", "1", "2"]), &classes).unwrap(), [1.0, 2.0, 0.0]);
        assert_eq!(target(None).positions(&table(&["1", "2.0"]), &classes).unwrap(), [2.0, 0.0]);
        let unknown = target(None).positions(&table(&["1", "3"]), &classes).unwrap_err();
        assert_eq!(unknown.to_string(), "label column `churn` has none of the classes `2`, `draw`, `1` in row 1");
        assert!(matches!(target(None).positions(&table(&["1", ""]), &classes), Err(DataError::MissingLabels { .. })));
    }

    #[test]
    fn classes_are_named_in_order() {
        let names = |labels: &[&str]| target(None).class_names(&table(labels));
        assert_eq!(names(&["10", "9.5", "10", "-1"]).unwrap(), ["-1", "9.5", "10"]);
        assert_eq!(names(&["b", "a", "B", "a"]).unwrap(), ["B", "a", "b"]);
        assert_eq!(names(&["-0.0", "0", "1"]).unwrap(), ["0", "1"]);
        assert_eq!(names(&["9007199254740993", "9007199254740992"]).unwrap(), ["9007199254740992", "9007199254740993"]);
        assert!(matches!(names(&["b", ""]), Err(DataError::MissingLabels { count: 1, .. })));
        let many: Vec<_> = (0..1001).map(|class| class.to_string()).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert_eq!(names(&many[1..]).unwrap().len(), 1000);
        let error = names(&many).unwrap_err().to_string();
        assert_eq!(error, "label column `churn` has more than 1000 classes, group them or train a regression");
    }

    #[test]
    fn numeric_labels_are_complete_numbers() {
        assert_eq!(target(None).numbers(&table(&["1.5", "2"])).unwrap(), [1.5, 2.0]);
        assert!(matches!(target(None).numbers(&table(&["1.5", ""])), Err(DataError::MissingLabels { count: 1, .. })));
        assert!(matches!(target(None).numbers(&table(&["1.5", "x"])), Err(DataError::WrongKind { .. })));
    }
}
