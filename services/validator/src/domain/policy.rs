//! The conditions that a candidate must meet.

use lineal_kernel::{FieldError, FieldErrors};
use lineal_models::{Metric, MetricError, Task};
use serde::{Deserialize, Serialize};

const DEFAULT_LIMIT: MetricLimit = MetricLimit { metric: Metric::Auc, limit: 0.75 };
const DEFAULT_COMPARISON: Metric = Metric::Auc;

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

impl Default for Policy {
    fn default() -> Self {
        Self { limits: vec![DEFAULT_LIMIT], comparison: DEFAULT_COMPARISON, skip_comparison: false }
    }
}

impl Policy {
    /// Checks `limits` (none: auc at least 0.75) and the name of the comparison metric (empty: auc).
    pub(crate) fn new(limits: &[(String, f64)], comparison: &str, skip_comparison: bool) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let limits = limits.iter().enumerate().map(|(i, (name, limit))| {
            let metric = errors.check(metric(name).map_err(|error| error.under(&format!("limits[{i}].metric"))));
            let limit = errors.check(finite(*limit).map_err(|error| error.under(&format!("limits[{i}].limit"))));
            Some(MetricLimit { metric: metric?, limit: limit? })
        });
        let limits: Vec<_> = limits.collect();
        let comparison = match comparison {
            "" => Some(DEFAULT_COMPARISON),
            name => errors.check(metric(name).map_err(|error| error.under("comparison_metric"))),
        };
        errors.into_result(|| {
            let mut limits: Vec<_> = limits.into_iter().collect::<Option<_>>()?;
            if limits.is_empty() {
                limits.push(DEFAULT_LIMIT);
            }
            Some(Self { limits, comparison: comparison?, skip_comparison })
        })
    }

    /// Whether every metric measures `task`; the paths begin at the request's root.
    pub(crate) fn check_task(&self, task: Task) -> Result<(), FieldErrors> {
        let limits =
            self.limits.iter().enumerate().map(|(i, limit)| (format!("policy.limits[{i}].metric"), limit.metric));
        let comparison = (!self.skip_comparison).then(|| ("policy.comparison_metric".to_owned(), self.comparison));
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

    #[test]
    fn a_policy_without_limits_asks_for_an_auc_of_three_quarters() {
        // F97
        assert_eq!(Policy::new(&[], "", false), Ok(Policy::default()));
        assert_eq!(Policy::default().limits, [MetricLimit { metric: Metric::Auc, limit: 0.75 }]);
    }

    #[test]
    fn every_bad_field_is_named_with_what_would_be_right() {
        let limits = [limit("auc", 0.8), limit("acu", f64::NAN), limit("brier", f64::INFINITY)];
        let FieldErrors(errors) = Policy::new(&limits, "roc", false).unwrap_err();
        let paths: Vec<_> = errors.iter().map(|error| error.path.as_str()).collect();
        assert_eq!(paths, ["limits[1].metric", "limits[1].limit", "limits[2].limit", "comparison_metric"]);
        assert!(errors[0].problem.contains("`acu`") && errors[0].problem.contains("log_loss"), "{}", errors[0]);
    }

    #[test]
    fn a_metric_of_another_task_is_refused_unless_it_is_not_used() {
        let policy = Policy::new(&[limit("rmse", 1.0)], "mae", false).unwrap();
        assert_eq!(policy.check_task(Task::Regression), Ok(()));
        let FieldErrors(errors) = policy.check_task(Task::BinaryClassification).unwrap_err();
        assert_eq!(errors.len(), 2);
        assert_eq!(errors[0].path, "policy.limits[0].metric");
        assert!(errors[0].problem.ends_with("auc, accuracy, precision, recall, f1, log_loss, brier"), "{}", errors[0]);
        let skipped = Policy::new(&[limit("auc", 0.5)], "mae", true).unwrap();
        assert_eq!(skipped.check_task(Task::BinaryClassification), Ok(()));
    }

    #[test]
    fn a_policy_survives_json() {
        let policy = Policy::new(&[limit("log_loss", 0.1 + 0.2)], "brier", true).unwrap();
        let json = serde_json::to_string(&policy).unwrap();
        assert_eq!(serde_json::from_str::<Policy>(&json).unwrap(), policy);
    }
}
