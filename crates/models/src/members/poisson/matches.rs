//! The matches a fit learns from, with what they weigh.

use lineal_data::{Column, Frame};
use time::Date;

use super::{AWAY_GOALS, AWAY_TEAM, DATE, HOME_GOALS, HOME_TEAM};
use crate::members::{MemberError, MemberFitError, columns, error::cut};

/// Most teams of one fit: their curvature takes 8 bytes for each pair of parameters, two parameters to a team.
const MAX_TEAMS: usize = 1000;

/// Matches in an order of their own, so that the order of the rows changes nothing.
pub(super) struct Matches {
    /// Sorted by name.
    pub(super) teams: Vec<String>,
    pub(super) played: Vec<Match>,
    /// The day on which a match weighs 1.
    pub(super) reference: Date,
}

/// One match. Teams by their index.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Match {
    pub(super) home: usize,
    pub(super) away: usize,
    pub(super) home_goals: f64,
    pub(super) away_goals: f64,
    pub(super) weight: f64,
}

impl Matches {
    /// Reads matches; one `n` days before the reference date weighs `exp(-xi n)`. `reference` is a day as in 20180513,
    /// or 0 for the day of the last match.
    pub(super) fn new(rows: &Frame, xi: f64, reference: usize) -> Result<Self, MemberFitError> {
        let (home, away) = teams(rows)?;
        let (home_goals, away_goals) = (columns::goals(rows, HOME_GOALS)?, columns::goals(rows, AWAY_GOALS)?);
        let dates = columns::dates(rows, DATE)?;
        let reference = match (reference, dates.iter().max()) {
            (_, None) => return Err(MemberFitError::NoRows),
            (0, Some(&last)) => last,
            (value, _) => day(value).ok_or(MemberFitError::ReferenceDate { value })?,
        };
        let mut names = [home.as_slice(), &away].concat();
        names.sort_unstable();
        names.dedup();
        if names.len() > MAX_TEAMS {
            return Err(MemberFitError::ManyTeams { teams: names.len(), limit: MAX_TEAMS });
        }
        let mut played = Vec::with_capacity(dates.len());
        for (row, date) in dates.iter().enumerate() {
            let days = (reference - *date).whole_days();
            if days < 0 {
                return Err(MemberFitError::AfterReference { row, days: -days });
            }
            let index = |team: &str| names.partition_point(|name| *name < team);
            let (home, away) = (index(home[row]), index(away[row]));
            let (home_goals, away_goals) = (home_goals[row], away_goals[row]);
            played.push((days, Match { home, away, home_goals, away_goals, weight: (-xi * days as f64).exp() }));
        }
        played.sort_by_key(|(days, m)| (*days, m.home, m.away, m.home_goals as u32, m.away_goals as u32));
        let played = played.into_iter().map(|(_, m)| m).filter(|m| m.weight > 0.0).collect();
        let matches = Self { teams: names.into_iter().map(str::to_owned).collect(), played, reference };
        matches.check_goals()?;
        matches.check_links()?;
        Ok(matches)
    }

    /// What all matches weigh together.
    pub(super) fn weight(&self) -> f64 {
        self.played.iter().map(|m| m.weight).sum()
    }

    /// Without a goal, the most likely strength would be infinite.
    fn check_goals(&self) -> Result<(), MemberFitError> {
        let mut goals = vec![(0.0, 0.0); self.teams.len()];
        for m in &self.played {
            for (team, scored, conceded) in [(m.home, m.home_goals, m.away_goals), (m.away, m.away_goals, m.home_goals)]
            {
                goals[team].0 += scored;
                goals[team].1 += conceded;
            }
        }
        for (team, (scored, conceded)) in self.teams.iter().zip(goals) {
            for (goals, what) in [(scored, "scored"), (conceded, "conceded")] {
                if goals == 0.0 {
                    return Err(MemberFitError::NoGoals { team: team.clone(), what });
                }
            }
        }
        Ok(())
    }

    /// A match links the attack of each side with the defence of the other. Attacks and defences that no path of
    /// matches links could be shifted against each other without changing any expected goals.
    fn check_links(&self) -> Result<(), MemberFitError> {
        let n = self.teams.len();
        let mut group: Vec<usize> = (0..2 * n).collect();
        for m in &self.played {
            join(&mut group, m.home, n + m.away);
            join(&mut group, m.away, n + m.home);
        }
        let first = root(&mut group, 0);
        match (0..2 * n).find(|node| root(&mut group, *node) != first) {
            Some(node) => {
                Err(MemberFitError::Unlinked { team: self.teams[0].clone(), other: self.teams[node % n].clone() })
            }
            None => Ok(()),
        }
    }
}

/// Home and away team of each row, never the same.
pub(super) fn teams(rows: &Frame) -> Result<(Vec<&str>, Vec<&str>), MemberError> {
    let (home, away) = (columns::texts(rows, HOME_TEAM)?, columns::texts(rows, AWAY_TEAM)?);
    match home.iter().zip(&away).position(|(home, away)| home == away) {
        Some(row) => Err(MemberError::SameTeam { row, team: cut(home[row]) }),
        None => Ok((home, away)),
    }
}

/// The outcome of each match, `home`, `draw` or `away`, by its goals: the column [`crate::OUTCOME`] of matches.
///
/// # Errors
/// [`MemberError`] for goals that are missing or are none.
pub fn match_outcomes(rows: &Frame) -> Result<Column, MemberError> {
    let (home, away) = (columns::goals(rows, HOME_GOALS)?, columns::goals(rows, AWAY_GOALS)?);
    let outcome = |(home, away): (&f64, &f64)| match home.total_cmp(away) {
        std::cmp::Ordering::Greater => Some("home".into()),
        std::cmp::Ordering::Equal => Some("draw".into()),
        std::cmp::Ordering::Less => Some("away".into()),
    };
    Ok(Column::Texts(home.iter().zip(away).map(outcome).collect()))
}

/// The day written as in 20180513.
fn day(value: usize) -> Option<Date> {
    let month = time::Month::try_from(u8::try_from(value / 100 % 100).ok()?).ok()?;
    Date::from_calendar_date(i32::try_from(value / 10_000).ok()?, month, u8::try_from(value % 100).ok()?).ok()
}

/// Joins the groups of `a` and `b` in a disjoint-set forest with halved paths (Tarjan and van Leeuwen, 1984).
fn join(group: &mut [usize], a: usize, b: usize) {
    let (a, b) = (root(group, a), root(group, b));
    group[a.max(b)] = a.min(b);
}

fn root(group: &mut [usize], mut node: usize) -> usize {
    while group[node] != node {
        group[node] = group[group[node]];
        node = group[node];
    }
    node
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_number_of_eight_digits() {
        assert_eq!(day(20_180_513).unwrap().to_string(), "2018-05-13");
        assert_eq!([20_180_230, 20_181_301, 1, usize::MAX].map(day), [None; 4]);
    }
}
