//! The columns that a job names.

use lineal_kernel::{FieldError, FieldErrors};

use super::{SpecDraft, classes, method, spec::MAX_WORD};

const MAX_COLUMNS: usize = 10_000;
/// Of all names that are left out: a listing shows many jobs.
const MAX_BYTES: usize = 512 << 10;

/// Checks all columns and classes at once.
pub(super) fn check_columns(draft: &SpecDraft, errors: &mut FieldErrors) {
    if method::is_member(&draft.family) {
        method::check_member(draft, errors);
    } else if draft.label_column.is_empty() || draft.label_column.len() > MAX_WORD {
        let problem = format!("name the column to predict, in at most {MAX_WORD} bytes");
        errors.0.push(FieldError::new("label_column", problem));
    }
    classes::check(draft, errors);
    if draft.weight_column.len() > MAX_WORD {
        errors.0.push(FieldError::new("weight_column", format!("a column has a name of at most {MAX_WORD} bytes")));
    } else if !draft.weight_column.is_empty() && draft.weight_column == draft.label_column {
        errors.0.push(FieldError::new("weight_column", "the column to predict says nothing of a row's weight"));
    }
    if draft.exclude_columns.len() > MAX_COLUMNS {
        errors.0.push(FieldError::new("exclude_columns", format!("at most {MAX_COLUMNS} columns")));
        return;
    }
    if draft.exclude_columns.iter().map(String::len).sum::<usize>() > MAX_BYTES {
        let problem = format!("at most {MAX_BYTES} bytes of names; leave the columns out of the file instead");
        errors.0.push(FieldError::new("exclude_columns", problem));
        return;
    }
    for (i, column) in draft.exclude_columns.iter().enumerate() {
        let path = || format!("exclude_columns[{i}]");
        if column.is_empty() || column.len() > MAX_WORD {
            errors.0.push(FieldError::new(path(), format!("a column has a name of at most {MAX_WORD} bytes")));
        } else if *column == draft.label_column {
            errors.0.push(FieldError::new(path(), "the column to predict is never a feature, leave it out here"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_columns_are_bounded_one_by_one_and_together() {
        // F85
        let problems = |exclude_columns: Vec<String>| {
            let mut errors = FieldErrors::default();
            let draft = SpecDraft { label_column: "churn".to_owned(), exclude_columns, ..SpecDraft::default() };
            check_columns(&draft, &mut errors);
            errors.0.into_iter().map(|error| error.path).collect::<Vec<_>>()
        };
        let names = |count: usize, bytes: usize| (0..count).map(|i| format!("{i:0bytes$}")).collect::<Vec<_>>();
        assert_eq!(problems(names(2048, 256)), Vec::<String>::new());
        assert_eq!(problems(names(2049, 256)), ["exclude_columns"]);
        assert_eq!(problems(names(10_001, 5)), ["exclude_columns"]);
        assert_eq!(problems(vec!["churn".to_owned(), "c".repeat(257)]), ["exclude_columns[0]", "exclude_columns[1]"]);
    }
}
