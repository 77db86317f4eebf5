//! Families that behave as no family should.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use lineal_data::Matrix;
use lineal_models::{
    Family, FamilyDescription, FitContext, FitError, Hyperparameters, Linear, Link, Model, Task, TrainingData,
};

const fn description(name: &'static str) -> FamilyDescription {
    FamilyDescription { name, title: name, tasks: &[Task::BinaryClassification], hyperparameters: &[] }
}

/// Panics in every fit.
pub(super) struct Panicking;

impl Family for Panicking {
    fn describe(&self) -> FamilyDescription {
        description("panicking")
    }

    fn fit(&self, _: &TrainingData<'_>, _: &Hyperparameters, _: &FitContext<'_>) -> Result<Model, FitError> {
        let matrix = Matrix::zeros(1, 1);
        panic!("row {} is beyond the matrix", matrix.rows());
    }
}

/// Fits until someone stops it.
pub(super) struct Endless;

impl Family for Endless {
    fn describe(&self) -> FamilyDescription {
        description("endless")
    }

    fn fit(&self, _: &TrainingData<'_>, _: &Hyperparameters, context: &FitContext<'_>) -> Result<Model, FitError> {
        context.progress.step(1, 4, &[("log_loss", 0.5)]);
        while !context.progress.cancelled() {
            std::thread::yield_now();
        }
        Err(FitError::Cancelled)
    }
}

/// Tells of a hundred thousand steps and predicts one half, always.
pub(super) struct Chatty;

impl Family for Chatty {
    fn describe(&self) -> FamilyDescription {
        description("chatty")
    }

    fn fit(&self, _: &TrainingData<'_>, _: &Hyperparameters, context: &FitContext<'_>) -> Result<Model, FitError> {
        for step in 1..=100_000 {
            context.progress.step(step, 100_000, &[("log_loss", 0.5)]);
        }
        // The tests' rows have two features.
        Ok(Model::Linear(Linear { weights: vec![0.0; 2], intercept: 0.0, link: Link::Logit, importances: vec![] }))
    }
}

/// Says when the deaf fit may end.
pub(super) static HEARING: AtomicBool = AtomicBool::new(false);

/// Does not listen to anybody who wants it to stop.
pub(super) struct Deaf;

impl Family for Deaf {
    fn describe(&self) -> FamilyDescription {
        description("deaf")
    }

    fn fit(&self, _: &TrainingData<'_>, _: &Hyperparameters, _: &FitContext<'_>) -> Result<Model, FitError> {
        while !HEARING.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        Err(FitError::Cancelled)
    }
}

static FITTING: AtomicUsize = AtomicUsize::new(0);
/// The most counting fits that ever ran at the same time.
pub(super) static MOST: AtomicUsize = AtomicUsize::new(0);

/// Counts how many of it run at the same time.
pub(super) struct Counting;

impl Family for Counting {
    fn describe(&self) -> FamilyDescription {
        description("counting")
    }

    fn fit(&self, _: &TrainingData<'_>, _: &Hyperparameters, _: &FitContext<'_>) -> Result<Model, FitError> {
        MOST.fetch_max(FITTING.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        // Long enough for others to begin.
        std::thread::park_timeout(Duration::from_millis(50));
        FITTING.fetch_sub(1, Ordering::SeqCst);
        Ok(Model::Linear(Linear { weights: vec![0.0; 2], intercept: 0.0, link: Link::Logit, importances: vec![] }))
    }
}
