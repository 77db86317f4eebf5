//! Labels as numbers: a class is a whole number from 0 on, of two classes 1 is the positive one; a target is itself.

use crate::Task;

/// Most classes that can be told apart.
const MAX_CLASSES: usize = 1000;

/// The largest target: the squares of a hundred million of them have a sum.
const LARGEST: f64 = 1e150;

/// Why labels cannot be learned from or measured against.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LabelError {
    /// A label is not the number of a class.
    #[error("label {value} in row {row} is not a class, classes are the whole numbers from 0 to {last}")]
    NoClass {
        /// Row, from 0.
        row: usize,
        /// The label.
        value: f64,
        /// The highest class there may be.
        last: usize,
    },
    /// All labels are alike.
    #[error("all labels are {class}, use rows of both classes")]
    OneClass {
        /// The only class there is.
        class: usize,
    },
    /// A class between others has no row.
    #[error("no row has class {class}, use rows of every class or leave the class out")]
    AbsentClass {
        /// The class.
        class: usize,
    },
    /// A target is NaN or infinite.
    #[error("the target in row {row} is not a finite number, drop the row")]
    NotFinite {
        /// Row, from 0.
        row: usize,
    },
    /// A target whose square is no number.
    #[error("target {value:e} in row {row} is too large to square, at most {LARGEST:e}; rescale the targets")]
    TooLarge {
        /// Row, from 0.
        row: usize,
        /// The target.
        value: f64,
    },
    /// All targets are alike.
    #[error("all targets are {value}, there is nothing to learn; choose another column or more rows")]
    Constant {
        /// The only target there is.
        value: f64,
    },
    /// A count is below zero.
    #[error("target {value} in row {row} is negative, which no count is; train a regression")]
    Negative {
        /// Row, from 0.
        row: usize,
        /// The target.
        value: f64,
    },
}

/// That labels can be learned from; returns how many classes there are, 1 for numbers.
///
/// # Errors
/// [`LabelError`] with the row and the value at fault.
pub fn check_labels(task: Task, labels: &[f64]) -> Result<usize, LabelError> {
    match task {
        Task::BinaryClassification => check_classes(labels, 2).map(|()| 2),
        Task::MulticlassClassification => {
            let highest = labels.iter().copied().fold(1.0, f64::max);
            let classes = (highest as usize).saturating_add(1).min(MAX_CLASSES);
            check_classes(labels, classes).map(|()| classes)
        }
        Task::Regression | Task::Count => {
            check_finite(labels)?;
            if task == Task::Count {
                check_counts(labels)?;
            }
            if let Some(row) = labels.iter().position(|target| target.abs() > LARGEST) {
                return Err(LabelError::TooLarge { row, value: labels[row] });
            }
            match labels.first() {
                Some(&value) if labels.iter().all(|label| label.total_cmp(&value).is_eq()) => {
                    Err(LabelError::Constant { value })
                }
                _ => Ok(1),
            }
        }
    }
}

/// That labels are among the `classes` that were learned, or targets.
pub(crate) fn check_known(task: Task, labels: &[f64], classes: usize) -> Result<(), LabelError> {
    if task.is_number() {
        check_finite(labels)?;
        return if task == Task::Count { check_counts(labels) } else { Ok(()) };
    }
    let known = |value: f64| value.fract() == 0.0 && value >= 0.0 && value < classes as f64;
    match labels.iter().position(|label| !known(*label)) {
        Some(row) => Err(LabelError::NoClass { row, value: labels[row], last: classes - 1 }),
        None => Ok(()),
    }
}

/// That labels are the numbers of `classes` classes and all of them occur.
pub(crate) fn check_classes(labels: &[f64], classes: usize) -> Result<(), LabelError> {
    let mut seen = vec![false; classes];
    for (row, &value) in labels.iter().enumerate() {
        let class = if value.fract() == 0.0 && value >= 0.0 { seen.get_mut(value as usize) } else { None };
        *class.ok_or(LabelError::NoClass { row, value, last: classes - 1 })? = true;
    }
    let mut present = (0..classes).filter(|class| seen[*class]);
    match (present.next(), present.next(), seen.iter().position(|seen| !seen)) {
        (Some(class), None, _) => Err(LabelError::OneClass { class }),
        (_, _, Some(class)) => Err(LabelError::AbsentClass { class }),
        _ => Ok(()),
    }
}

/// That every target is a finite number.
pub(crate) fn check_finite(targets: &[f64]) -> Result<(), LabelError> {
    match targets.iter().position(|target| !target.is_finite()) {
        Some(row) => Err(LabelError::NotFinite { row }),
        None => Ok(()),
    }
}

/// That checked targets can be counts.
pub(crate) fn check_counts(targets: &[f64]) -> Result<(), LabelError> {
    match targets.iter().position(|target| *target < 0.0) {
        Some(row) => Err(LabelError::Negative { row, value: targets[row] }),
        None => Ok(()),
    }
}

/// Whether a checked label is the positive class.
pub(crate) fn is_positive(label: f64) -> bool {
    label > 0.5
}

#[cfg(test)]
mod tests {
    use super::*;
    use Task::{BinaryClassification as Binary, Count, MulticlassClassification as Multiclass, Regression};
    use check_labels as check;

    #[test]
    fn labels_are_two_classes() {
        assert_eq!(check(Binary, &[1.0, 1.0]), Err(LabelError::OneClass { class: 1 }));
        assert_eq!(check(Binary, &[0.0]), Err(LabelError::OneClass { class: 0 }));
        assert_eq!(check(Binary, &[1.0, 0.5]), Err(LabelError::NoClass { row: 1, value: 0.5, last: 1 }));
        assert_eq!(check(Binary, &[1.0, 2.0]), Err(LabelError::NoClass { row: 1, value: 2.0, last: 1 }));
        assert!(matches!(check(Binary, &[f64::NAN]), Err(LabelError::NoClass { row: 0, .. })));
        assert_eq!(check(Binary, &[1.0, 0.0]), Ok(2));
    }

    #[test]
    fn labels_are_every_class_up_to_the_highest() {
        assert_eq!(check(Multiclass, &[2.0, 0.0, 1.0]), Ok(3));
        assert_eq!(check(Multiclass, &[2.0, 0.0]), Err(LabelError::AbsentClass { class: 1 }));
        assert_eq!(check(Multiclass, &[2.0, 2.0]), Err(LabelError::OneClass { class: 2 }));
        assert!(matches!(check(Multiclass, &[0.0, -1.0]), Err(LabelError::NoClass { row: 1, .. })));
        assert_eq!(check(Multiclass, &[0.0, 1e300]), Err(LabelError::NoClass { row: 1, value: 1e300, last: 999 }));
    }

    #[test]
    fn targets_are_finite_and_not_all_alike() {
        assert_eq!(check(Regression, &[2.0, -3.5]), Ok(1));
        assert_eq!(check(Regression, &[2.0, 2.0]), Err(LabelError::Constant { value: 2.0 }));
        assert_eq!(check(Regression, &[2.0, f64::INFINITY]), Err(LabelError::NotFinite { row: 1 }));
        assert_eq!(check(Regression, &[1e150, -1e151]), Err(LabelError::TooLarge { row: 1, value: -1e151 }));
        assert_eq!(check(Count, &[0.0, -3.5]), Err(LabelError::Negative { row: 1, value: -3.5 }));
        assert_eq!(check(Count, &[0.0, 2.5]), Ok(1));
        assert_eq!(check_known(Count, &[0.0, -1.0], 1), Err(LabelError::Negative { row: 1, value: -1.0 }));
    }
}
