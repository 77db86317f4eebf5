//! Goals of a football match: independent Poisson counts, or those of Dixon and Coles (Applied Statistics 46, 1997).
//!
//! The home side is expected to score `exp(its attack + the defence of the other side + home advantage)` goals, the
//! away side `exp(its attack + the defence of the other side)`: a low defence is a good one. The attacks sum to 0,
//! which nothing else would determine. The fit is the weighted maximum likelihood, where a match `n` days before the
//! reference date weighs `exp(-xi n)`.

mod likelihood;
mod matches;
mod scores;

use lineal_data::Frame;
use serde::{Deserialize, Serialize};

use super::{
    Member, MemberDescription, MemberError, MemberFamily, MemberFitError, MemberRows, Output, OutputColumn, Upstreams,
    error::cut,
    member::{Evaluate, check_numbers},
    newton::{self, Objective, Watch},
};
use crate::{
    Datatype, HyperparameterDescription as Description, HyperparameterKind as Kind, Hyperparameters, Progress,
    SignatureColumn,
};
use likelihood::Likelihood;
use matches::{Matches, teams};

pub use matches::match_outcomes;
pub use scores::{SCORES, ScoreMatrix, draw_probability};

const HOME_TEAM: &str = "home_team";
const AWAY_TEAM: &str = "away_team";
const HOME_GOALS: &str = "home_goals";
const AWAY_GOALS: &str = "away_goals";
const DATE: &str = "date";
const DIXON_COLES: &str = "dixon_coles";
/// No parameter of a fit is near this; beyond `exp` of some multiple of it lies infinity.
const LARGEST: f64 = 50.0;

pub(super) struct PoissonFamily;

const DESCRIPTION: MemberDescription = MemberDescription {
    name: "poisson",
    title: "Goals of a match",
    columns: &[HOME_TEAM, AWAY_TEAM, HOME_GOALS, AWAY_GOALS, DATE],
    upstreams: Upstreams::None,
    hyperparameters: &[
        Description {
            name: "scores",
            kind: Kind::Choice { choices: &[DIXON_COLES, "independent"], default: DIXON_COLES },
            doc: "whether the low scores of both sides are correlated or all scores are independent",
        },
        Description {
            name: "xi",
            kind: Kind::Float { min: 0.0, max: 1.0, default: 0.0 },
            doc: "decay of a match's weight per day before the reference date; 0 weighs all matches alike",
        },
        Description {
            name: "reference_date",
            kind: Kind::Integer { min: 0, max: 99_991_231, default: 0 },
            doc: "the day on which a match weighs 1, as in 20180513; 0 is the day of the last match",
        },
        newton::MAX_ITERATIONS,
        newton::TOLERANCE,
    ],
};

/// The strengths of teams.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poisson {
    /// Sorted by name.
    teams: Vec<Team>,
    home_advantage: f64,
    /// Correlation of low scores, `rho`; 0 where scores are independent.
    correlation: f64,
    /// The day on which a match weighed 1, as in 2018-05-13.
    reference_date: String,
    /// How many matches it was fitted on.
    matches: usize,
    /// The weighted log-likelihood of the fit.
    log_likelihood: f64,
}

/// One team.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Team {
    /// Its name in the training rows.
    pub name: String,
    /// More scores more goals; all of them sum to 0.
    pub attack: f64,
    /// More concedes more goals.
    pub defence: f64,
}

/// What is expected of one match.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// Expected goals of the home side.
    pub home_goals: f64,
    /// Expected goals of the away side.
    pub away_goals: f64,
    /// The probability of each score.
    pub scores: ScoreMatrix,
}

impl MemberFamily for PoissonFamily {
    fn describe(&self) -> MemberDescription {
        DESCRIPTION
    }

