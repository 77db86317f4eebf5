//! How a job learns: the family with its hyperparameters, and what it is to predict.

use std::collections::BTreeMap;

use lineal_kernel::{FieldError, FieldErrors};
use lineal_models::{
    Family, HyperparameterError, Hyperparameters, MemberFamily, Task, Value, member_families, member_family,
};

use super::SpecDraft;

/// What fits.
#[derive(Clone, Copy)]
pub(crate) enum Method {
    /// A model that stands alone.
    Model(&'static dyn Family),
    /// A member of a chain.
    Member(&'static dyn MemberFamily),
}

impl Method {
    /// The family called `name`, among `families` and those of members.
    pub(crate) fn find(name: &str, families: &[&'static dyn Family]) -> Option<Self> {
        let model = families.iter().find(|family| family.name() == name);
        model.map(|family| Self::Model(*family)).or_else(|| member_family(name).ok().map(Self::Member))
    }
}

/// The values of a label column, as far as they say what to predict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LabelValues {
    /// How many different ones; `None` if too many for classes.
    pub(crate) distinct: Option<usize>,
    pub(crate) numbers: bool,
}

impl LabelValues {
    /// What to predict when nobody says: the first that is likely and that a family of `tasks` can do, or else the likeliest.
    pub(crate) fn task(self, tasks: &[Task]) -> Task {
        use Task::{BinaryClassification, Count, MulticlassClassification, Regression};
        let likely: &[Task] = match (self.numbers, self.distinct) {
            (false, Some(0..=2)) => &[BinaryClassification],
            (false, _) => &[MulticlassClassification],
            (true, Some(0..=2)) => &[BinaryClassification, Regression, Count],
            (true, _) => &[Regression, Count, MulticlassClassification],
        };
        likely.iter().copied().find(|task| tasks.contains(task)).unwrap_or(likely[0])
    }
}

impl std::fmt::Display for LabelValues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.numbers { "numbers" } else { "texts" };
        match self.distinct {
            Some(distinct) => write!(f, "{distinct} different {kind}"),
            None => write!(f, "very many different {kind}"),
        }
    }
}

/// The family's hyperparameters, every problem at once.
pub(super) fn resolve(
    name: &str,
    task: Option<Task>,
    given: BTreeMap<String, Value>,
    families: &[&'static dyn Family],
) -> Result<Hyperparameters, Vec<FieldError>> {
    let resolved = match Method::find(name, families) {
        None => {
            let known = families.iter().map(|family| family.name());
            let known: Vec<_> = known.chain(member_families().iter().map(|family| family.name())).collect();
            return Err(vec![FieldError::new("family", format!("unknown, known are {}", known.join(", ")))]);
        }
        Some(Method::Model(family)) => {
            if let Some(task) = task {
                check_task(family, task, families).map_err(|error| vec![error])?;
            }
            if let Err(missing) = family.check_available() {
                return Err(vec![FieldError::new("family", format!("is not available: {missing}"))]);
            }
            Hyperparameters::resolve(&family.describe(), given)
        }
        Some(Method::Member(family)) => family.describe().resolve(given),
    };
    resolved.map_err(|errors| {
        let field =
            |error: HyperparameterError| FieldError::new(format!("hyperparameters.{}", error.name), error.problem);
        errors.into_iter().map(field).collect()
    })
}

/// Whether the family called `name` makes members of chains.
pub(super) fn is_member(name: &str) -> bool {
    member_family(name).is_ok()
}

/// That nothing is asked of a member that only models can do.
pub(super) fn check_member(draft: &SpecDraft, errors: &mut FieldErrors) {
    let given = [
        ("label_column", !draft.label_column.is_empty()),
        ("positive_class", !draft.positive_class.is_empty()),
        ("weight_column", !draft.weight_column.is_empty()),
        ("task", draft.task.is_some_and(|task| task != Task::MulticlassClassification)),
    ];
    for (path, _) in given.into_iter().filter(|(_, given)| *given) {
        let problem = "a member of a chain learns the outcome from columns of its own, leave it out";
        errors.0.push(FieldError::new(path, problem));
    }
}

/// That `family` can do `task`; if not, those of `families` that can are named.
pub(crate) fn check_task(family: &dyn Family, task: Task, families: &[&'static dyn Family]) -> Result<(), FieldError> {
    if family.describe().tasks.contains(&task) {
        return Ok(());
    }
    let able = families.iter().filter(|family| family.describe().tasks.contains(&task));
    let able: Vec<_> = able.map(|family| family.name()).collect();
    let problem = format!("{} cannot do {}, these can: {}", family.name(), task.name(), able.join(", "));
    Err(FieldError::new("family", problem))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Task::{BinaryClassification, Count, MulticlassClassification, Regression};

    #[test]
    fn a_task_that_nobody_names_is_that_of_the_labels_and_the_family() {
        // F66
        let texts = |distinct| LabelValues { distinct: Some(distinct), numbers: false };
        let numbers = |distinct| LabelValues { distinct, numbers: true };
        let table = [
            (texts(2), &Task::ALL[..], BinaryClassification),
            (texts(3), &Task::ALL, MulticlassClassification),
            (texts(3), &[Regression], MulticlassClassification),
            (numbers(Some(2)), &Task::ALL, BinaryClassification),
            (numbers(Some(2)), &[Regression], Regression),
            (numbers(Some(7)), &Task::ALL, Regression),
            (numbers(Some(7)), &[BinaryClassification, MulticlassClassification], MulticlassClassification),
            (numbers(None), &[Count], Count),
        ];
        for (values, tasks, expected) in table {
            assert_eq!(values.task(tasks), expected, "{values} for {tasks:?}");
        }
    }

    #[test]
    fn a_family_that_cannot_do_the_task_is_refused_with_those_that_can() {
        // F66
        let families = lineal_models::families();
        let refusal = |name, task| resolve(name, Some(task), BTreeMap::new(), families).unwrap_err().remove(0);
        let error = refusal("ridge", BinaryClassification);
        assert_eq!(error.path, "family");
        assert!(error.problem.starts_with("ridge cannot do binary_classification, these can: "), "{error}");
        assert!(error.problem.contains("gradient_boosting") && !error.problem.contains("elastic_net"), "{error}");
        assert!(refusal("random_forest", Count).problem.contains("poisson_regression"));
        assert!(resolve("ridge", None, BTreeMap::new(), families).is_ok());
        let unknown = refusal("forest", Count).problem;
        assert!(unknown.contains("gradient_boosting") && unknown.contains("calibration"), "{unknown}");
    }
}
