//! What values of a file mean together.

use lineal_kernel::{FieldError, FieldErrors};
use lineal_models::{
    Family, HyperparameterError, Hyperparameters, MemberFamily, Metric, Task, families, member_families, member_family,
};

use crate::Settings;

/// Most classes of a label that a trainer learns.
const MAX_CLASSES: usize = 1000;
/// Most columns that a scored file takes over.
const MAX_KEYS: usize = 64;

/// What fits.
enum Method {
    Model(&'static dyn Family),
    Member(&'static dyn MemberFamily),
}

/// Remembers what does not go together.
pub(crate) fn together(settings: &Settings, errors: &mut FieldErrors) {
    columns(settings, errors);
    classes(settings, errors);
    method(settings, errors);
    metrics(settings, errors);
    if settings.scoring.key_columns.len() > MAX_KEYS {
        errors.0.push(FieldError::new("scoring.key_columns", format!("at most {MAX_KEYS} columns")));
    }
}

fn columns(settings: &Settings, errors: &mut FieldErrors) {
    let data = &settings.data;
    if data.label_column.is_empty() {
        return;
    }
    if data.weight_column == data.label_column {
        let problem = "the column to predict says nothing of a row's weight, name another";
        errors.0.push(FieldError::new("data.weight_column", problem));
    }
    if let Some(i) = data.exclude_columns.iter().position(|column| *column == data.label_column) {
        let problem = "the column to predict is never a feature, leave it out here";
        errors.0.push(FieldError::new(format!("data.exclude_columns[{i}]"), problem));
    }
}

fn classes(settings: &Settings, errors: &mut FieldErrors) {
    let (classes, positive) = (&settings.data.classes, &settings.data.positive_class);
    let mut refuse = |key: &str, problem: String| errors.0.push(FieldError::new(key, problem));
    if classes.is_empty() {
        return;
    }
    if classes.len() > MAX_CLASSES {
        refuse("data.classes", format!("at most {MAX_CLASSES} classes"));
    }
    if classes.len() == 1 {
        refuse("data.classes", "a label has two classes or more, name the others".to_owned());
    }
    if !positive.is_empty() && !classes.contains(positive) {
        refuse("data.positive_class", format!("is none of the classes {}", classes.join(", ")));
    }
    if let Some(task) = settings.training.task.filter(|task| task.is_number()) {
        refuse("data.classes", format!("{} has no classes, leave them out", task.word()));
    }
    if settings.training.task == Some(Task::BinaryClassification) && classes.len() > 2 {
        refuse("data.classes", "binary has two classes, say multiclass or leave the others out".to_owned());
    }
}

fn method(settings: &Settings, errors: &mut FieldErrors) {
    let training = &settings.training;
    let mut refuse = |key: String, problem: String| errors.0.push(FieldError::new(key, problem));
    let given = training.hyperparameters.clone();
    let found = families().iter().find(|family| family.name() == training.family).map(|family| Method::Model(*family));
    let found = found.or_else(|| member_family(&training.family).ok().map(Method::Member));
    let resolved = match found {
        None if training.family.is_empty() && given.is_empty() => return,
        None if training.family.is_empty() => {
            return refuse("training.family".to_owned(), "name the family that takes the hyperparameters".to_owned());
        }
        None => {
            let known = families().iter().map(|family| family.name());
            let known: Vec<_> = known.chain(member_families().iter().map(|family| family.name())).collect();
            return refuse("training.family".to_owned(), format!("unknown, known are {}", known.join(", ")));
        }
        Some(Method::Model(family)) => {
            if let Some(task) = training.task.filter(|task| !family.describe().tasks.contains(task)) {
                let problem = format!("{} cannot do {}, choose another family", family.name(), task.word());
                refuse("training.family".to_owned(), problem);
            }
            Hyperparameters::resolve(&family.describe(), given)
        }
        Some(Method::Member(family)) => {
            let data = &settings.data;
            let texts = [("label_column", &data.label_column), ("positive_class", &data.positive_class)];
            let texts = texts.into_iter().chain([("weight_column", &data.weight_column)]);
            let said = texts.filter(|(_, text)| !text.is_empty()).map(|(key, _)| key);
            for key in said.chain((!data.classes.is_empty()).then_some("classes")) {
                let problem = "a member of a chain learns from columns of its own, leave it out".to_owned();
                refuse(format!("data.{key}"), problem);
            }
            family.describe().resolve(given)
        }
    };
    for HyperparameterError { name, problem } in resolved.err().into_iter().flatten() {
        refuse(format!("training.hyperparameters.{name}"), problem);
    }
}

/// That what is measured fits what is predicted, if the file says that.
fn metrics(settings: &Settings, errors: &mut FieldErrors) {
    let Some(task) = settings.training.task else { return };
    let validation = &settings.validation;
    let limits = validation.limits.keys().map(|metric| (format!("validation.limits.{metric}"), metric));
    let comparison = ("validation.comparison_metric".to_owned(), &validation.comparison_metric);
    for (path, metric) in limits.chain([comparison]) {
        if metric.parse::<Metric>().is_ok_and(|metric| !metric.measures(task)) {
            let known = Metric::ALL.iter().filter(|known| known.measures(task)).map(|known| known.name());
            let known = known.collect::<Vec<_>>().join(", ");
            errors.0.push(FieldError::new(path, format!("does not measure {}, these do: {known}", task.word())));
        }
    }
}
