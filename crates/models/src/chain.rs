//! A chain: members in order, each of which may take the answers of those before it.

use std::collections::BTreeSet;

use lineal_data::{Column, DataError, Frame};

use crate::{Member, MemberError, Output, SignatureColumn, Upstream};

/// What the columns of upstream answers start with; no raw column may.
const UPSTREAM: &str = "upstream.";

/// Members whose inputs are raw columns or answers of members before them.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    members: Vec<(String, Member)>,
    /// Raw columns that some member takes, each once.
    inputs: Vec<SignatureColumn>,
}

/// The answers of one member.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberOutputs {
    /// The member's name in the chain.
    pub member: String,
    /// What it answers.
    pub outputs: Vec<Output>,
}

/// Why members are no chain, or why a chain cannot answer.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// Two members share a name.
    #[error("two members are called `{member}`, rename one of them")]
    DuplicateMember {
        /// The name.
        member: String,
    },
    /// A member takes what no member before it answers.
    #[error("`{member}` takes `{input}`, which no member before it answers; put the upstream first")]
    UnknownInput {
        /// The member.
        member: String,
        /// What it takes.
        input: String,
    },
    /// Two members take the same column as different things.
    #[error("`{member}` takes `{input}` as another type than a member before it")]
    InputType {
        /// The member.
        member: String,
        /// What it takes.
        input: String,
    },
    /// A raw column cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A member cannot answer.
    #[error("`{member}` cannot answer")]
    Member {
        /// The member.
        member: String,
        /// Why.
        source: MemberError,
    },
}

impl Chain {
    /// A chain of `members`, each after its upstreams, so that a request can only fail by its values.
    ///
    /// # Errors
    /// [`ChainError::DuplicateMember`], [`ChainError::UnknownInput`] and [`ChainError::InputType`].
    pub fn new(members: Vec<(String, Member)>) -> Result<Self, ChainError> {
        let mut answered = BTreeSet::new();
        let mut inputs: Vec<SignatureColumn> = Vec::new();
        for (i, (name, member)) in members.iter().enumerate() {
            if members[..i].iter().any(|(before, _)| before == name) {
                return Err(ChainError::DuplicateMember { member: name.clone() });
            }
            for input in member.inputs() {
                let known = inputs.iter().find(|known| known.name == input.name);
                match known {
                    _ if input.name.starts_with(UPSTREAM) => {
                        if !answered.contains(&input.name) {
                            return Err(ChainError::UnknownInput { member: name.clone(), input: input.name });
                        }
                    }
                    Some(known) if known.datatype != input.datatype => {
                        return Err(ChainError::InputType { member: name.clone(), input: input.name });
                    }
                    Some(_) => {}
                    None => inputs.push(input),
                }
            }
            let numbers = member.outputs().into_iter().filter(|output| output.shape.is_empty());
            answered.extend(numbers.map(|output| Upstream::column(name, &output.name)));
        }
        Ok(Self { members, inputs })
    }

    /// The raw columns that a request must have.
    pub fn inputs(&self) -> &[SignatureColumn] {
        &self.inputs
    }

    /// Evaluates every member once, in order, on the raw columns of `rows`; other columns are ignored, also those that
    /// are called like upstream answers.
    ///
    /// # Errors
    /// [`ChainError::Data`] with every raw column that is missing, and [`ChainError::Member`].
    pub fn evaluate(&self, rows: &Frame) -> Result<Vec<MemberOutputs>, ChainError> {
        let mut known = self.raw(rows)?;
        let mut answers = Vec::with_capacity(self.members.len());
        for (name, member) in &self.members {
            let outputs =
                member.evaluate(&known).map_err(|source| ChainError::Member { member: name.clone(), source })?;
            for output in outputs.iter().filter(|output| output.column.shape.is_empty()) {
                known.push(Upstream::column(name, &output.column.name), Column::Numbers(output.values.clone()))?;
            }
            answers.push(MemberOutputs { member: name.clone(), outputs });
        }
        Ok(answers)
    }

    fn raw(&self, rows: &Frame) -> Result<Frame, DataError> {
        let names = || self.inputs.iter().map(|input| input.name.clone());
        let missing: Vec<String> = names().filter(|name| rows.column(name).is_none()).collect();
        if !missing.is_empty() {
            return Err(DataError::MissingColumns { names: missing, expected: names().collect() });
        }
        let mut raw = Frame::new(rows.rows());
        for name in names() {
            if let Some(column) = rows.column(&name) {
                raw.push(name, column.clone())?;
            }
        }
        Ok(raw)
    }
}
