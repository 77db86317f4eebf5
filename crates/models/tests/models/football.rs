//! What the tests of chain members share: a season, rows of forecasts, and fits.

use lineal_data::{Column, Frame};
use lineal_models::{
    Member, MemberFitError, MemberRows, OUTCOME, Output, Poisson, Progress, Upstream, match_outcomes, member_family,
};
use serde::de::DeserializeOwned;

use crate::common::Quiet;

pub(crate) const CLASSES: [&str; 3] = ["home", "draw", "away"];

pub(crate) fn texts<'a>(values: impl IntoIterator<Item = &'a str>) -> Column {
    Column::Texts(values.into_iter().map(|value| Some(value.into())).collect())
}

pub(crate) fn frame(columns: Vec<(String, Column)>) -> Frame {
    let mut frame = Frame::new(columns[0].1.len());
    for (name, column) in columns {
        frame.push(name, column).unwrap();
    }
    frame
}

/// Matches as rows of day, home team, away team, home goals and away goals.
pub(crate) fn matches(rows: &[[&str; 5]]) -> Frame {
    let text = |at: usize| texts(rows.iter().map(|row| row[at]));
    let goals = |at: usize| Column::Numbers(rows.iter().map(|row| row[at].parse().unwrap()).collect());
    frame(vec![
        ("date".into(), text(0)),
        ("home_team".into(), text(1)),
        ("away_team".into(), text(2)),
        ("home_goals".into(), goals(3)),
        ("away_goals".into(), goals(4)),
    ])
}

/// The English Premier League of 2016-2017, with its outcomes.
pub(crate) fn season() -> Frame {
    let text = include_str!("../reference/football/season.csv");
    let rows: Vec<[&str; 5]> =
        text.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>().try_into().unwrap()).collect();
    let mut season = matches(&rows);
    season.push(OUTCOME, match_outcomes(&season).unwrap()).unwrap();
    season
}

pub(crate) fn read<T: DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).unwrap()
}

pub(crate) fn upstream(member: &str) -> Upstream {
    Upstream { member: member.into(), classes: CLASSES.map(String::from).into() }
}

pub(crate) fn fit_watched(
    family: &str,
    rows: &Frame,
    upstreams: &[Upstream],
    json: &str,
    progress: &dyn Progress,
) -> Result<Member, MemberFitError> {
    let family = member_family(family).unwrap();
    let params = family.describe().resolve(read(json)).unwrap();
    family.fit(&MemberRows { rows, upstreams }, &params, progress)
}

pub(crate) fn fit_member(
    family: &str,
    rows: &Frame,
    upstreams: &[Upstream],
    json: &str,
) -> Result<Member, MemberFitError> {
    fit_watched(family, rows, upstreams, json, &Quiet)
}

pub(crate) fn poisson(rows: &Frame, json: &str) -> Poisson {
    match fit_member("poisson", rows, &[], json).unwrap() {
        Member::Poisson(poisson) => poisson,
        other => panic!("{other:?}"),
    }
}

/// The output called `name`.
pub(crate) fn values<'a>(outputs: &'a [Output], name: &str) -> &'a [f64] {
    &outputs.iter().find(|output| output.column.name == name).unwrap().values
}

pub(crate) fn assert_near(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((found - expected).abs() <= tolerance, "{what}: {found} instead of {expected}");
}

/// `rows` with the single numbers that `member`, called `name`, answers for them.
pub(crate) fn with_answers(rows: &Frame, name: &str, member: &Member) -> Frame {
    let mut rows = rows.clone();
    for output in member.evaluate(&rows).unwrap().into_iter().filter(|output| output.column.shape.is_empty()) {
        rows.push(Upstream::column(name, &output.column.name), Column::Numbers(output.values)).unwrap();
    }
    rows
}
