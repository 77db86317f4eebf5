//! Model families: how a model is fitted. A new family is one file here, its `mod` line and its entry in
//! [`families`].

mod bins;
mod blocks;
mod boosting;
mod bundles;
pub(crate) mod cholesky;
mod data;
mod elastic_net;
mod error;
mod gradient_boosting;
mod grower;
mod hyperparameters;
mod importances;
mod least_squares;
mod levels;
mod lightgbm;
mod linear_regression;
mod logistic_regression;
mod margins;
mod native;
mod newton;
mod objective;
mod poisson_regression;
mod random;
mod random_forest;
mod ridge;
mod scatter;
mod splits;
mod sums;
mod weights;
mod xgboost;

pub use data::TrainingData;
pub use error::{FamilyError, FitError};
pub use lineal_native::{NativeError, Search as LibrarySearch};

pub use hyperparameters::{HyperparameterDescription, HyperparameterError, HyperparameterKind, Hyperparameters, Value};

use crate::{Model, Task};

/// A way to fit a model.
pub trait Family: Send + Sync {
    /// The stable name, as in requests and manifests.
    fn name(&self) -> &'static str {
        self.describe().name
    }

    /// What it is and which hyperparameters it takes.
    fn describe(&self) -> FamilyDescription;

    /// Whether it can fit here and now: families that need a foreign library look for it.
    ///
    /// # Errors
    /// [`FitError::Native`] with what to install.
    fn check_available(&self) -> Result<(), FitError> {
        Ok(())
    }

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
    /// What its models can predict.
    pub tasks: &'static [Task],
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

    /// Whether metrics of the next step will be looked at. Where they cost a pass over all rows, they are left out if not.
    fn wants_metrics(&self) -> bool {
        true
    }

    /// Whether to stop; asked before every step.
    fn cancelled(&self) -> bool;
}

/// Libraries that only the system's loader may know.
const NOWHERE: LibrarySearch = LibrarySearch { lightgbm: None, xgboost: None, onnxruntime: None, pythons: Vec::new() };
static LIGHTGBM: lightgbm::LightGbm = lightgbm::LightGbm::new(NOWHERE);
static XGBOOST: xgboost::XgBoost = xgboost::XgBoost::new(NOWHERE);

static FAMILIES: [&dyn Family; 9] = [
    &logistic_regression::LogisticRegression,
    &random_forest::RandomForest,
    &gradient_boosting::GradientBoosting,
    &linear_regression::LinearRegression,
    &ridge::Ridge,
    &elastic_net::ElasticNet,
    &poisson_regression::PoissonRegression,
    &LIGHTGBM,
    &XGBOOST,
];

/// Every family. Foreign libraries are left to the system's loader.
pub fn families() -> &'static [&'static dyn Family] {
    &FAMILIES
}

/// Every family, with foreign libraries looked for where `search` says. They stay until the process ends: to be called
/// once.
pub fn families_in(search: &LibrarySearch) -> &'static [&'static dyn Family] {
    let kept = |family: &&'static dyn Family| -> &'static dyn Family {
        match family.name() {
            "lightgbm" => Box::leak(Box::new(lightgbm::LightGbm::new(search.clone()))),
            "xgboost" => Box::leak(Box::new(xgboost::XgBoost::new(search.clone()))),
            _ => *family,
        }
    };
    Box::leak(families().iter().map(kept).collect())
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
pub(crate) mod tests {
    use super::*;

    /// Nobody listens.
    pub(crate) struct Quiet;

    impl Progress for Quiet {
        fn step(&self, _: u64, _: u64, _: &[(&'static str, f64)]) {}

        fn cancelled(&self) -> bool {
            false
        }
    }

    #[test]
    fn an_unknown_family_is_refused_with_the_known_ones() {
        let error = family("forest").err().unwrap().to_string();
        assert!(
            error.starts_with("unknown family `forest`, known are logistic_regression, random_forest, "),
            "{error}"
        );
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
