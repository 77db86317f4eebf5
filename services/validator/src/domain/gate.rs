//! Gates: each condition, decided from numbers and said in one sentence.
//!
//! Values are compared as the exact `f64` they are, without a tolerance: two versions that answer alike have equal metrics
//! to the last bit, and a tolerance would let a champion be replaced by a worse version in small steps.

use lineal_models::{Direction, Metric};
use serde::{Deserialize, Serialize};

use super::{Evidence, MetricLimit, Metrics, Policy, Rival};

/// One condition and its outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Gate {
    /// E.g. `auc floor`.
    pub(crate) name: String,
    /// Name of the metric; empty if the gate counts something else.
    pub(crate) metric: String,
    /// The candidate's value, if it has one.
    pub(crate) value: Option<f64>,
    /// What it had to reach or beat, if there was something.
    pub(crate) limit: Option<f64>,
    /// How the two are compared.
    pub(crate) comparison: Comparison,
    /// Whether the condition holds, or does not apply.
    pub(crate) passed: bool,
    /// For people.
    pub(crate) message: String,
}

/// How a value is compared with its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Comparison {
    /// `value >= limit`
    #[serde(rename = ">=")]
    AtLeast,
    /// `value > limit`
    #[serde(rename = ">")]
    Above,
    /// `value <= limit`
    #[serde(rename = "<=")]
    AtMost,
    /// `value < limit`
    #[serde(rename = "<")]
    Below,
}

impl Comparison {
    /// As the contract writes it.
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::AtLeast => ">=",
            Self::Above => ">",
            Self::AtMost => "<=",
            Self::Below => "<",
        }
    }

    /// Whether it holds; never for NaN.
    fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::AtLeast => value >= limit,
            Self::Above => value > limit,
            Self::AtMost => value <= limit,
            Self::Below => value < limit,
        }
    }
}

/// Every gate of `policy`, all of them decided whatever the others say.
pub(crate) fn judge(policy: &Policy, candidate: &Evidence, rival: &Rival) -> Vec<Gate> {
    let mut gates = vec![signature(candidate), answers(candidate)];
    gates.extend(policy.limits.iter().map(|limit| floor(*limit, &candidate.metrics)));
    gates.push(better(policy.comparison, &candidate.metrics, rival));
    gates
}

/// The reference set has every column that the candidate reads.
fn signature(candidate: &Evidence) -> Gate {
    let missing = &candidate.missing_inputs;
    let message = if missing.is_empty() {
        format!("the reference set has all {} inputs", candidate.inputs)
    } else {
        let names = missing.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        format!("the reference set lacks {} of {} inputs: {names}", missing.len(), candidate.inputs)
    };
    Gate {
        name: "signature covers".to_owned(),
        metric: String::new(),
        value: Some(missing.len() as f64),
        limit: Some(0.0),
        comparison: Comparison::AtMost,
        passed: missing.is_empty(),
        message,
    }
}

/// The candidate answers every row with a number.
fn answers(candidate: &Evidence) -> Gate {
    let (passed, message) = match &candidate.answers {
        Ok(rows) => (true, format!("all {rows} answers are finite")),
        Err(problem) => (false, format!("the reference set was not answered: {problem}")),
    };
    Gate {
        name: "answers are finite".to_owned(),
        metric: String::new(),
        value: candidate.answers.as_ref().ok().map(|&rows| rows as f64),
        limit: Some(candidate.rows as f64),
        comparison: Comparison::AtLeast,
        passed,
        message,
    }
}

/// A metric reaches its limit.
fn floor(MetricLimit { metric, limit }: MetricLimit, metrics: &Metrics) -> Gate {
    let (kind, comparison, worse) = match metric.direction() {
        Direction::HigherIsBetter => ("floor", Comparison::AtLeast, "below"),
        Direction::LowerIsBetter => ("ceiling", Comparison::AtMost, "above"),
    };
    let value = metrics.get(metric.name()).copied();
    let passed = value.is_some_and(|value| comparison.holds(value, limit));
    let message = match value.map(|value| readable(value, limit)) {
        Some((value, limit)) if passed => format!("{metric} {value} is within its limit {limit}"),
        Some((value, limit)) => format!("{metric} {value} is {worse} its limit {limit}"),
        None => format!("{metric} could not be measured, its limit is {limit}"),
    };
    Gate {
        name: format!("{metric} {kind}"),
        metric: metric.name().to_owned(),
        value,
        limit: Some(limit),
        comparison,
        passed,
        message,
    }
}

/// The candidate beats the champion strictly; a tie keeps the champion.
fn better(metric: Metric, metrics: &Metrics, rival: &Rival) -> Gate {
    let comparison = match metric.direction() {
        Direction::HigherIsBetter => Comparison::Above,
        Direction::LowerIsBetter => Comparison::Below,
    };
    let value = metrics.get(metric.name()).copied();
    let limit = rival.metrics().and_then(|metrics| metrics.get(metric.name()).copied());
    let (passed, message) = match rival {
        Rival::Absent => (true, "not applicable: the slot has no champion".to_owned()),
        Rival::Itself => (true, "not applicable: this version is the champion".to_owned()),
        Rival::Skipped => (true, "not applicable: the policy does not compare with the champion".to_owned()),
        Rival::Incomparable { number, problem } => {
            (false, format!("the champion, version {number}, cannot be compared with: {problem}"))
        }
        Rival::Measured { number, .. } => match (value, limit) {
            (None, _) => (false, format!("{metric} could not be measured, so the champion, version {number}, stays")),
            (_, None) => (false, format!("{metric} of the champion, version {number}, could not be measured")),
            (Some(value), Some(limit)) => {
                let passed = comparison.holds(value, limit);
                let verb = if passed { "beats" } else { "does not beat" };
                let (value, limit) = readable(value, limit);
                (passed, format!("{metric} {value} {verb} {limit} of the champion, version {number}"))
            }
        },
    };
    let name = "better than champion".to_owned();
    Gate { name, metric: metric.name().to_owned(), value, limit, comparison, passed, message }
}

