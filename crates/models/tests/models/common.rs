//! What several tests share.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use lineal_data::Matrix;
use lineal_models::{FitContext, FitError, Hyperparameters, Model, Progress, Task, TrainingData, Value, family};

/// Nobody listens.
pub(crate) struct Quiet;

impl Progress for Quiet {
    fn step(&self, _: u64, _: u64, _: &[(&'static str, f64)]) {}

    fn cancelled(&self) -> bool {
        false
    }
}

/// Keeps the losses (the last metric of each step), and cancels once `limit` steps are done.
pub(crate) struct Recorder {
    pub(crate) limit: u64,
    pub(crate) done: AtomicU64,
    pub(crate) losses: Mutex<Vec<f64>>,
}

impl Recorder {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, done: AtomicU64::new(0), losses: Mutex::default() }
    }
}

impl Progress for Recorder {
    fn step(&self, step: u64, total: u64, metrics: &[(&'static str, f64)]) {
        assert_eq!(step, self.done.fetch_add(1, Ordering::SeqCst) + 1);
        assert!(step <= total);
        let Some((_, loss)) = metrics.last() else { return };
        self.losses.lock().unwrap().push(*loss);
    }

    fn cancelled(&self) -> bool {
        self.done.load(Ordering::SeqCst) >= self.limit
    }
}

/// Features and labels; those of two classes unless `task` says otherwise.
pub(crate) struct Data {
    pub(crate) task: Task,
    pub(crate) features: Matrix,
    pub(crate) labels: Vec<f64>,
    pub(crate) names: Vec<String>,
}

impl Data {
    pub(crate) fn new(rows: &[Vec<f64>], labels: Vec<f64>) -> Self {
        let cols = rows[0].len();
        let features = Matrix::new(rows.len(), cols, rows.concat()).unwrap();
        let task = Task::BinaryClassification;
        Self { task, features, labels, names: (0..cols).map(|j| format!("x{j}")).collect() }
    }

    pub(crate) fn of(self, task: Task) -> Self {
        Self { task, ..self }
    }

    pub(crate) fn training(&self) -> TrainingData<'_> {
        TrainingData::new(self.task, &self.features, &self.labels, &self.names).unwrap()
    }
}

pub(crate) fn resolve(name: &str, json: &str) -> Hyperparameters {
    let given: BTreeMap<String, Value> = serde_json::from_str(json).unwrap();
    Hyperparameters::resolve(&family(name).unwrap().describe(), given).unwrap()
}

/// Fits `name` with the hyperparameters in `json`.
pub(crate) fn fit(name: &str, data: &Data, json: &str, context: &FitContext<'_>) -> Result<Model, FitError> {
    family(name).unwrap().fit(&data.training(), &resolve(name, json), context)
}

pub(crate) fn quiet(seed: u64, threads: usize) -> FitContext<'static> {
    FitContext { seed, threads, progress: &Quiet }
}

pub(crate) fn scores(model: &Model, features: &Matrix) -> Vec<f64> {
    let mut scores = Vec::new();
    model.evaluator(features.cols()).unwrap().evaluate(features, &mut scores);
    scores
}

/// Rows made of sines: no two alike, labels that depend on the features but not only on them.
pub(crate) fn waves(rows: usize, cols: usize) -> Data {
    let value = |i: usize, j: usize| ((i * (2 * j + 3)) as f64 * 0.7 + j as f64).sin();
    let features: Vec<Vec<f64>> = (0..rows).map(|i| (0..cols).map(|j| value(i, j)).collect()).collect();
    let label = |(i, row): (usize, &Vec<f64>)| f64::from(row[0] + 0.5 * row[1] + (i as f64 * 1.9).cos() > 0.2);
    let labels = features.iter().enumerate().map(label).collect();
    Data::new(&features, labels)
}

/// Customers of a telephone company, and whether they left.
pub(crate) const CHURN: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../services/lineal/data/churn.csv"));

/// The churn table as numbers (`yes` is 1, the state is left out), parted as [`held_out`] does.
pub(crate) fn churn(fold: usize) -> (Data, Data) {
    held_out(CHURN, 1, Task::BinaryClassification, fold)
}

/// A table whose last column is the label, without its first `skip` columns; every fifth row from `fold` on is held out:
/// (train, held out).
pub(crate) fn held_out(csv: &str, skip: usize, task: Task, fold: usize) -> (Data, Data) {
    let row = |line: &str| line.split(',').skip(skip).map(number).collect();
    let rows: Vec<Vec<f64>> = csv.lines().skip(1).map(row).collect();
    let part = |held_out: bool| {
        let chosen = rows.iter().enumerate().filter(|(i, _)| (i % 5 == fold) == held_out).map(|(_, row)| row);
        let (features, labels): (Vec<_>, Vec<_>) =
            chosen.map(|row| (row[..row.len() - 1].to_vec(), row[row.len() - 1])).unzip();
        Data::new(&features, labels).of(task)
    };
    (part(false), part(true))
}

fn number(cell: &str) -> f64 {
    match cell {
        "yes" => 1.0,
        "no" => 0.0,
        _ => cell.trim_start_matches("area_code_").parse().unwrap(),
    }
}