    fn fit(
        &self,
        data: &MemberRows<'_>,
        params: &Hyperparameters,
        progress: &dyn Progress,
    ) -> Result<Member, MemberFitError> {
        DESCRIPTION.upstreams.check(DESCRIPTION.name, data)?;
        let matches = Matches::new(data.rows, params.float("xi")?, params.integer("reference_date")?)?;
        let likelihood = Likelihood { matches: &matches, correlated: params.choice("scores")? == DIXON_COLES };
        let mut watch = Watch::new(progress, params.integer(newton::MAX_ITERATIONS.name)?);
        let point = newton::minimise(&likelihood, likelihood.start(), params, &mut watch)?;
        let loss = likelihood.at(&point).ok_or(MemberFitError::Singular)?.loss;
        let n = matches.teams.len();
        let mean = point[..n].iter().sum::<f64>() / n as f64;
        let team = |(i, name): (usize, &String)| Team {
            name: name.clone(),
            attack: point[i] - mean,
            defence: point[n + i] + mean,
        };
        let poisson = Poisson {
            teams: matches.teams.iter().enumerate().map(team).collect(),
            home_advantage: point[2 * n],
            correlation: point.get(2 * n + 1).copied().unwrap_or(0.0),
            reference_date: matches.reference.to_string(),
            matches: matches.played.len(),
            log_likelihood: -loss,
        };
        poisson.check()?;
        Ok(Member::Poisson(poisson))
    }
}

impl Poisson {
    /// Every team, sorted by name.
    pub fn teams(&self) -> &[Team] {
        &self.teams
    }

    /// The log of the factor by which playing at home raises expected goals.
    pub fn home_advantage(&self) -> f64 {
        self.home_advantage
    }

    /// The correlation of low scores, `rho`; 0 where scores are independent.
    pub fn correlation(&self) -> f64 {
        self.correlation
    }

    /// The weighted log-likelihood of the training rows.
    pub fn log_likelihood(&self) -> f64 {
        self.log_likelihood
    }

    /// What is expected of `home` against `away`; `None` for a team that was not in the training rows.
    pub fn forecast(&self, home: &str, away: &str) -> Option<Forecast> {
        Some(self.between(self.team(home)?, self.team(away)?))
    }

    fn team(&self, name: &str) -> Option<&Team> {
        self.teams.binary_search_by(|team| team.name.as_str().cmp(name)).ok().map(|at| &self.teams[at])
    }

    fn between(&self, home: &Team, away: &Team) -> Forecast {
        let home_goals = (home.attack + away.defence + self.home_advantage).exp();
        let away_goals = (away.attack + home.defence).exp();
        Forecast { home_goals, away_goals, scores: ScoreMatrix::new(home_goals, away_goals, self.correlation) }
    }

    fn known(&self, column: &'static str, row: usize, name: &str) -> Result<&Team, MemberError> {
        let unknown = || MemberError::UnknownTeam { column, row, team: cut(name), known: self.teams.len() };
        self.team(name).ok_or_else(unknown)
    }
}

impl Evaluate for Poisson {
    fn check(&self) -> Result<(), MemberError> {
        if !self.teams.is_sorted_by(|a, b| a.name < b.name) {
            return Err(MemberError::Malformed {
                problem: "the teams are not sorted, or one is there twice".to_owned(),
            });
        }
        for team in &self.teams {
            check_numbers(&team.name, &[team.attack, team.defence], LARGEST)?;
        }
        check_numbers("home_advantage", &[self.home_advantage], LARGEST)?;
        check_numbers("correlation", &[self.correlation], LARGEST)
    }

    fn inputs(&self) -> Vec<SignatureColumn> {
        [HOME_TEAM, AWAY_TEAM].map(|name| SignatureColumn { name: name.to_owned(), datatype: Datatype::Bytes }).into()
    }

    fn outputs(&self) -> Vec<OutputColumn> {
        let numbers = ["home", "draw", "away", HOME_GOALS, AWAY_GOALS].map(OutputColumn::number);
        let scores = OutputColumn { name: "scores".to_owned(), shape: vec![SCORES; 2] };
        numbers.into_iter().chain([scores]).collect()
    }

    /// The outcomes are sums over the 11 x 11 scores, not divided by their sum.
    fn evaluate(&self, rows: &Frame) -> Result<Vec<Output>, MemberError> {
        let (home, away) = teams(rows)?;
        let mut outputs: Vec<Output> =
            self.outputs().into_iter().map(|column| Output { column, values: Vec::new() }).collect();
        for (row, (home, away)) in home.into_iter().zip(away).enumerate() {
            let forecast = self.between(self.known(HOME_TEAM, row, home)?, self.known(AWAY_TEAM, row, away)?);
            let [win, draw, loss] = forecast.scores.outcomes();
            let numbers = [win, draw, loss, forecast.home_goals, forecast.away_goals];
            let parts = numbers.each_ref().map(std::slice::from_ref).into_iter().chain([forecast.scores.cells()]);
            outputs.iter_mut().zip(parts).for_each(|(output, part)| output.values.extend_from_slice(part));
        }
        Ok(outputs)
    }
}
