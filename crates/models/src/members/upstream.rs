//! What a member learns from: rows, and the answers of the members before it.

use std::collections::HashSet;

use lineal_data::Frame;
use serde::{Deserialize, Serialize};

use super::{MemberError, MemberFitError, OutputColumn, columns, error::cut};
use crate::{Datatype, SignatureColumn};

/// The column that says which class came true, for the members that learn from it.
pub const OUTCOME: &str = "outcome";

/// The outcomes of a match.
pub const MATCH_CLASSES: [&str; 3] = ["home", "draw", "away"];
/// No fitted number is near this; a sum of a few products with it is finite.
pub(super) const LARGEST: f64 = 1e9;

/// An upstream member and the classes it gives probabilities for, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// The member's name in the chain.
    pub member: String,
    /// Its outputs that are probabilities of the classes.
    pub classes: Vec<String>,
}

/// How many upstream members a family takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upstreams {
    /// Raw columns only.
    None,
    /// Exactly one.
    One,
    /// One or more.
    Several,
}

/// Rows to learn from.
#[derive(Debug, Clone, Copy)]
pub struct MemberRows<'a> {
    /// Raw columns, [`OUTCOME`] where the family learns from it, and a column [`Upstream::column`] for each upstream
    /// output.
    pub rows: &'a Frame,
    /// The upstream members.
    pub upstreams: &'a [Upstream],
}

impl Upstream {
    /// The column in which `member` answers `output`: `upstream.poisson.home`.
    pub fn column(member: &str, output: &str) -> String {
        format!("upstream.{member}.{output}")
    }

    /// One column for each class.
    fn columns(&self) -> impl Iterator<Item = String> {
        self.classes.iter().map(|class| Self::column(&self.member, class))
    }

    /// The probabilities of each class in turn.
    pub(super) fn probabilities<'a>(&self, rows: &'a Frame) -> Result<Vec<&'a [f64]>, MemberError> {
        self.columns().map(|column| probabilities(rows, column)).collect()
    }

    /// What a member takes that learns from these probabilities.
    pub(super) fn inputs(&self) -> Vec<SignatureColumn> {
        self.columns().map(|name| SignatureColumn { name, datatype: Datatype::Fp64 }).collect()
    }

    /// What a member answers that gives probabilities of the same classes.
    pub(super) fn outputs(&self) -> Vec<OutputColumn> {
        self.classes.iter().map(|class| OutputColumn::number(class)).collect()
    }

    /// That there are two or more classes and no two alike.
    pub(super) fn check(&self) -> Result<(), MemberError> {
        let different: HashSet<_> = self.classes.iter().collect();
        if self.classes.len() < 2 || different.len() < self.classes.len() {
            let problem = format!("`{}` does not have two or more classes, no two alike", self.member);
            return Err(MemberError::Malformed { problem });
        }
        Ok(())
    }

    /// That the classes are `expected`, in that order.
    pub(super) fn check_classes(&self, expected: &[String]) -> Result<(), MemberFitError> {
        if self.classes == expected {
            return Ok(());
        }
        let (member, found, expected) = (self.member.clone(), self.classes.clone(), expected.to_vec());
        Err(MemberFitError::Classes { member, found, expected })
    }
}

fn probabilities(rows: &Frame, column: String) -> Result<&[f64], MemberError> {
    let values = columns::numbers(rows, &column)?;
    match values.iter().position(|value| !(0.0..=1.0).contains(value)) {
        Some(row) => Err(MemberError::Probability { column, row, value: values[row] }),
        None => Ok(values),
    }
}

impl Upstreams {
    /// In words.
    fn takes(self) -> &'static str {
        match self {
            Self::None => "no upstream member",
            Self::One => "one upstream member",
            Self::Several => "one upstream member or more",
        }
    }

    /// That `data` has rows and as many upstream members as `family` takes.
    pub(super) fn check(self, family: &'static str, data: &MemberRows<'_>) -> Result<(), MemberFitError> {
        if data.rows.rows() == 0 {
            return Err(MemberFitError::NoRows);
        }
        let found = data.upstreams.len();
        let fits = match self {
            Self::None => found == 0,
            Self::One => found == 1,
            Self::Several => found >= 1,
        };
        if fits { Ok(()) } else { Err(MemberFitError::Upstreams { family, takes: self.takes(), found }) }
    }
}

impl MemberRows<'_> {
    /// Per row the index of the class that came true; every class does somewhere.
    pub(super) fn outcomes(&self, classes: &[String]) -> Result<Vec<usize>, MemberFitError> {
        let index = |(row, outcome): (usize, &str)| {
            classes.iter().position(|class| class == outcome).ok_or_else(|| MemberFitError::Outcome {
                row,
                outcome: cut(outcome),
                classes: classes.to_vec(),
            })
        };
        let outcomes: Vec<usize> =
            columns::texts(self.rows, OUTCOME)?.into_iter().enumerate().map(index).collect::<Result<_, _>>()?;
        match (0..classes.len()).find(|class| !outcomes.contains(class)) {
            Some(class) => Err(MemberFitError::AbsentClass { class: classes[class].clone() }),
            None => Ok(outcomes),
        }
    }
}
