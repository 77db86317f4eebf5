//! A training gone through again, step by step, beside what was recorded of it.

use std::collections::{BTreeMap, BTreeSet};

use lineal_kernel::{Digest, ModelName};

/// The wish to train a version again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReproduceVersion {
    pub(crate) model: ModelName,
    pub(crate) number: u64,
    /// Threads of the fit; `None` for as many as jobs get.
    pub(crate) threads: Option<usize>,
}

/// The steps of a reproduction, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Fetch rows and upstreams.
    Load,
    /// Cut the rows.
    Split,
    /// Fit the features.
    Features,
    /// Fit the model.
    Fit,
    /// Pack it.
    Bundle,
}

/// Digests by what they are of.
pub(crate) type Facts = BTreeMap<String, Digest>;

/// One digest as it was recorded and as it was found, where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Comparison {
    pub(crate) subject: String,
    pub(crate) recorded: Option<Digest>,
    pub(crate) found: Option<Digest>,
}

impl Comparison {
    pub(crate) fn same(&self) -> bool {
        self.recorded == self.found
    }
}

/// What one step came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) stage: Stage,
    pub(crate) comparisons: Vec<Comparison>,
    /// Why the step could not be done again.
    pub(crate) problem: Option<String>,
}

impl Verdict {
    /// Holds what was found, or why nothing was, against what was recorded.
    pub(crate) fn of(stage: Stage, recorded: &Facts, found: Result<Facts, String>) -> Self {
        let (found, problem) = match found {
            Ok(found) => (found, None),
            Err(problem) => (Facts::new(), Some(problem)),
        };
        let subjects: BTreeSet<_> = recorded.keys().chain(found.keys()).collect();
        let compare = |subject: &String| Comparison {
            subject: subject.clone(),
            recorded: recorded.get(subject).copied(),
            found: found.get(subject).copied(),
        };
        Self { stage, comparisons: subjects.into_iter().map(compare).collect(), problem }
    }

    pub(crate) fn same(&self) -> bool {
        self.problem.is_none() && self.comparisons.iter().all(Comparison::same)
    }
}

/// A reproduction as far as it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reproduction {
    pub(crate) model: ModelName,
    pub(crate) number: u64,
    pub(crate) run_id: String,
    pub(crate) threads: usize,
    pub(crate) verdicts: Vec<Verdict>,
    /// What was not the same about the program and its machine.
    pub(crate) code_differences: Vec<String>,
}

impl Reproduction {
    /// Whether no step is left, or none can be done.
    pub(crate) fn done(&self) -> bool {
        self.verdicts.last().is_some_and(|last| last.stage == Stage::Bundle || last.problem.is_some())
    }

    /// The first step that differs.
    pub(crate) fn differs_at(&self) -> Option<Stage> {
        self.verdicts.iter().find(|verdict| !verdict.same()).map(|verdict| verdict.stage)
    }

    pub(crate) fn reproduced(&self) -> bool {
        self.done() && self.differs_at().is_none()
    }
}

/// What of `recorded` is another program or machine than `here`, one sentence each.
pub(crate) fn code_differences(recorded: &BTreeMap<String, String>, here: &BTreeMap<String, String>) -> Vec<String> {
    let differs = |key: &&str| recorded.get(*key) != here.get(*key);
    let value = |map: &BTreeMap<String, String>, key| map.get(key).map_or("unknown", String::as_str).to_owned();
    let sentence = |key| format!("{key} was {}, here it is {}", value(recorded, key), value(here, key));
    ["lineal", "os", "arch"].into_iter().filter(differs).map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(pairs: &[(&str, &str)]) -> Facts {
        pairs.iter().map(|(subject, content)| ((*subject).to_owned(), Digest::of(content.as_bytes()))).collect()
    }

    #[test]
    fn the_first_step_that_differs_is_named() {
        // F94
        let same = |stage| Verdict::of(stage, &facts(&[("x", "1")]), Ok(facts(&[("x", "1")])));
        let mut reproduction = Reproduction {
            model: ModelName::new("churn").unwrap(),
            number: 3,
            run_id: "r".to_owned(),
            threads: 1,
            verdicts: vec![same(Stage::Load)],
            code_differences: Vec::new(),
        };
        assert!(!reproduction.done() && !reproduction.reproduced());
        reproduction.verdicts =
            [Stage::Load, Stage::Split, Stage::Features, Stage::Fit, Stage::Bundle].map(same).to_vec();
        assert!(reproduction.done() && reproduction.reproduced());
        for (found, problem) in [(Ok(facts(&[("x", "2")])), false), (Ok(Facts::new()), false), (Err("gone"), true)] {
            let found = found.map_err(str::to_owned);
            reproduction.verdicts[2] = Verdict::of(Stage::Features, &facts(&[("x", "1")]), found);
            assert_eq!(reproduction.verdicts[2].problem.is_some(), problem);
            assert_eq!(reproduction.differs_at(), Some(Stage::Features));
            assert!(!reproduction.reproduced());
        }
        // What was never recorded is a difference too.
        let more = Verdict::of(Stage::Split, &Facts::new(), Ok(facts(&[("extra", "1")])));
        assert!(!more.same() && more.comparisons[0].recorded.is_none());
    }

    #[test]
    fn another_release_or_machine_is_told_and_threads_are_not() {
        let words = |pairs: [(&str, &str); 3]| pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let recorded = words([("lineal", "0.1.0"), ("os", "linux"), ("threads", "1")]);
        let here = words([("lineal", "0.2.0"), ("os", "linux"), ("threads", "8")]);
        assert_eq!(code_differences(&recorded, &here), ["lineal was 0.1.0, here it is 0.2.0"]);
    }
}