/// Both numbers to four places, or in full where four places would hide that they differ.
fn readable(value: f64, limit: f64) -> (String, String) {
    let short = (format!("{value:.4}"), format!("{limit:.4}"));
    if short.0 == short.1 && value.to_bits() != limit.to_bits() {
        (value.to_string(), limit.to_string())
    } else {
        short
    }
}

#[cfg(test)]
mod tests {
    use lineal_kernel::VersionNumber;

    use super::*;

    fn metrics(metric: Metric, value: f64) -> Metrics {
        Metrics::from([(metric.name().to_owned(), value)])
    }

    fn evidence(metrics: Metrics) -> Evidence {
        Evidence { rows: 10, inputs: 3, missing_inputs: vec![], answers: Ok(10), metrics }
    }

    fn rival(metric: Metric, value: f64) -> Rival {
        Rival::Measured { number: VersionNumber::new(3).unwrap(), metrics: metrics(metric, value), test: None }
    }

    #[test]
    fn a_limit_is_reached_exactly_or_missed() {
        // F97
        for (metric, limit, value, passed) in [
            (Metric::Auc, 0.75, 0.75, true),
            (Metric::Auc, 0.75, 0.749_999_9, false),
            (Metric::Auc, 0.75, 0.75_f64.next_down(), false),
            (Metric::Auc, 0.75, 0.8, true),
            (Metric::LogLoss, 0.4, 0.4, true),
            (Metric::LogLoss, 0.4, 0.4_f64.next_up(), false),
            (Metric::LogLoss, 0.4, 0.1, true),
        ] {
            let gate = floor(MetricLimit { metric, limit }, &metrics(metric, value));
            assert_eq!(gate.passed, passed, "{metric} {value} against {limit}");
            assert_eq!((gate.value, gate.limit), (Some(value), Some(limit)));
        }
    }

    #[test]
    fn a_tie_keeps_the_champion_in_either_direction() {
        // F100
        for (metric, candidate, champion, passed) in [
            (Metric::LogLoss, 0.40, 0.40, false),
            (Metric::LogLoss, 0.3999, 0.40, true),
            (Metric::LogLoss, 0.41, 0.40, false),
            (Metric::Auc, 0.85, 0.85, false),
            (Metric::Auc, 0.85_f64.next_up(), 0.85, true),
            (Metric::Auc, 0.84, 0.85, false),
        ] {
            let gate = better(metric, &metrics(metric, candidate), &rival(metric, champion));
            assert_eq!(gate.passed, passed, "{metric} {candidate} against {champion}");
            assert!(gate.message.contains("version 3"), "{}", gate.message);
        }
    }

    #[test]
    fn without_a_rival_the_comparison_does_not_apply() {
        for rival in [Rival::Absent, Rival::Itself, Rival::Skipped] {
            let gate = better(Metric::Auc, &metrics(Metric::Auc, 0.5), &rival);
            assert!(gate.passed && gate.limit.is_none() && gate.message.starts_with("not applicable"), "{gate:?}");
        }
    }

    #[test]
    fn what_cannot_be_measured_beats_nobody() {
        let number = VersionNumber::new(3).unwrap();
        let unmeasured = Rival::Measured { number, metrics: Metrics::new(), test: None };
        let incomparable = Rival::Incomparable { number, problem: "it predicts another column".to_owned() };
        let good = metrics(Metric::Auc, 0.99);
        assert!(!better(Metric::Auc, &good, &unmeasured).passed);
        assert!(!better(Metric::Auc, &good, &incomparable).passed);
        assert!(!better(Metric::Auc, &Metrics::new(), &rival(Metric::Auc, 0.1)).passed);
        assert!(!floor(MetricLimit { metric: Metric::Auc, limit: 0.0 }, &Metrics::new()).passed);
    }

    #[test]
    fn an_answer_that_is_no_number_and_a_missing_input_fail() {
        // X8
        let mut bad = evidence(metrics(Metric::Auc, 0.9));
        assert!(answers(&bad).passed && signature(&bad).passed);
        bad.answers = Err("column `score` is not finite in row 3".to_owned());
        let gate = answers(&bad);
        assert!(!gate.passed && gate.value.is_none() && gate.message.contains("row 3"), "{gate:?}");
        bad.missing_inputs = vec!["age".to_owned()];
        let gate = signature(&bad);
        assert!(!gate.passed && gate.message.contains("`age`"), "{gate:?}");
    }

    #[test]
    fn no_gate_hides_another() {
        let candidate = Evidence {
            rows: 10,
            inputs: 2,
            missing_inputs: vec!["age".to_owned()],
            answers: Err("no column `age`".to_owned()),
            metrics: Metrics::new(),
        };
        let policy = super::super::Conditions::default().policy(lineal_models::Task::BinaryClassification).unwrap();
        let gates = judge(&policy, &candidate, &rival(Metric::Auc, 0.8));
        let names: Vec<_> = gates.iter().map(|gate| gate.name.as_str()).collect();
        assert_eq!(names, ["signature covers", "answers are finite", "auc floor", "better than champion"]);
        assert!(gates.iter().all(|gate| !gate.passed));
    }
}
