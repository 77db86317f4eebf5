//! The conditions that a candidate must meet.

use lineal_kernel::{FieldError, FieldErrors};
use lineal_models::{Metric, MetricError, Task};
use serde::{Deserialize, Serialize};

/// What a caller asks for: blanks are filled once it is known what the candidate predicts.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Conditions {
    limits: Vec<MetricLimit>,
    comparison: Option<Metric>,
    skip_comparison: bool,
}

/// Limits on the candidate's own metrics, and the metric that decides against the champion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Policy {
    /// At least one limit.
    pub(crate) limits: Vec<MetricLimit>,
    /// Decides against the champion.
    #[serde(with = "by_name")]
    pub(crate) comparison: Metric,
    /// Whether the champion is left out.
    pub(crate) skip_comparison: bool,
}

/// A metric must not be worse than `limit`, in the metric's own direction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct MetricLimit {
    /// What is measured.
    #[serde(with = "by_name")]
    pub(crate) metric: Metric,
    /// A finite number.
    pub(crate) limit: f64,
}

impl MetricLimit {
    /// What is asked of a candidate when nobody says: that it is fair at telling classes apart, or no worse a guess than the mean.
    fn of(task: Task) -> Self {
        match task {
            Task::BinaryClassification | Task::MulticlassClassification => Self { metric: Metric::Auc, limit: 0.75 },
            Task::Regression | Task::Count => Self { metric: Metric::R2, limit: 0.0 },
        }
    }
}

impl Conditions {
    /// Checks limits and the name of the comparison metric; empty ones are left to the task.
    pub(crate) fn new(limits: &[(String, f64)], comparison: &str, skip_comparison: bool) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let limits = limits.iter().enumerate().map(|(i, (name, limit))| {
            let metric = errors.check(metric(name).map_err(|error| error.under(&format!("limits[{i}].metric"))));
            let limit = errors.check(finite(*limit).map_err(|error| error.under(&format!("limits[{i}].limit"))));
            Some(MetricLimit { metric: metric?, limit: limit? })
        });
        let limits: Vec<_> = limits.collect();
        let comparison = match comparison {
            "" => Some(None),
            name => errors.check(metric(name).map_err(|error| error.under("comparison_metric"))).map(Some),
        };
        errors.into_result(|| {
            let limits = limits.into_iter().collect::<Option<_>>()?;
            Some(Self { limits, comparison: comparison?, skip_comparison })
        })
    }

    /// What is asked of a candidate that predicts `task`.
    ///
    /// # Errors
    /// [`FieldErrors`] for metrics of other tasks; the paths begin at the request's root.
    pub(crate) fn policy(&self, task: Task) -> Result<Policy, FieldErrors> {
        let limits = if self.limits.is_empty() { vec![MetricLimit::of(task)] } else { self.limits.clone() };
        let comparison = match self.comparison {
            // It is not used, and may be of another task.
            Some(metric) if self.skip_comparison && !metric.measures(task) => Metric::of(task),
            Some(metric) => metric,
            None => Metric::of(task),
        };
        let policy = Policy { limits, comparison, skip_comparison: self.skip_comparison };
        policy.check_task(task)?;
        Ok(policy)
    }

    /// Whether `policy` is what they became.
    pub(crate) fn became(&self, policy: &Policy) -> bool {
        self.skip_comparison == policy.skip_comparison
            && (self.limits.is_empty() || self.limits == policy.limits)
            && (self.skip_comparison || self.comparison.is_none_or(|metric| metric == policy.comparison))
    }
}

impl Policy {
    /// Whether every metric measures `task`; the paths begin at the request's root.
    fn check_task(&self, task: Task) -> Result<(), FieldErrors> {
        let limits = self.limits.iter().enumerate();
        let limits = limits.map(|(i, limit)| (format!("policy.limits[{i}].metric"), limit.metric));
        let comparison = [("policy.comparison_metric".to_owned(), self.comparison)];
        let errors: Vec<_> = limits
            .chain(comparison)
            .filter(|(_, metric)| !metric.measures(task))
            .map(|(path, metric)| {
                let known = Metric::ALL.iter().filter(|known| known.measures(task)).map(|known| known.name());
                let known = known.collect::<Vec<_>>().join(", ");
                FieldError::new(path, format!("`{metric}` does not measure a {}, these do: {known}", task.name()))
            })
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(FieldErrors(errors)) }
    }
}

