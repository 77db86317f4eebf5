//! Binary labels: 0 is the negative class, 1 the positive one.

/// Why labels cannot be learned from or measured against.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LabelError {
    /// A label is neither 0 nor 1.
    #[error("label {value} in row {row} is neither 0 nor 1")]
    NoClass {
        /// Row, from 0.
        row: usize,
        /// The label.
        value: f64,
    },
    /// All labels are alike.
    #[error("all labels are {class}, use rows of both classes")]
    OneClass {
        /// The only class there is, 0 or 1.
        class: u8,
    },
}

/// That labels are 0 and 1 and both occur.
pub(crate) fn check_two_classes(labels: &[f64]) -> Result<(), LabelError> {
    let mut counts = [0_usize; 2];
    for (row, &value) in labels.iter().enumerate() {
        match value {
            0.0 => counts[0] += 1,
            1.0 => counts[1] += 1,
            _ => return Err(LabelError::NoClass { row, value }),
        }
    }
    match counts {
        [_, 0] => Err(LabelError::OneClass { class: 0 }),
        [0, _] => Err(LabelError::OneClass { class: 1 }),
        _ => Ok(()),
    }
}

/// Whether a checked label is the positive class.
pub(crate) fn is_positive(label: f64) -> bool {
    label > 0.5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_two_classes() {
        assert_eq!(check_two_classes(&[1.0, 1.0]), Err(LabelError::OneClass { class: 1 }));
        assert_eq!(check_two_classes(&[0.0]), Err(LabelError::OneClass { class: 0 }));
        assert_eq!(check_two_classes(&[1.0, 0.5]), Err(LabelError::NoClass { row: 1, value: 0.5 }));
        assert!(matches!(check_two_classes(&[f64::NAN]), Err(LabelError::NoClass { row: 0, .. })));
        assert_eq!(check_two_classes(&[1.0, 0.0]), Ok(()));
    }
}
