//! A fitted member: numbers that are stored, checked when they are read, and evaluated.

use lineal_data::Frame;
use serde::{Deserialize, Serialize};

use super::{Blending, Calibration, DrawCalibration, MemberError, Poisson, upstream::MATCH_CLASSES};
use crate::SignatureColumn;

/// A fitted member. Data only: its bytes are the same for the same numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Member {
    /// Goals of both sides of a match.
    Poisson(Poisson),
    /// A draw probability, corrected.
    DrawCalibration(DrawCalibration),
    /// Probabilities of several members, made into one.
    Blending(Blending),
    /// Probabilities, corrected.
    Calibration(Calibration),
}

/// One output of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputColumn {
    /// Its name.
    pub name: String,
    /// Its shape for one row; empty for a single number, which other members can take.
    pub shape: Vec<usize>,
}

/// One output of a member for some rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// What it is.
    pub column: OutputColumn,
    /// Its numbers, row after row.
    pub values: Vec<f64>,
}

/// What each kind of member does.
pub(super) trait Evaluate {
    /// That stored numbers can be evaluated without a panic or a result that is not finite.
    fn check(&self) -> Result<(), MemberError>;

    /// The columns it takes.
    fn inputs(&self) -> Vec<SignatureColumn>;

    /// What it answers.
    fn outputs(&self) -> Vec<OutputColumn>;

    /// Its answers for every row, in the order of its outputs.
    fn evaluate(&self, rows: &Frame) -> Result<Vec<Output>, MemberError>;
}

impl Member {
    /// The member stored in `bytes`.
    ///
    /// # Errors
    /// [`MemberError::Malformed`]: after this, evaluating can neither panic nor answer what is not finite, whoever
    /// wrote the bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MemberError> {
        let member: Self =
            serde_json::from_slice(bytes).map_err(|error| MemberError::Malformed { problem: error.to_string() })?;
        member.kind().check()?;
        Ok(member)
    }

    /// The bytes to store: compact JSON with fields in the order of their declaration.
    ///
    /// # Errors
    /// Never for a member that was fitted or read.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// The columns it takes: raw ones, and `upstream.<member>.<output>` for answers of members before it.
    pub fn inputs(&self) -> Vec<SignatureColumn> {
        self.kind().inputs()
    }

    /// What it answers.
    pub fn outputs(&self) -> Vec<OutputColumn> {
        self.kind().outputs()
    }

    /// The classes it gives probabilities for, in the order of its outputs.
    pub fn classes(&self) -> Vec<String> {
        match self {
            Self::Poisson(_) => MATCH_CLASSES.map(String::from).into(),
            other => other.outputs().into_iter().map(|output| output.name).collect(),
        }
    }

    /// Its answers for every row, in the order of [`Member::outputs`]; columns beyond its inputs are ignored.
    ///
    /// # Errors
    /// [`MemberError`]: columns that are missing or of the wrong kind, and values it knows nothing about.
    pub fn evaluate(&self, rows: &Frame) -> Result<Vec<Output>, MemberError> {
        self.kind().evaluate(rows)
    }

    fn kind(&self) -> &dyn Evaluate {
        match self {
            Self::Poisson(member) => member,
            Self::DrawCalibration(member) => member,
            Self::Blending(member) => member,
            Self::Calibration(member) => member,
        }
    }
}

impl OutputColumn {
    /// A single number.
    pub(super) fn number(name: &str) -> Self {
        Self { name: name.to_owned(), shape: Vec::new() }
    }
}

/// Rows of one number per output, as outputs.
pub(super) fn transpose(columns: Vec<OutputColumn>, rows: impl Iterator<Item = Vec<f64>>) -> Vec<Output> {
    let mut outputs: Vec<Output> = columns.into_iter().map(|column| Output { column, values: Vec::new() }).collect();
    for row in rows {
        outputs.iter_mut().zip(row).for_each(|(output, value)| output.values.push(value));
    }
    outputs
}

/// That all of `values` are finite and none is larger than `limit`.
pub(super) fn check_numbers(field: &str, values: &[f64], limit: f64) -> Result<(), MemberError> {
    match values.iter().position(|value| value.is_nan() || value.abs() > limit) {
        Some(at) => {
            Err(MemberError::Malformed { problem: format!("`{field}` is not a number in -{limit}..={limit} at {at}") })
        }
        None => Ok(()),
    }
}
