//! The free texts of a specification.

use lineal_kernel::{FieldError, FieldErrors};

use super::{SpecDraft, spec::MAX_WORD};

const MAX_TEXT: usize = 4096;

/// Checks all texts at once, also those of columns and classes, for characters that could not be stored.
pub(super) fn check_words(draft: &SpecDraft, errors: &mut FieldErrors) {
    let texts = [
        ("positive_class", &draft.positive_class, MAX_WORD),
        ("experiment", &draft.experiment, MAX_WORD),
        ("description", &draft.description, MAX_TEXT),
    ];
    for (path, text, limit) in texts {
        if text.len() > limit {
            errors.0.push(FieldError::new(path, format!("at most {limit} bytes")));
        }
    }
    if draft.experiment.contains(char::is_control) {
        errors.0.push(FieldError::new("experiment", "no control characters"));
    }
    check_letters(draft, errors);
    if draft.git_sha.len() > 64 || !draft.git_sha.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        errors.0.push(FieldError::new("git_sha", "at most 64 hexadecimal digits"));
    }
    if draft.max_runtime.is_some_and(|time| time.is_zero()) {
        errors.0.push(FieldError::new("max_runtime", "must be more than zero; leave it out for no limit"));
    }
}

/// No database takes a NUL.
fn check_letters(draft: &SpecDraft, errors: &mut FieldErrors) {
    let texts = [
        ("label_column", &draft.label_column),
        ("positive_class", &draft.positive_class),
        ("weight_column", &draft.weight_column),
        ("description", &draft.description),
    ];
    let lists = [("exclude_columns", &draft.exclude_columns), ("classes", &draft.classes)];
    let listed = lists.into_iter().flat_map(|(path, list)| {
        let texts = list.iter().enumerate();
        texts.filter(|(_, text)| text.contains('\0')).map(move |(i, _)| format!("{path}[{i}]"))
    });
    let texts = texts.into_iter().filter(|(_, text)| text.contains('\0')).map(|(path, _)| path.to_owned());
    errors.0.extend(texts.chain(listed).map(|path| FieldError::new(path, "holds a NUL character")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_stored_is_refused_at_once() {
        // F85
        let odd = || "a\0b".to_owned();
        let draft = SpecDraft {
            label_column: odd(),
            positive_class: odd(),
            weight_column: odd(),
            experiment: "a\tb".to_owned(),
            description: "two\nlines".to_owned(),
            exclude_columns: vec!["fine".to_owned(), odd()],
            classes: vec![odd()],
            ..SpecDraft::default()
        };
        let mut errors = FieldErrors::default();
        check_words(&draft, &mut errors);
        let paths: Vec<_> = errors.0.iter().map(|error| error.path.as_str()).collect();
        let expected =
            ["experiment", "label_column", "positive_class", "weight_column", "exclude_columns[1]", "classes[0]"];
        assert_eq!(paths, expected);
    }
}
