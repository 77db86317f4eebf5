//! Members of an ensemble answer, and their answers are weighed.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use lineal_data::{DataError, Frame};

use super::{EnsembleError, EnsembleRule, MemberFault, problem::is_of_columns};
use crate::{ScoreError, ServedModel, SignatureColumn};

/// Scores, and who is not in them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// Row after row.
    pub scores: Vec<f64>,
    /// The members of an ensemble that did not answer some of the rows, in their order; the others' weights were raised there.
    pub left_out: Vec<LeftOut>,
}

/// A member of an ensemble that did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The version, e.g. `churn/3`.
    pub member: String,
    /// The rows it did not answer, counted from 0; none for all.
    pub rows: Vec<usize>,
    /// Why it did not answer the first of them.
    pub problem: String,
}

/// Members that predict the same thing.
pub(in crate::bundle) struct Ensemble {
    rule: EnsembleRule,
    voices: Vec<Voice>,
    inputs: Vec<SignatureColumn>,
    outputs: usize,
}

/// One member.
pub(super) struct Voice {
    name: String,
    weight: f64,
    /// Why it is not loaded, if it is not.
    model: Result<ServedModel, String>,
}

/// What one member said.
struct Heard {
    /// Row after row, 0 where it did not answer.
    scores: Vec<f64>,
    /// The rows that it did not answer.
    silent: Vec<usize>,
    /// Why it did not answer the first of them.
    problem: String,
}

impl Ensemble {
    pub(super) fn new(rule: EnsembleRule, voices: Vec<Voice>, inputs: Vec<SignatureColumn>, outputs: usize) -> Self {
        Self { rule, voices, inputs, outputs }
    }

    /// How many scores a row gets.
    pub(in crate::bundle) fn outputs(&self) -> usize {
        self.outputs
    }

    /// The raw columns it takes.
    pub(in crate::bundle) fn inputs(&self) -> &[SignatureColumn] {
        &self.inputs
    }

    /// The members that are loaded.
    pub(in crate::bundle) fn loaded(&self) -> impl Iterator<Item = &ServedModel> {
        self.voices.iter().filter_map(Voice::model)
    }

    /// The members that are not.
    pub(in crate::bundle) fn absent(&self) -> impl Iterator<Item = LeftOut> {
        self.voices.iter().filter_map(Voice::absence)
    }

    /// The weighted mean of what the members say of each row. By the rule a member that cannot answer a row is left out of it or
    /// leaves all rows without an answer.
    pub(in crate::bundle) fn answer(&self, frame: &Frame) -> Result<Answer, ScoreError> {
        self.check_columns(frame)?;
        let rows = frame.rows();
        let (mut sums, mut weights) = (vec![0.0; rows * self.outputs], vec![0.0; rows]);
        let mut left_out = Vec::new();
        for voice in &self.voices {
            let heard = match (voice.ask(frame), self.rule) {
                (Ok(scores), _) => Heard { scores, silent: Vec::new(), problem: String::new() },
                (Err(MemberFault::Score(error)), _) if is_of_columns(&error) => return Err(*error),
                (Err(source), EnsembleRule::Fail) => {
                    return Err(EnsembleError::MemberFailed { member: voice.name.clone(), source }.into());
                }
                (Err(fault), EnsembleRule::Renormalise) => voice.ask_by_halves(frame, self.outputs, &fault),
            };
            heard.add(voice.weight, &mut sums, &mut weights);
            if !heard.silent.is_empty() {
                let Heard { silent, problem, .. } = heard;
                let rows = if silent.len() == rows { Vec::new() } else { silent };
                left_out.push(LeftOut { member: voice.name.clone(), rows, problem });
            }
        }
        for (row, (sums, weight)) in sums.chunks_mut(self.outputs).zip(weights).enumerate() {
            if weight == 0.0 {
                return Err(self.silence(frame, row));
            }
            for sum in sums {
                *sum /= weight;
            }
        }
        Ok(Answer { scores: sums, left_out })
    }

