//! Scoring candidate and champion on the same rows. The numbers of whoever trained them are never used.

use bytes::Bytes;
use std::borrow::Cow;

use lineal_data::{DataError, Frame, Lag, Snapshot, Table, Target};
use lineal_kernel::Digest;
use lineal_models::{Decision, Manifest, Metric, ScoreError, ServedModel, Side, Task, paired_test};

use super::fetch::{Contender, FetchedBundle, with_causes};
use crate::domain::{Evidence, Metrics, Policy, Rival, TestResult, ValidatorError};

/// Everything a verdict needs, in memory.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) policy: Policy,
    pub(crate) candidate: FetchedBundle,
    pub(crate) opponent: Opponent,
    /// The candidate's reference set.
    pub(crate) reference: Bytes,
    pub(crate) reference_digest: Digest,
}

/// Who stands against the candidate, before anything is measured.
#[derive(Debug)]
pub(crate) enum Opponent {
    /// Nobody, for a reason that needs no measuring.
    Nobody(Rival),
    /// The champion.
    Champion(Box<FetchedBundle>),
}

/// What the measuring showed.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) candidate: Evidence,
    pub(crate) rival: Rival,
}

/// What a model said of the rows.
struct Answers {
    scores: Vec<f64>,
    /// From this score on it calls a row positive, where it decides between two classes.
    threshold: f64,
    metrics: Metrics,
}

impl Answers {
    fn side(&self) -> Side<'_> {
        Side { scores: &self.scores, threshold: self.threshold }
    }
}

/// The rows with their labels.
struct Exam {
    task: Task,
    classes: Vec<String>,
    target: Target,
    table: Table,
    /// All columns of the table.
    frame: Frame,
    labels: Vec<f64>,
}

impl Case {
    /// Loads and scores both sides: not for a thread that serves.
    pub(crate) fn measure(self) -> Result<Measured, ValidatorError> {
        let manifest = self.candidate.manifest().clone();
        let contender = self.candidate.contender.clone();
        let candidate = self.candidate.load()?;
        let exam = Exam::new(&manifest, self.reference, self.reference_digest)
            .map_err(|error| unusable(&contender, with_causes(&error)))?;
        let answers = exam.answers(&candidate);
        let rival = match self.opponent {
            Opponent::Nobody(rival) => rival,
            Opponent::Champion(champion) => exam.rival(*champion, answers.as_ref().ok(), self.policy.comparison)?,
        };
        Ok(Measured { candidate: exam.evidence(&candidate, answers), rival })
    }
}

impl Exam {
    fn new(manifest: &Manifest, reference: Bytes, digest: Digest) -> Result<Self, ScoreError> {
        let table = Snapshot::open(reference, digest)?;
        let target = target_of(manifest);
        let labels = manifest.labels(&table)?;
        let (classes, frame) = (manifest.decision.classes(), table.to_frame());
        Ok(Self { task: manifest.task, classes, target, table, frame, labels })
    }

    /// The rows as `model` takes them: what it is told of earlier rows comes from the rows of the reference set alone.
    fn frame(&self, model: &ServedModel) -> Result<Cow<'_, Frame>, DataError> {
        if model.history().is_none() {
            return Ok(Cow::Borrowed(&self.frame));
        }
        Ok(Cow::Owned(model.look_back(&self.table)?.into_frame()))
    }

    fn evidence(&self, model: &ServedModel, answers: Result<Answers, String>) -> Evidence {
        let (rows, inputs) = (self.frame.rows(), &model.signature().inputs);
        let told: Vec<_> =
            model.history().map(|history| history.lags.iter().map(Lag::name).collect()).unwrap_or_default();
        let absent = |name: &String| self.frame.column(name).is_none() && !told.contains(name);
        let missing = inputs.iter().filter(|input| absent(&input.name));
        Evidence {
            rows,
            inputs: inputs.len(),
            missing_inputs: missing.map(|input| input.name.clone()).collect(),
            answers: answers.as_ref().map(|_| rows).map_err(Clone::clone),
            metrics: answers.map(|answers| answers.metrics).unwrap_or_default(),
        }
    }

    /// The model's answers and how good they are, or why it did not answer. A metric that overflows is left out: it has no value.
    fn answers(&self, model: &ServedModel) -> Result<Answers, String> {
        let frame = self.frame(model).map_err(|error| with_causes(&error))?;
        let scores = model.whole(model.score(&frame).map_err(|error| with_causes(&error))?);
        let threshold = model.decision().threshold();
        let metrics = model.measure(&self.labels, &scores);
        let metrics = metrics.map_err(|error| error.to_string())?.into_iter();
        let finite = metrics.filter(|(_, value)| value.is_finite()).map(|(name, value)| (name.to_owned(), value));
        Ok(Answers { metrics: finite.collect(), scores, threshold })
    }

    /// Whether the difference in `metric` may be chance, where a test can tell.
    fn test(&self, metric: Metric, candidate: &Answers, champion: &Answers) -> Option<TestResult> {
        let found = paired_test(self.task, metric, &self.labels, candidate.side(), champion.side()).ok()??;
        let finite = found.statistic.is_finite() && found.p_value.is_finite();
        let (name, statistic, p_value) = (found.name.to_owned(), found.statistic, found.p_value);
        finite.then_some(TestResult { name, statistic, p_value })
    }

    /// The champion on the candidate's rows and labels.
    fn rival(
        &self,
        champion: FetchedBundle,
        candidate: Option<&Answers>,
        metric: Metric,
    ) -> Result<Rival, ValidatorError> {
        let number = champion.contender.number;
        let (task, target) = (champion.manifest().task, target_of(champion.manifest()));
        // The other of two classes may be left without a name, the order of several is that of the scores.
        let same_classes =
            task != Task::MulticlassClassification || champion.manifest().decision.classes() == self.classes;
        let champion = champion.load()?;
        if (task, &target) != (self.task, &self.target) || !same_classes {
            let problem = format!("it predicts {} of `{}`, another target", task.name(), target.column);
            return Ok(Rival::Incomparable { number, problem });
        }
        Ok(match self.answers(&champion) {
            Ok(answers) => {
                let test = candidate.and_then(|candidate| self.test(metric, candidate, &answers));
                Rival::Measured { number, metrics: answers.metrics, test }
            }
            Err(problem) => Rival::Incomparable { number, problem },
        })
    }
}

/// What the model predicts, with the class that it serves as positive: the label may leave that one to convention.
fn target_of(manifest: &Manifest) -> Target {
    let positive = match &manifest.decision {
        Decision::Threshold(two) => Some(two.positive_class.clone()),
        Decision::MostProbable(_) | Decision::Number => None,
    };
    Target { column: manifest.label.column.clone(), positive }
}

fn unusable(candidate: &Contender, problem: String) -> ValidatorError {
    ValidatorError::ReferenceUnusable { model: candidate.model.clone(), number: candidate.number, problem }
}
