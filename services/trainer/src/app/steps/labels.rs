//! What is to be predicted, as the rows say it.

use lineal_data::{DataError, Table, Target};
use lineal_models::{
    Decision, Family, MATCH_CLASSES, MostProbable, OUTCOME, Rule, ScoreError, Task, Threshold, check_labels,
};

use super::{Execution, StepError};
use crate::{
    app::App,
    domain::{JobSpec, LabelValues, Method, check_task},
};

/// The task and the rows' labels for it.
#[derive(Debug, Clone)]
pub(super) struct Labels {
    pub(super) task: Task,
    /// The column to predict; of two classes, its positive class is named.
    pub(super) target: Target,
    /// From scores to answers, and from the column's values to numbers.
    pub(super) decision: Decision,
    /// How the task was chosen, for people.
    pub(super) reason: String,
}

impl Execution<'_> {
    /// What fits for the job.
    pub(super) fn method(&self) -> Result<Method, StepError> {
        self.app.method(self.spec())
    }
}

impl App {
    /// What fits for a job of `spec`.
    pub(in crate::app) fn method(&self, spec: &JobSpec) -> Result<Method, StepError> {
        let name = &spec.family;
        Method::find(name, self.families()).ok_or_else(|| StepError::NoFamily { family: name.clone() })
    }
}

impl Labels {
    /// What `method` is to learn; `classes` are those that the members before a member answer.
    pub(super) fn by(
        method: Method,
        table: &Table,
        spec: &JobSpec,
        families: &[&'static dyn Family],
        classes: Option<Vec<String>>,
    ) -> Result<Self, StepError> {
        match method {
            Method::Model(family) => Self::of(table, spec, family, families),
            Method::Member(_) => Self::of_outcomes(table, classes),
        }
    }

    /// Finds out what to predict and checks every label and weight. `families` are those to name to who chose the wrong one.
    fn of(
        table: &Table,
        spec: &JobSpec,
        family: &dyn Family,
        families: &[&'static dyn Family],
    ) -> Result<Self, StepError> {
        let target = Target { column: spec.label_column.clone(), positive: spec.positive_class.clone() };
        let values = values(&target, table)?;
        let (task, reason) = match spec.task {
            Some(task) => (task, task.name().to_owned()),
            None if spec.positive_class.is_some() => {
                let task = Task::BinaryClassification;
                (task, format!("{}, as a positive class is named", task.name()))
            }
            None if !spec.classes.is_empty() => {
                let two = spec.classes.len() == 2;
                let task = if two { Task::BinaryClassification } else { Task::MulticlassClassification };
                (task, format!("{}, as {} classes are named", task.name(), spec.classes.len()))
            }
            None => {
                let task = values.task(family.describe().tasks);
                (task, format!("{}, as `{}` has {values}", task.name(), target.column))
            }
        };
        check_task(family, task, families)?;
        check_classes(&target, table, &spec.classes)?;
        let (target, decision) = decide(task, target, table, spec.threshold)?;
        let numbers = decision.labels(&target, table)?;
        check_labels(task, &numbers).map_err(|source| StepError::Labels { column: target.column.clone(), source })?;
        if let Some(column) = &spec.weight_column {
            weights(column, table, "source")?;
        }
        Ok(Self { task, target, decision, reason })
    }

    /// The outcomes that a member learns: those of the members before it, or of a match.
    fn of_outcomes(table: &Table, classes: Option<Vec<String>>) -> Result<Self, StepError> {
        let classes = classes.unwrap_or_else(|| MATCH_CLASSES.map(String::from).into());
        let task = Task::MulticlassClassification;
        let reason = format!("{}, as members give the chances of {}", task.name(), classes.join(", "));
        let target = Target { column: OUTCOME.to_owned(), positive: None };
        let decision = Decision::MostProbable(MostProbable { classes });
        decision.labels(&target, table)?;
        Ok(Self { task, target, decision, reason })
    }

    /// The labels of `rows`, in which no class may be absent.
    pub(super) fn numbers(&self, rows: &Table, part: &'static str) -> Result<Vec<f64>, StepError> {
        let absent = |class: String| {
            let column = self.target.column.clone();
            Err(StepError::AbsentFromPart { column, class, part })
        };
        let numbers = match self.decision.labels(&self.target, rows) {
            Err(ScoreError::Data(DataError::OneClass { class, .. })) => {
                let other = self.decision.classes().into_iter().find(|known| *known != class);
                return absent(other.unwrap_or_default());
            }
            numbers => numbers?,
        };
        if let Decision::MostProbable(MostProbable { classes }) = &self.decision {
            let is_there = |class: usize| numbers.iter().any(|number| *number as usize == class);
            if let Some(class) = (0..classes.len()).find(|class| !is_there(*class)) {
                return absent(classes[class].clone());
            }
        }
        Ok(numbers)
    }
}

/// That the rows have the classes that were named and no others; without names anything will do.
fn check_classes(target: &Target, table: &Table, named: &[String]) -> Result<(), StepError> {
    if named.is_empty() {
        return Ok(());
    }
    let found = target.class_names(table)?;
    let column = target.column.clone();
    if let Some(class) = found.iter().find(|class| !named.contains(class)) {
        return Err(StepError::UnknownClass { column, class: class.clone(), named: named.join(", ") });
    }
    match named.iter().find(|class| !found.contains(class)) {
        Some(class) => Err(StepError::AbsentClass { column, class: class.clone() }),
        None => Ok(()),
    }
}

/// How much each row of a part counts, at least one of them something.
pub(super) fn weights(column: &str, rows: &Table, part: &'static str) -> Result<Vec<f64>, StepError> {
    let weights = rows.numbers(column)?;
    match weights.iter().position(|weight| !weight.is_finite() || *weight < 0.0) {
        Some(row) => Err(StepError::Weight { column: column.to_owned(), row, value: weights[row] }),
        None if weights.iter().all(|weight| *weight <= 0.0) => {
            Err(StepError::NoWeight { column: column.to_owned(), part })
        }
        None => Ok(weights),
    }
}

fn values(target: &Target, table: &Table) -> Result<LabelValues, DataError> {
    let distinct = match target.class_names(table) {
        Ok(classes) => Some(classes.len()),
        Err(DataError::TooManyClasses { .. }) => None,
        Err(error) => return Err(error),
    };
    Ok(LabelValues { distinct, numbers: table.numbers(&target.column).is_ok() })
}

fn decide(task: Task, target: Target, table: &Table, threshold: f64) -> Result<(Target, Decision), DataError> {
    Ok(match task {
        Task::BinaryClassification => {
            let positive_class = target.classes(table)?.positive;
            let negative_class = target.class_names(table)?.into_iter().find(|class| *class != positive_class);
            let target = Target { positive: Some(positive_class.clone()), ..target };
            let rule = Rule::AtLeast;
            (target, Decision::Threshold(Threshold { positive_class, negative_class, threshold, rule }))
        }
        Task::MulticlassClassification => {
            let classes = target.class_names(table)?;
            (target, Decision::MostProbable(MostProbable { classes }))
        }
        Task::Regression | Task::Count => (target, Decision::Number),
    })
}