    fn check_columns(&self, frame: &Frame) -> Result<(), DataError> {
        let names = || self.inputs.iter().map(|input| input.name.clone());
        let missing: Vec<String> = names().filter(|name| frame.column(name).is_none()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(DataError::MissingColumns { names: missing, expected: names().collect() })
    }

    /// Why no member answers `row`: the first that is at fault itself, or else the first that refuses the row.
    fn silence(&self, frame: &Frame, row: usize) -> ScoreError {
        let alone = frame.take(&[row]);
        let mut found: Option<(&Voice, MemberFault)> = None;
        for voice in &self.voices {
            let Err(fault) = voice.ask(&alone) else { continue };
            let is_own = fault.refusal().is_none();
            if is_own || found.is_none() {
                found = Some((voice, fault));
            }
            if is_own {
                break;
            }
        }
        let (member, source) = match found {
            Some((voice, fault)) => (voice.name.clone(), fault.within(row)),
            // They answer now: nothing holds for a model that is not the same each time.
            None => (self.voices[0].name.clone(), MemberFault::Panicked("it does not always answer alike".to_owned())),
        };
        EnsembleError::NobodyAnswers { row, member, source }.into()
    }
}

impl Voice {
    pub(super) fn new(name: String, weight: f64, model: Result<ServedModel, String>) -> Self {
        Self { name, weight, model }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn model(&self) -> Option<&ServedModel> {
        self.model.as_ref().ok()
    }

    /// What is said of it if it is not loaded.
    pub(super) fn absence(&self) -> Option<LeftOut> {
        let problem = self.model.as_ref().err()?;
        Some(LeftOut { member: self.name.clone(), rows: Vec::new(), problem: problem.clone() })
    }

    /// Its scores of all rows.
    fn ask(&self, frame: &Frame) -> Result<Vec<f64>, MemberFault> {
        let model = self.model.as_ref().map_err(|problem| MemberFault::NotLoaded(problem.clone()))?;
        guarded(|| model.score(frame))
    }

    /// Its scores of the rows that it answers, after `fault` with all of them: a part that it cannot answer is asked in halves, down to
    /// the rows at fault.
    fn ask_by_halves(&self, frame: &Frame, outputs: usize, fault: &MemberFault) -> Heard {
        let rows = frame.rows();
        let problem = super::causes(fault);
        let mut heard = Heard { scores: vec![0.0; rows * outputs], silent: Vec::new(), problem };
        if self.model.is_err() || rows < 2 {
            heard.silent = (0..rows).collect();
            return heard;
        }
        // The last part is asked first.
        let mut parts = vec![rows / 2..rows, 0..rows / 2];
        while let Some(part) = parts.pop() {
            match self.ask(&frame.take(&part.clone().collect::<Vec<_>>())) {
                Ok(scores) => {
                    heard.scores[part.start * outputs..part.end * outputs].copy_from_slice(&scores);
                }
                Err(_) if part.len() == 1 => heard.silent.push(part.start),
                Err(_) => {
                    let middle = part.start + part.len() / 2;
                    parts.extend([middle..part.end, part.start..middle]);
                }
            }
        }
        heard
    }
}

impl Heard {
    /// Adds what was said, weighed, to `sums`, and the weight to that of every row that it answers.
    fn add(&self, weight: f64, sums: &mut [f64], weights: &mut [f64]) {
        sums.iter_mut().zip(&self.scores).for_each(|(sum, score)| *sum += weight * score);
        let mut silent = self.silent.iter().peekable();
        for (row, sum) in weights.iter_mut().enumerate() {
            if silent.next_if(|silent| **silent == row).is_none() {
                *sum += weight;
            }
        }
    }
}

/// What `score` says, be it to panic.
fn guarded(score: impl FnOnce() -> Result<Vec<f64>, ScoreError>) -> Result<Vec<f64>, MemberFault> {
    match catch_unwind(AssertUnwindSafe(score)) {
        Ok(scored) => scored.map_err(|error| MemberFault::Score(error.into())),
        Err(panic) => Err(MemberFault::Panicked(text(panic.as_ref()))),
    }
}

/// What a panic said.
fn text(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<&str>().map(ToString::to_string);
    said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no reason was given".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_fault_of_the_member() {
        // F141
        let fault = guarded(|| panic!("index out of bounds")).unwrap_err();
        assert_eq!(fault.to_string(), "it panicked: index out of bounds");
        assert!(fault.refusal().is_none());
        assert_eq!(guarded(|| Ok(vec![0.5])).unwrap(), [0.5]);
    }
}
