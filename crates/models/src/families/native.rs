//! What the families of LightGBM and XGBoost share: their own libraries fit, Lineal reads what they write.

use std::sync::OnceLock;

use lineal_native::{Fit, Fitted, Flow, Follow, NativeError, Round, Rows, Search};

use super::{
    FitContext, FitError, HyperparameterDescription as Description, HyperparameterKind as Kind, Hyperparameters,
    TrainingData, objective::Objective, weights,
};
use crate::{ForeignModel, Model, Task};

/// How many training rows the library and Lineal both score before a model is taken.
const SCORED: usize = 1000;

/// What a fit of numbers minimises.
pub(super) const REGRESSION_OBJECTIVE: Description = Description {
    name: "regression_objective",
    kind: Kind::Choice { choices: &["squared_error", "poisson"], default: "squared_error" },
    doc: "what is minimised in a regression; poisson is for counts and learns their logarithm",
};

/// A library, loaded once it is needed. What is not there now may be there at the next try.
pub(super) struct Lazy<L> {
    search: Search,
    open: fn(&Search) -> Result<L, NativeError>,
    library: OnceLock<L>,
}

impl<L> Lazy<L> {
    /// The library that `open` finds where `search` says.
    pub(super) const fn new(search: Search, open: fn(&Search) -> Result<L, NativeError>) -> Self {
        Self { search, open, library: OnceLock::new() }
    }

    pub(super) fn get(&self) -> Result<&L, FitError> {
        if let Some(library) = self.library.get() {
            return Ok(library);
        }
        let library = (self.open)(&self.search)?;
        Ok(self.library.get_or_init(|| library))
    }
}

/// A checked order to a library.
pub(super) struct Order<'a> {
    data: &'a TrainingData<'a>,
    pub(super) objective: Objective,
    weights: Option<Vec<f64>>,
    rounds: usize,
    patience: usize,
}

impl<'a> Order<'a> {
    /// Checks what both libraries need.
    pub(super) fn new(data: &'a TrainingData<'a>, classes: usize, params: &Hyperparameters) -> Result<Self, FitError> {
        let objective = Objective::new(data, classes, params.choice("regression_objective")?)?;
        let row_weights = match data.task {
            Task::Regression | Task::Count => weights::of(data),
            Task::BinaryClassification | Task::MulticlassClassification => {
                weights::with_classes(data, classes, params)?
            }
        };
        // The same start as everywhere: refuses counts that are all 0.
        objective.start(data.labels, &row_weights)?;
        let patience = params.integer("early_stopping_rounds")?;
        if patience > 0 && data.validation.is_none() {
            return Err(FitError::NoValidation);
        }
        // Rows that all count once need no weights.
        let weights = Some(row_weights).filter(|weights| weights.iter().any(|weight| weight.total_cmp(&1.0).is_ne()));
        Ok(Self { data, objective, weights, rounds: params.integer("rounds")?, patience })
    }

    /// Lets `fit` work by `parameters`, and makes sure that what comes back scores as the library says.
    pub(super) fn run(
        &self,
        parameters: &[(&str, String)],
        context: &FitContext<'_>,
        fit: impl FnOnce(&Fit<'_>, &mut dyn Follow) -> Result<Fitted, NativeError>,
    ) -> Result<Model, FitError> {
        context.check_cancelled()?;
        let columns = self.data.features.cols();
        let rows = Rows {
            values: self.data.features.values(),
            columns,
            labels: self.data.labels,
            weights: self.weights.as_deref(),
        };
        let validation = self.data.validation.as_ref().map(|kept| Rows {
            values: kept.features.values(),
            columns,
            labels: kept.labels,
            weights: None,
        });
        let order = Fit {
            training: rows,
            validation,
            parameters,
            rounds: self.rounds,
            patience: self.patience,
            scored: SCORED,
        };
        let names = metrics(self.objective);
        let fitted = fit(&order, &mut Follower { context, names, rounds: self.rounds });
        let fitted = fitted.map_err(|error| match error {
            NativeError::Cancelled => FitError::Cancelled,
            error => FitError::Native(error),
        })?;
        let model = ForeignModel::read(&fitted.model)?.model;
        self.compare(&model, &fitted.margins)?;
        Ok(model)
    }

    /// That `model` gives the first rows the library's own margins, to the last bit.
    fn compare(&self, model: &Model, expected: &[f64]) -> Result<(), FitError> {
        let x = self.data.features;
        let rows = x.rows().min(SCORED);
        let first = lineal_data::Matrix::new(rows, x.cols(), x.values()[..rows * x.cols()].to_vec());
        let mut found = Vec::new();
        let differs = |row| FitError::Differs { row };
        let evaluator = model.margins().evaluator(x.cols()).map_err(crate::ForeignError::from)?;
        evaluator.evaluate(&first.map_err(|_| differs(0))?, &mut found);
        if found.len() != expected.len() {
            return Err(differs(0));
        }
        let outputs = evaluator.outputs();
        match found.iter().zip(expected).position(|(found, expected)| found.to_bits() != expected.to_bits()) {
            Some(at) => Err(differs(at / outputs)),
            None => Ok(()),
        }
    }
}

/// The way of the rounds to whoever follows the fit.
struct Follower<'a> {
    context: &'a FitContext<'a>,
    names: [&'static str; 2],
    rounds: usize,
}

impl Follow for Follower<'_> {
    fn wants_metric(&self) -> bool {
        self.context.progress.wants_metrics()
    }

    fn hear(&mut self, round: Round) -> Flow {
        let found = self.names.into_iter().zip([round.training, round.validation]);
        let metrics: Vec<_> = found.filter_map(|(name, metric)| Some((name, metric?))).collect();
        self.context.progress.step(round.number as u64, self.rounds as u64, &metrics);
        if self.context.progress.cancelled() { Flow::Cancel } else { Flow::Continue }
    }
}

/// What progress calls the libraries' metric of the training rows, and that of the validation rows.
fn metrics(objective: Objective) -> [&'static str; 2] {
    match objective {
        Objective::LogLoss | Objective::Multiclass(_) => ["log_loss", "validation_log_loss"],
        Objective::Squared => ["root_mean_squared_error", "validation_root_mean_squared_error"],
        Objective::Poisson => ["negative_log_likelihood", "validation_negative_log_likelihood"],
    }
}

/// The seed as the libraries take it.
pub(super) fn seed(context: &FitContext<'_>) -> String {
    (context.seed % (1 << 31)).to_string()
}

/// A hyperparameter as the library is told it.
pub(super) fn told(params: &Hyperparameters, name: &str) -> Result<String, FitError> {
    params.float(name).map(|value| value.to_string()).or_else(|_| Ok(params.integer(name)?.to_string()))
}
