//! Why a member cannot answer, and why there is none.

use lineal_data::DataError;

use crate::HyperparameterError;

/// Why a member cannot be read or cannot answer. Rows count from 0.
#[derive(Debug, thiserror::Error)]
pub enum MemberError {
    /// A column is missing or of the other kind, or a value is.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A probability is not one.
    #[error("`{column}` is {value} in row {row}, a probability lies in 0..=1")]
    Probability {
        /// The column.
        column: String,
        /// The row.
        row: usize,
        /// The value.
        value: f64,
    },
    /// Odds that nobody offers.
    #[error("`{column}` is {value} in row {row}, decimal odds are above 1")]
    Odds {
        /// The column.
        column: String,
        /// The row.
        row: usize,
        /// The value.
        value: f64,
    },
    /// A number of goals is not one.
    #[error("`{column}` is {value} in row {row}, goals are a whole number in 0..=1000")]
    Goals {
        /// The column.
        column: &'static str,
        /// The row.
        row: usize,
        /// The value.
        value: f64,
    },
    /// A text is not a day.
    #[error("`{column}` is `{text}` in row {row}, write the day as in 2018-05-13")]
    Date {
        /// The column.
        column: &'static str,
        /// The row.
        row: usize,
        /// The text, cut to 64 characters.
        text: String,
    },
    /// A team that was not in the training rows.
    #[error(
        "`{column}` is `{team}` in row {row}, none of the {known} teams of the fit; check the spelling, or \
         fit with its matches"
    )]
    UnknownTeam {
        /// The column.
        column: &'static str,
        /// The row.
        row: usize,
        /// The team, cut to 64 characters.
        team: String,
        /// How many teams are known.
        known: usize,
    },
    /// A team against itself.
    #[error("row {row} is a match of `{team}` against itself")]
    SameTeam {
        /// The row.
        row: usize,
        /// The team, cut to 64 characters.
        team: String,
    },
    /// Stored bytes are not a member.
    #[error("the stored member is malformed: {problem}")]
    Malformed {
        /// What is wrong.
        problem: String,
    },
}

/// No member family has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown member family `{name}`, known are {}", known.join(", "))]
pub struct MemberFamilyError {
    /// The name asked for, cut to 64 characters.
    pub name: String,
    /// All names.
    pub known: Vec<&'static str>,
}

/// Why a fit gave no member.
#[derive(Debug, thiserror::Error)]
pub enum MemberFitError {
    /// Someone asked to stop.
    #[error("the fit was cancelled")]
    Cancelled,
    /// There is nothing to learn from.
    #[error("there are no rows, give at least one")]
    NoRows,
    /// The rows cannot be read.
    #[error(transparent)]
    Rows(#[from] MemberError),
    /// A hyperparameter is absent or of the wrong kind.
    #[error(transparent)]
    Hyperparameter(#[from] HyperparameterError),
    /// More or fewer upstream members than the family takes.
    #[error("{family} takes {takes}, found {found}")]
    Upstreams {
        /// The family.
        family: &'static str,
        /// What it takes.
        takes: &'static str,
        /// How many were given.
        found: usize,
    },
    /// An upstream answers for other classes than the family takes.
    #[error("upstream `{member}` has the classes {}, expected {}", found.join(", "), expected.join(", "))]
    Classes {
        /// The upstream member.
        member: String,
        /// Its classes.
        found: Vec<String>,
        /// The classes the family takes.
        expected: Vec<String>,
    },
    /// An outcome that no upstream gives a probability for.
    #[error("`outcome` is `{outcome}` in row {row}, the classes are {}", classes.join(", "))]
    Outcome {
        /// The row.
        row: usize,
        /// The outcome, cut to 64 characters.
        outcome: String,
        /// The classes.
        classes: Vec<String>,
    },
    /// A class that never came true.
    #[error("no row has the outcome `{class}`, use rows of every class")]
    AbsentClass {
        /// The class.
        class: String,
    },
    /// A day that is none.
    #[error("`reference_date` {value} is not a day, write 2018-05-13 as 20180513, or 0 for the day of the last match")]
    ReferenceDate {
        /// The value.
        value: usize,
    },
    /// A match that was not played yet on the reference date.
    #[error("the match in row {row} is {days} days after the reference date, leave it out or move the date")]
    AfterReference {
        /// The row.
        row: usize,
        /// How many days later.
        days: i64,
    },
    /// More teams than the curvature of all pairs has room for.
    #[error("there are {teams} teams, at most {limit} can be fitted; use fewer leagues")]
    ManyTeams {
        /// How many there are.
        teams: usize,
        /// The most there may be.
        limit: usize,
    },
    /// A matrix of all pairs of coefficients would be too large.
    #[error("{coefficients} coefficients, at most {limit} can be fitted; use fewer upstream members")]
    ManyCoefficients {
        /// Inputs and an intercept, times classes.
        coefficients: usize,
        /// The most there may be.
        limit: usize,
    },
    /// A strength without end: no goals at all.
    #[error("`{team}` {what} no goal in the matches that count, use more of its matches or leave it out")]
    NoGoals {
        /// The team.
        team: String,
        /// `scored` or `conceded`.
        what: &'static str,
    },
    /// Teams that cannot be compared.
    #[error("the matches do not link `{team}` with `{other}`, use more matches or fit them apart")]
    Unlinked {
        /// A team.
        team: String,
        /// A team of another group.
        other: String,
    },
    /// The probabilities tell the classes apart without an error.
    #[error("the upstream probabilities separate the outcomes perfectly, so no finite fit exists; use more rows")]
    Separable,
    /// The upstream is worse than a guess.
    #[error(
        "the upstream probabilities are worse than equal ones for any temperature, choose another method or upstream"
    )]
    NoTemperature,
    /// The iterations ran out.
    #[error("no convergence in {iterations} iterations, raise `max_iterations` or `tolerance`")]
    NotConverged {
        /// How many were made.
        iterations: usize,
    },
    /// The curvature cannot be inverted in double precision.
    #[error("the rows do not determine every parameter, use more of them")]
    Singular,
}

/// A text as it may stand in a message: cut to 64 characters.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}
