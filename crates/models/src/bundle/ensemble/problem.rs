//! Why members are no ensemble, and why an ensemble cannot answer.

use lineal_data::DataError;

use crate::{OnnxError, ScoreError};

/// Why members are no ensemble.
#[derive(Debug, thiserror::Error)]
pub enum EnsembleProblem {
    /// One member or none.
    #[error("{found} members are given, give at least two")]
    TooFew {
        /// How many are given.
        found: usize,
    },
    /// A member is given twice.
    #[error("`{member}` is given twice, raise its weight instead")]
    DuplicateMember {
        /// The member.
        member: String,
    },
    /// A weight that is none.
    #[error("the weight of `{member}` is {weight}, give a finite number more than 0")]
    Weight {
        /// The member.
        member: String,
        /// Its weight.
        weight: f64,
    },
    /// Stored weights are shares of a whole.
    #[error("the weights sum to {sum}, expected 1")]
    Sum {
        /// Their sum.
        sum: f64,
    },
    /// A member is an ensemble.
    #[error("`{member}` is an ensemble itself, name its members instead")]
    Nested {
        /// The member.
        member: String,
    },
    /// A member answers another kind of question.
    #[error("`{member}` predicts {found}, the others {expected}; leave it out")]
    Task {
        /// The member.
        member: String,
        /// What the others predict.
        expected: &'static str,
        /// What it predicts.
        found: &'static str,
    },
    /// A member tells other classes apart, or orders them otherwise.
    #[error("`{member}` has other classes than the others, or another order of them; leave it out")]
    Classes {
        /// The member.
        member: String,
    },
    /// A member predicts another column.
    #[error("`{member}` predicts the column `{column}`, the others another one; leave it out")]
    Label {
        /// The member.
        member: String,
        /// What it predicts.
        column: String,
    },
    /// Two members take the same column as different things.
    #[error("`{member}` takes `{input}` as another type than a member before it")]
    InputType {
        /// The member.
        member: String,
        /// What it takes.
        input: String,
    },
    /// Members look back on earlier rows in different ways.
    #[error("`{member}` has other lags than a member before it; leave it out")]
    History {
        /// The member.
        member: String,
    },
    /// A member is missing or does not load, and the rule is to fail, or no other member loads.
    #[error("the member `{member}` cannot be loaded: {problem}")]
    NotLoaded {
        /// The member.
        member: String,
        /// Why.
        problem: String,
    },
}

/// Why an ensemble cannot answer.
#[derive(Debug, thiserror::Error)]
pub enum EnsembleError {
    /// A member cannot answer, and the rule is to fail.
    #[error("the member `{member}` cannot answer, and the ensemble's rule is to fail")]
    MemberFailed {
        /// The member.
        member: String,
        /// Why.
        source: MemberFault,
    },
    /// Nobody is left to answer a row.
    #[error("no member of the ensemble can answer row {row}, nor can `{member}`")]
    NobodyAnswers {
        /// The row, counted from 0.
        row: usize,
        /// One of the members.
        member: String,
        /// Why it cannot.
        source: MemberFault,
    },
}

/// Why one member cannot answer.
#[derive(Debug, thiserror::Error)]
pub enum MemberFault {
    /// It refuses the rows, or its scores are no numbers.
    #[error(transparent)]
    Score(Box<ScoreError>),
    /// It broke.
    #[error("it panicked: {0}")]
    Panicked(String),
    /// It is not there.
    #[error("it is not loaded: {0}")]
    NotLoaded(String),
}

impl EnsembleError {
    /// The member that cannot answer, and why.
    pub fn fault(&self) -> (&str, &MemberFault) {
        match self {
            Self::MemberFailed { member, source } | Self::NobodyAnswers { member, source, .. } => (member, source),
        }
    }

    pub(in crate::bundle) fn move_rows(&mut self, first: usize) {
        let fault = match self {
            Self::MemberFailed { source, .. } => source,
            Self::NobodyAnswers { row, source, .. } => {
                *row += first;
                source
            }
        };
        let taken = std::mem::replace(fault, MemberFault::NotLoaded(String::new()));
        *fault = taken.within(first);
    }
}

impl MemberFault {
    /// The error of rows that the member does not take; `None` if the member is at fault.
    pub fn refusal(&self) -> Option<&ScoreError> {
        match self {
            Self::Score(error) if !is_own(error) => Some(error),
            Self::Score(_) | Self::Panicked(_) | Self::NotLoaded(_) => None,
        }
    }

    /// The same of rows that begin at row `first` of something larger.
    pub(super) fn within(self, first: usize) -> Self {
        match self {
            Self::Score(error) => Self::Score(Box::new(error.within(first))),
            other => other,
        }
    }
}

/// Whether a column is not what the signature says, which no other member makes up for.
pub(super) fn is_of_columns(error: &ScoreError) -> bool {
    matches!(error, ScoreError::Data(DataError::WrongKind { .. }))
}

/// Whether the model is at fault and not the rows.
fn is_own(error: &ScoreError) -> bool {
    match error {
        ScoreError::Data(DataError::NotFinite { column, .. }) => column == "score",
        ScoreError::Graph(error) => !matches!(error, OnnxError::NotWhole { .. }),
        _ => false,
    }
}
