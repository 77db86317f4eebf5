//! The classes that a label is said to have.

use lineal_kernel::{FieldError, FieldErrors};
use lineal_models::Task;

use super::{SpecDraft, spec::MAX_WORD};

/// More classes than this are no classes.
const MAX_CLASSES: usize = 1000;

/// That they can be the classes of what is predicted.
pub(super) fn check(draft: &SpecDraft, errors: &mut FieldErrors) {
    let SpecDraft { classes, positive_class: positive, task, .. } = draft;
    let mut refuse = |path: String, problem: &str| errors.0.push(FieldError::new(path, problem));
    if classes.is_empty() {
        return;
    }
    if !(2..=MAX_CLASSES).contains(&classes.len()) {
        return refuse("classes".to_owned(), "a label has 2 to 1000 classes, name all of them or none");
    }
    for (i, class) in classes.iter().enumerate() {
        if class.is_empty() || class.len() > MAX_WORD {
            refuse(format!("classes[{i}]"), "a class has a name of at most 256 bytes");
        } else if classes[..i].contains(class) {
            refuse(format!("classes[{i}]"), "is there twice, leave one out");
        }
    }
    if !positive.is_empty() && !classes.contains(positive) {
        refuse("positive_class".to_owned(), "is none of the classes");
    }
    if task.is_some_and(Task::is_number) || *task == Some(Task::BinaryClassification) && classes.len() > 2 {
        refuse("classes".to_owned(), "the task has not so many classes, leave them out");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(classes: &[&str], positive: &str, task: Option<Task>) -> Vec<String> {
        let classes = classes.iter().map(|class| (*class).to_owned()).collect();
        let draft = SpecDraft { classes, positive_class: positive.to_owned(), task, ..SpecDraft::default() };
        let mut errors = FieldErrors::default();
        check(&draft, &mut errors);
        errors.0.into_iter().map(|error| error.path).collect()
    }

    #[test]
    fn classes_are_those_of_what_is_predicted() {
        // F88
        for (classes, positive, task) in [
            (&[][..], "yes", Some(Task::Count)),
            (&["no", "yes"], "yes", None),
            (&["a", "b", "c"], "", Some(Task::MulticlassClassification)),
        ] {
            assert_eq!(problems(classes, positive, task), Vec::<String>::new(), "{classes:?}");
        }
        assert_eq!(problems(&["a"], "", None), ["classes"]);
        assert_eq!(
            problems(&["a", "a", ""], "b", Some(Task::Count)),
            ["classes[1]", "classes[2]", "positive_class", "classes"]
        );
        assert_eq!(problems(&["a", "b", "c"], "", Some(Task::BinaryClassification)), ["classes"]);
    }
}