fn metric(name: &str) -> Result<Metric, FieldError> {
    name.parse().map_err(|error: MetricError| FieldError::new("", error.to_string()))
}

fn finite(limit: f64) -> Result<f64, FieldError> {
    if limit.is_finite() {
        Ok(limit)
    } else {
        Err(FieldError::new("", format!("expected a finite number, found {limit}")))
    }
}

/// A metric as its stable name.
mod by_name {
    use lineal_models::Metric;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(super) fn serialize<S: Serializer>(metric: &Metric, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(metric.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Metric, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(metric: &str, limit: f64) -> (String, f64) {
        (metric.to_owned(), limit)
    }

    fn policy(limits: &[(String, f64)], comparison: &str, skip: bool, task: Task) -> Result<Policy, FieldErrors> {
        Conditions::new(limits, comparison, skip).unwrap().policy(task)
    }

    #[test]
    fn blanks_are_filled_by_what_is_predicted() {
        // F97, F100
        let expected = [
            (Task::BinaryClassification, Metric::Auc, 0.75, Metric::Auc),
            (Task::MulticlassClassification, Metric::Auc, 0.75, Metric::LogLoss),
            (Task::Regression, Metric::R2, 0.0, Metric::Rmse),
            (Task::Count, Metric::R2, 0.0, Metric::Deviance),
        ];
        for (task, metric, limit, comparison) in expected {
            let policy = policy(&[], "", false, task).unwrap();
            assert_eq!((policy.limits, policy.comparison), (vec![MetricLimit { metric, limit }], comparison));
        }
    }

    #[test]
    fn every_bad_field_is_named_with_what_would_be_right() {
        let limits = [limit("auc", 0.8), limit("acu", f64::NAN), limit("brier", f64::INFINITY)];
        let FieldErrors(errors) = Conditions::new(&limits, "roc", false).unwrap_err();
        let paths: Vec<_> = errors.iter().map(|error| error.path.as_str()).collect();
        assert_eq!(paths, ["limits[1].metric", "limits[1].limit", "limits[2].limit", "comparison_metric"]);
        assert!(errors[0].problem.contains("`acu`") && errors[0].problem.contains("log_loss"), "{}", errors[0]);
    }

    #[test]
    fn a_metric_of_another_task_is_refused_unless_it_is_not_used() {
        let binary = Task::BinaryClassification;
        assert!(policy(&[limit("rmse", 1.0)], "mae", false, Task::Regression).is_ok());
        let FieldErrors(errors) = policy(&[limit("rmse", 1.0)], "mae", false, binary).unwrap_err();
        assert_eq!(errors.len(), 2);
        assert_eq!(errors[0].path, "policy.limits[0].metric");
        assert!(errors[0].problem.ends_with("auc, accuracy, precision, recall, f1, log_loss, brier"), "{}", errors[0]);
        assert!(policy(&[limit("auc", 0.5)], "mae", true, binary).is_ok());
        assert!(policy(&[limit("deviance", 1.0)], "", false, Task::Regression).is_err());
    }

    #[test]
    fn conditions_know_what_they_became() {
        let conditions = |limits: &[(String, f64)], comparison| Conditions::new(limits, comparison, false).unwrap();
        let (blank, brier) = (conditions(&[], ""), conditions(&[], "brier"));
        for task in Task::ALL {
            assert!(blank.became(&blank.policy(task).unwrap()));
        }
        let policy = brier.policy(Task::BinaryClassification).unwrap();
        assert!(brier.became(&policy) && !conditions(&[], "auc").became(&policy));
        assert!(!conditions(&[limit("auc", 0.8)], "brier").became(&policy));
    }

    #[test]
    fn a_policy_survives_json() {
        let policy = policy(&[limit("log_loss", 0.1 + 0.2)], "brier", true, Task::BinaryClassification).unwrap();
        let json = serde_json::to_string(&policy).unwrap();
        assert_eq!(serde_json::from_str::<Policy>(&json).unwrap(), policy);
    }
}
