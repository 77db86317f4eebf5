//! Scoring candidate and champion on the same rows. The numbers of whoever trained them are never used.

use bytes::Bytes;
use lineal_data::{DataError, Frame, Snapshot, Table, Target};
use lineal_kernel::Digest;
use lineal_models::{Decision, Manifest, ServedModel, Task};

use super::fetch::{Contender, FetchedBundle};
use crate::domain::{Evidence, Metrics, Policy, Rival, ValidatorError};

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

/// The rows with their labels.
struct Exam {
    task: Task,
    classes: Vec<String>,
    target: Target,
    frame: Frame,
    labels: Vec<f64>,
}

impl Case {
    /// Loads and scores both sides: not for a thread that serves.
    pub(crate) fn measure(self) -> Result<Measured, ValidatorError> {
        let manifest = self.candidate.manifest.clone();
        self.policy.check_task(manifest.task)?;
        let contender = self.candidate.contender.clone();
        let candidate = self.candidate.load()?;
        let exam = Exam::new(&manifest, self.reference, self.reference_digest)
            .map_err(|error| unusable(&contender, error.to_string()))?;
        let rival = match self.opponent {
            Opponent::Nobody(rival) => rival,
            Opponent::Champion(champion) => exam.rival(*champion)?,
        };
        Ok(Measured { candidate: exam.evidence(&candidate), rival })
    }
}

impl Exam {
    fn new(manifest: &Manifest, reference: Bytes, digest: Digest) -> Result<Self, DataError> {
        let table = Snapshot::open(reference, digest)?;
        let target = target_of(manifest);
        let labels = labels(&manifest.decision, &target, &table)?;
        Ok(Self { task: manifest.task, classes: manifest.decision.classes(), target, frame: table.to_frame(), labels })
    }

    fn evidence(&self, model: &ServedModel) -> Evidence {
        let (rows, inputs) = (self.frame.rows(), &model.signature().inputs);
        let missing = inputs.iter().filter(|input| self.frame.column(&input.name).is_none());
        let measured = self.measure(model);
        Evidence {
            rows,
            inputs: inputs.len(),
            missing_inputs: missing.map(|input| input.name.clone()).collect(),
            answers: measured.as_ref().map(|_| rows).map_err(Clone::clone),
            metrics: measured.unwrap_or_default(),
        }
    }

    /// Metrics of the model's answers, or why it did not answer. A metric that overflows is left out: it has no value.
    fn measure(&self, model: &ServedModel) -> Result<Metrics, String> {
        let scores = model.score(&self.frame).map_err(|error| error.to_string())?;
        let metrics = model.measure(&self.labels, &scores);
        let metrics = metrics.map_err(|error| error.to_string())?.into_iter();
        Ok(metrics.filter(|(_, value)| value.is_finite()).map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// The champion on the candidate's rows and labels.
    fn rival(&self, champion: FetchedBundle) -> Result<Rival, ValidatorError> {
        let number = champion.contender.number;
        let (task, target) = (champion.manifest.task, target_of(&champion.manifest));
        // The other of two classes may be left without a name, the order of several is that of the scores.
        let same_classes =
            task != Task::MulticlassClassification || champion.manifest.decision.classes() == self.classes;
        let champion = champion.load()?;
        if (task, &target) != (self.task, &self.target) || !same_classes {
            let problem = format!("it predicts {} of `{}`, another target", task.name(), target.column);
            return Ok(Rival::Incomparable { number, problem });
        }
        Ok(match self.measure(&champion) {
            Ok(metrics) => Rival::Measured { number, metrics },
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

fn labels(decision: &Decision, target: &Target, table: &Table) -> Result<Vec<f64>, DataError> {
    match decision {
        Decision::Threshold(_) => Ok(target.classes(table)?.values),
        Decision::MostProbable(most) => target.positions(table, &most.classes),
        Decision::Number => target.numbers(table),
    }
}

fn unusable(candidate: &Contender, problem: String) -> ValidatorError {
    ValidatorError::ReferenceUnusable { model: candidate.model.clone(), number: candidate.number, problem }
}
