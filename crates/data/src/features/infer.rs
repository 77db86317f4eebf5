//! A feature set for a table nobody wrote one for.

use super::{Feature, FeatureKind, FeatureSet, MissingRule, Transform, fit::tally};
use crate::{DataError, Table, table::Cells};

impl FeatureSet {
    /// One feature per column of `table` except `label` and `exclude`: numbers are standardized with missing ones as
    /// the mean, texts and booleans become one-hot categories with missing ones unknown. The version is `inferred`.
    ///
    /// A column's type in the table decides, so a code written as a number is a number.
    ///
    /// # Errors
    /// [`DataError::UnknownColumn`] if `label` or one of `exclude` is not there; [`DataError::TooManyCategories`] for a
    /// text column with more than [`MAX_CATEGORIES`](super::MAX_CATEGORIES) distinct values, [`DataError::TextAmongNumbers`] if most
    /// of these are numbers;
    /// [`DataError::NoFeatures`] if no column is left.
    pub fn infer(table: &Table, label: &str, exclude: &[String]) -> Result<Self, DataError> {
        let left_out: Vec<&str> = exclude.iter().map(String::as_str).chain([label]).collect();
        if let Some(name) = left_out.iter().find(|name| table.schema().all(|(known, _)| known != **name)) {
            return Err(table.unknown(name));
        }
        let mut features = Vec::new();
        for ((name, column_type), cells) in table.schema().zip(table.cells()) {
            if left_out.contains(&name) {
                continue;
            }
            if let Cells::Texts(texts) = cells {
                tally(name, texts.iter())?;
            }
            let (kind, missing, transform) = if column_type.is_number() {
                (FeatureKind::Number, MissingRule::Mean, Transform::Standardize)
            } else {
                (FeatureKind::Category, MissingRule::Unknown, Transform::OneHot)
            };
            features.push(Feature { name: name.to_owned(), source: name.to_owned(), kind, missing, transform });
        }
        let set = Self { version: "inferred".to_owned(), features, history: None };
        set.check()?;
        Ok(set)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn column_types_decide_the_features() {
        let table = Table::from_csv(b"id,age,plan,churn\n1,41,a,yes\n2,,b,no\n").unwrap();
        let set = FeatureSet::infer(&table, "churn", &["id".to_owned()]).unwrap();
        let kinds: Vec<_> = set.features.iter().map(|feature| (feature.source.as_str(), feature.kind)).collect();
        assert_eq!(kinds, [("age", FeatureKind::Number), ("plan", FeatureKind::Category)]);
        let exclude = ["id", "age", "plan"].map(str::to_owned);
        assert!(matches!(FeatureSet::infer(&table, "churn", &exclude), Err(DataError::NoFeatures)));
        assert!(matches!(
            FeatureSet::infer(&table, "churn", &["name".to_owned()]),
            Err(DataError::UnknownColumn { column, .. }) if column == "name"
        ));
    }

    #[test]
    fn a_text_that_tells_every_row_apart_is_refused_by_name() {
        let mut csv = "phone,churn\n".to_owned();
        for row in 0..201 {
            let _ = writeln!(csv, "no {row},{}", row % 2);
        }
        let table = Table::from_csv(csv.as_bytes()).unwrap();
        let error = FeatureSet::infer(&table, "churn", &[]).unwrap_err().to_string();
        assert_eq!(error, "column `phone` has more than 200 distinct texts, exclude it or group its values");
        // The text comes after so many numbers that they are too many texts already.
        let ages: String =
            (0..300).map(|row| if row == 250 { "NA,0\n".to_owned() } else { format!("{row}.5,1\n") }).collect();
        let table = Table::from_csv(format!("age,churn\n{ages}").as_bytes()).unwrap();
        let error = FeatureSet::infer(&table, "churn", &[]).unwrap_err().to_string();
        assert_eq!(
            error,
            "column `age` has numbers and the text `NA` among them, leave such fields empty or exclude it"
        );
    }
}
