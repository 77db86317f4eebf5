//! How much each row counts in a fit.

use super::{
    FitError, HyperparameterDescription as Description, HyperparameterKind as Kind, Hyperparameters, TrainingData,
};

/// The hyperparameter of every classifier that [`with_classes`] reads.
pub(super) const CLASS_WEIGHT: Description = Description {
    name: "class_weight",
    kind: Kind::Choice { choices: &["none", "balanced"], default: "none" },
    doc: "balanced: rows of each class count as much in sum as those of any other",
};

/// One weight per row, as given or 1.
pub(super) fn of(data: &TrainingData<'_>) -> Vec<f64> {
    data.weights.map_or_else(|| vec![1.0; data.labels.len()], <[f64]>::to_vec)
}

/// One weight per row; balanced, each class has the same sum, and all together the sum they had: the factor of a class
/// is `sum of weights / (classes * sum of its weights)`, as in scikit-learn.
///
/// # Errors
/// [`FitError::WeightlessClass`] if all rows of a class have the weight 0.
pub(super) fn with_classes(
    data: &TrainingData<'_>,
    classes: usize,
    params: &Hyperparameters,
) -> Result<Vec<f64>, FitError> {
    let mut weights = of(data);
    let mut sums = vec![0.0; classes];
    for (&label, weight) in data.labels.iter().zip(&weights) {
        sums[label as usize] += weight;
    }
    if let Some(class) = sums.iter().position(|sum| *sum == 0.0) {
        return Err(FitError::WeightlessClass { class });
    }
    if params.choice("class_weight")? == "balanced" {
        let total: f64 = sums.iter().sum();
        for (&label, weight) in data.labels.iter().zip(&mut weights) {
            *weight *= total / (classes as f64 * sums[label as usize]);
        }
    }
    Ok(weights)
}
