//! From the named columns of a request to the frame that a signature asks for.

use std::collections::HashSet;

use lineal_data::{Column, Frame};
use lineal_kernel::{FieldError, FieldErrors};
use lineal_models::{Datatype, Signature, SignatureColumn};

/// Most rows of one request.
pub(super) const MAX_ROWS: usize = 65_536;
/// Most columns of one request, those that no signature asks for included.
const MAX_COLUMNS: usize = 4096;

/// Most problems that are told of one request, and most bytes of the names of missing columns: a status that does not fit
/// into HTTP/2 headers, 8 KiB for some clients, never arrives.
const MAX_PROBLEMS: usize = 16;
const MAX_MISSING: usize = 1500;

/// Gathers the columns of one request, and everything that is wrong with them.
pub(super) struct Columns<'a> {
    /// The request's field that holds the columns.
    field: &'static str,
    /// The column's field that tells how many rows it has.
    rows_field: &'static str,
    signature: &'a Signature,
    /// Per column of the signature whether it was given.
    given: Vec<bool>,
    /// Names that the signature does not ask for.
    others: HashSet<String>,
    /// Position in the request, name, values.
    found: Vec<(usize, String, Column)>,
    errors: FieldErrors,
}

impl<'a> Columns<'a> {
    /// For a request with `count` columns in its `field`.
    pub(super) fn new(
        field: &'static str,
        rows_field: &'static str,
        signature: &'a Signature,
        count: usize,
    ) -> Result<Self, FieldError> {
        if count > MAX_COLUMNS {
            return Err(FieldError::new(field, format!("expected at most {MAX_COLUMNS} columns, found {count}")));
        }
        Ok(Self {
            field,
            rows_field,
            signature,
            given: vec![false; signature.inputs.len()],
            others: HashSet::new(),
            found: Vec::with_capacity(count.min(signature.inputs.len())),
            errors: FieldErrors::default(),
        })
    }

    /// Takes the column called `name` if the signature asks for it, as the datatype that it asks for.
    pub(super) fn add(
        &mut self,
        position: usize,
        name: String,
        read: impl FnOnce(Datatype) -> Result<Column, FieldError>,
    ) {
        let Some(wanted) = self.wanted(position, &name) else {
            if let Some(twice) = self.others.replace(name) {
                self.refuse_twice(position, &twice);
            }
            return;
        };
        if std::mem::replace(&mut self.given[wanted], true) {
            self.refuse_twice(position, &name);
        } else if let Some(column) = self.errors.check(read(self.signature.inputs[wanted].datatype)) {
            self.found.push((position, name, column));
        }
    }

    fn refuse_twice(&mut self, position: usize, name: &str) {
        let path = format!("{}[{position}].name", self.field);
        let name: String = name.chars().take(64).collect();
        self.errors.0.push(FieldError::new(path, format!("column `{name}` is given twice")));
    }

    /// Every column of the signature, all of one length.
    pub(super) fn frame(mut self) -> Result<Frame, FieldErrors> {
        self.check_missing();
        let rows = self.found.first().map_or(0, |(_, _, column)| column.len());
        if self.errors.0.is_empty() && !(1..=MAX_ROWS).contains(&rows) {
            let problem = format!("expected 1 to {MAX_ROWS} rows, found {rows}");
            self.errors.0.push(FieldError::new(self.field, problem));
        }
        let mut frame = Frame::new(rows);
        for (position, name, column) in self.found {
            let path = || format!("{}[{position}].{}", self.field, self.rows_field);
            let pushed = frame.push_new(name, column).map_err(|error| FieldError::new(path(), error.to_string()));
            self.errors.check(pushed);
        }
        let untold = self.errors.0.len().saturating_sub(MAX_PROBLEMS);
        if untold > 0 {
            self.errors.0.truncate(MAX_PROBLEMS);
            self.errors.0.push(FieldError::new(self.field, format!("{untold} more problems of this kind")));
        }
        self.errors.into_result(|| Some(frame))
    }

    /// Names all missing columns in one problem.
    fn check_missing(&mut self) {
        let missing = self.signature.inputs.iter().zip(&self.given).filter(|(_, given)| !**given);
        let (mut names, mut untold) = (String::new(), 0);
        for (SignatureColumn { name, .. }, _) in missing {
            if names.len() + name.len() > MAX_MISSING {
                untold += 1;
            } else {
                names = if names.is_empty() { format!("`{name}`") } else { format!("{names}, `{name}`") };
            }
        }
        if untold > 0 {
            names = format!("{names} and {untold} more");
        }
        if !names.is_empty() {
            self.errors.0.insert(0, FieldError::new(self.field, format!("missing columns: {names}")));
        }
    }

    /// Where the signature asks for `name`, looked for at `position` first: clients mostly keep its order.
    fn wanted(&self, position: usize, name: &str) -> Option<usize> {
        let inputs = &self.signature.inputs;
        let near = inputs.get(position).filter(|column| column.name == name).map(|_| position);
        near.or_else(|| inputs.iter().position(|column| column.name == name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide() -> Signature {
        let column = |i| SignatureColumn { name: format!("column_{i:04}"), datatype: Datatype::Fp64 };
        Signature { inputs: (0..1000).map(column).collect(), outputs: Vec::new() }
    }

    #[test]
    fn a_wide_request_of_problems_still_fits_into_a_status() {
        let signature = wide();
        let errors = Columns::new("columns", "values", &signature, 0).unwrap().frame().unwrap_err();
        let text = errors.to_string();
        assert!(text.starts_with("columns: missing columns: `column_0000`, `column_0001`, "), "{text}");
        assert!(text.ends_with("more") && text.len() < 2000, "{text}");

        let mut columns = Columns::new("columns", "values", &signature, 1000).unwrap();
        for (i, SignatureColumn { name, .. }) in signature.inputs.iter().enumerate() {
            columns.add(i, name.clone(), |_| Err(FieldError::new(format!("columns[{i}]"), "expected `numbers`")));
        }
        let errors = columns.frame().unwrap_err().0;
        assert_eq!(errors.len(), MAX_PROBLEMS + 1);
        assert_eq!(errors[MAX_PROBLEMS].to_string(), "columns: 984 more problems of this kind");
    }

    #[test]
    fn a_name_is_given_once_whether_the_signature_asks_for_it_or_not() {
        let signature = wide();
        let mut columns = Columns::new("columns", "values", &signature, 4).unwrap();
        for (i, name) in ["extra", "column_0007", "column_0007", "extra"].into_iter().enumerate() {
            columns.add(i, name.to_owned(), |_| Ok(Column::Numbers(vec![1.0])));
        }
        let said: Vec<_> = columns.frame().unwrap_err().0[1..].iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            ["columns[2].name: column `column_0007` is given twice", "columns[3].name: column `extra` is given twice",]
        );
    }

    #[test]
    fn a_request_of_endless_columns_is_refused_unread() {
        let refused = Columns::new("inputs", "shape", &wide(), 4097).err().unwrap();
        assert_eq!(refused.to_string(), "inputs: expected at most 4096 columns, found 4097");
    }
}
