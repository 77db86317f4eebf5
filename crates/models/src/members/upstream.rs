//! What a member learns from: rows, and the answers of the members before it.

use lineal_data::Frame;
use serde::{Deserialize, Serialize};

use super::MemberFitError;

/// The column that says which class came true, for the members that learn from it.
pub const OUTCOME: &str = "outcome";

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
