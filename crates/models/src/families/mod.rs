//! Model families: how a model is fitted. A new family is one file here, its `mod` line and its entry in
//! [`families`].

mod cholesky;
mod data;
mod gradient_boosting;
mod hyperparameters;
mod logistic_regression;

pub use data::TrainingData;
pub use hyperparameters::{HyperparameterDescription, HyperparameterError, HyperparameterKind, Hyperparameters, Value};

use crate::{LabelError, Model, Task};

/// A way to fit a model.
pub trait Family: Send + Sync {
    /// The stable name, as in requests and manifests.
    fn name(&self) -> &'static str {
        self.describe().name
    }

    /// What it is and which hyperparameters it takes.
    fn describe(&self) -> FamilyDescription;

    /// Fits a model. The same data, hyperparameters and seed give the same model to the last bit, with any number of
    /// threads.
    ///
    /// # Errors
    /// [`FitError`]: data the family cannot use, no convergence, or cancellation.
    fn fit(
        &self,
        data: &TrainingData<'_>,
        params: &Hyperparameters,
        context: &FitContext<'_>,
    ) -> Result<Model, FitError>;
}

/// What a family is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FamilyDescription {
    /// The stable name.
    pub name: &'static str,
    /// The name for people.
    pub title: &'static str,
    /// What its models predict.
    pub task: Task,
    /// What can be set.
    pub hyperparameters: &'static [HyperparameterDescription],
}

/// What a fit needs besides data and hyperparameters.
#[derive(Clone, Copy)]
pub struct FitContext<'a> {
    /// Makes every random choice of the fit.
    pub seed: u64,
    /// How many threads to use; 0 counts as 1. Never changes the result.
    pub threads: usize,
    /// Who is told, and who may stop the fit.
    pub progress: &'a dyn Progress,
}

/// Follows a fit from outside.
pub trait Progress: Sync {
    /// `step` of at most `total` is done; `metrics` are measured on the training rows.
    fn step(&self, step: u64, total: u64, metrics: &[(&'static str, f64)]);

    /// Whether to stop; asked before every step.
    fn cancelled(&self) -> bool;
}

/// No family has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FamilyError {
    /// No family has this name.
    #[error("unknown family `{name}`, known are {}", known.join(", "))]
    Unknown {
        /// The name asked for, cut to 64 characters.
        name: String,
        /// All names.
        known: Vec<&'static str>,
    },
}

/// Why a fit gave no model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FitError {
    /// Someone asked to stop.
    #[error("the fit was cancelled")]
    Cancelled,
    /// Features, labels and names do not fit together.
    #[error("{rows} rows need as many labels, found {labels}; {cols} columns need as many names, found {names}")]
    Shape {
        /// Rows of the features.
        rows: usize,
        /// Labels.
        labels: usize,
        /// Columns of the features.
        cols: usize,
        /// Column names.
        names: usize,
    },
    /// There is nothing to learn from.
    #[error("there are {rows} rows and {cols} feature columns, give at least one of each")]
    Empty {
        /// Rows of the features.
        rows: usize,
        /// Columns of the features.
        cols: usize,
    },
    /// The labels are not two classes.
    #[error(transparent)]
    Labels(#[from] LabelError),
    /// The family needs every value.
    #[error("feature `{column}` is missing in row {row}, give it a rule for missing values")]
    Missing {
        /// The feature.
        column: String,
        /// Row, from 0.
        row: usize,
    },
    /// A value is infinite or as good as.
    #[error("feature `{column}` is infinite in row {row}, clip it")]
    Infinite {
        /// The feature.
        column: String,
        /// Row, from 0.
        row: usize,
    },
    /// The iterations ran out.
    #[error(
        "no convergence in {iterations} iterations, raise `max_iterations` or `tolerance`, or standardize the features"
    )]
    NotConverged {
        /// How many were made.
        iterations: usize,
    },
    /// The curvature cannot be inverted in double precision.
    #[error("the features are too collinear or too differently scaled, standardize them or lower `c`")]
    Singular,
    /// A hyperparameter is absent or of the wrong kind.
    #[error(transparent)]
    Hyperparameter(#[from] HyperparameterError),
    /// The operating system gave no threads.
    #[error("could not start {threads} threads: {problem}")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// The system's answer.
        problem: String,
    },
    /// The tree library refused.
    #[error("could not grow trees: {0}")]
    Trees(String),
}

/// Every family.
pub fn families() -> &'static [&'static dyn Family] {
    &[&logistic_regression::LogisticRegression, &gradient_boosting::GradientBoosting]
}

/// The family called `name`.
///
/// # Errors
/// [`FamilyError::Unknown`] with the names that are known.
pub fn family(name: &str) -> Result<&'static dyn Family, FamilyError> {
    families().iter().copied().find(|family| family.name() == name).ok_or_else(|| FamilyError::Unknown {
        name: name.chars().take(64).collect(),
        known: families().iter().map(|family| family.name()).collect(),
    })
}

impl FitContext<'_> {
    /// Runs `work` on a pool of exactly the given number of threads.
    fn on_threads<T: Send>(&self, work: impl FnOnce() -> Result<T, FitError> + Send) -> Result<T, FitError> {
        let threads = self.threads.max(1);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .map_err(|error| FitError::Threads { threads, problem: error.to_string() })?;
        pool.install(work)
    }

    fn check_cancelled(&self) -> Result<(), FitError> {
        if self.progress.cancelled() { Err(FitError::Cancelled) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_family_is_refused_with_the_known_ones() {
        let error = family("forest").err().unwrap().to_string();
        assert_eq!(error, "unknown family `forest`, known are logistic_regression, gradient_boosting");
    }

    #[test]
    fn every_default_lies_in_its_own_range() {
        for family in families() {
            let description = family.describe();
            let defaults = description.hyperparameters.iter().map(|h| (h.name.to_owned(), h.kind.default_value()));
            assert!(Hyperparameters::resolve(&description, defaults.collect()).is_ok(), "{}", family.name());
        }
    }
}
