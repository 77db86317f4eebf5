//! Why there is no model.

use lineal_native::NativeError;

use super::HyperparameterError;
use crate::{ForeignError, LabelError};

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
    /// The family predicts something else.
    #[error("{family} is not for {task}, it is for {}", takes.join(", "))]
    Task {
        /// The family.
        family: &'static str,
        /// The task asked for.
        task: &'static str,
        /// Its tasks.
        takes: Vec<&'static str>,
    },
    /// Fewer rows than the family needs.
    #[error("there are {rows} rows, the fit needs at least {needed}; use more rows, fewer features or `ridge`")]
    FewRows {
        /// Rows of the features.
        rows: usize,
        /// Least number of rows.
        needed: usize,
    },
    /// The weights of the rows cannot be used.
    #[error(
        "{rows} rows need as many weights, finite, not negative and not all 0; found {found}{}",
        row.map(|row| format!(", a bad one in row {row}")).unwrap_or_default()
    )]
    Weights {
        /// Rows of the features.
        rows: usize,
        /// Weights.
        found: usize,
        /// The first bad weight, from 0.
        row: Option<usize>,
    },
    /// No row of a class counts.
    #[error("all rows of class {class} have the weight 0, give one of them another or leave the class out")]
    WeightlessClass {
        /// The class.
        class: usize,
    },
    /// All counts are 0 where there is weight.
    #[error("the counts of all rows with a weight are 0, use rows with something counted")]
    NoCounts,
    /// Stopping early needs rows to measure on.
    #[error("there are no validation rows to stop early by, set some apart or set `early_stopping_rounds` to 0")]
    NoValidation,
    /// The labels cannot be learned from.
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
    /// A column the family needs holds nothing.
    #[error("feature `{column}` is missing in every row, leave it out")]
    EmptyColumn {
        /// The feature.
        column: String,
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
    /// The features tell the classes apart without an error.
    #[error(
        "the features separate the classes perfectly, so the weights grow without end; lower `c`, or look for a feature \
         that gives the label away"
    )]
    Separable,
    /// A matrix of all pairs of coefficients would be too large.
    #[error("{coefficients} coefficients, at most {limit} can be fitted; use fewer features or `gradient_boosting`")]
    ManyCoefficients {
        /// Features, times classes if there are several.
        coefficients: usize,
        /// The most there may be.
        limit: usize,
    },
    /// The curvature cannot be inverted in double precision.
    #[error("the features are too collinear or too differently scaled, standardize them or raise the penalty")]
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
    /// The family's own library is not there, or refused.
    #[error(transparent)]
    Native(#[from] NativeError),
    /// What the family's own library wrote cannot be read.
    #[error("the library wrote what cannot be read, use a version between the least and the newest one known: {0}")]
    Foreign(#[from] ForeignError),
    /// What the family's own library wrote scores otherwise than the library.
    #[error("the model scores row {row} otherwise than the library that fitted it, use another version of the library")]
    Differs {
        /// The first such training row, from 0.
        row: usize,
    },
    /// Boosting went so far that the loss is no number any more.
    #[error("the loss grew beyond all numbers, lower `learning_rate` or scale the target")]
    Diverged,
}
