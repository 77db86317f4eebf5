//! The goals of a season against SciPy, and when there are no strengths.

use lineal_data::Frame;
use lineal_models::{Member, MemberError, MemberFitError, Poisson, draw_probability};
use serde_json::{Value, json};

use crate::{
    common::Recorder,
    football::{assert_near, fit_member, fit_watched, matches, poisson, read, season, values},
};

#[derive(serde::Deserialize)]
struct Expected {
    scores: String,
    xi: f64,
    reference_date: usize,
    teams: Vec<String>,
    attacks: Vec<f64>,
    defences: Vec<f64>,
    home_advantage: f64,
    correlation: f64,
    log_likelihood: f64,
}

impl Expected {
    fn settings(&self) -> String {
        json!({"scores": self.scores, "xi": self.xi, "reference_date": self.reference_date}).to_string()
    }
}

fn references() -> Vec<Expected> {
    read(include_str!("../reference/football/poisson.json"))
}

fn refusal(rows: &Frame, json: &str) -> MemberFitError {
    fit_member("poisson", rows, &[], json).err().unwrap()
}

#[test]
fn a_season_has_the_strengths_of_the_exact_maximum() {
    // F66
    let season = season();
    for expected in references() {
        let found = poisson(&season, &expected.settings());
        assert_near(found.log_likelihood(), expected.log_likelihood, 1e-8, "log-likelihood");
        assert_near(found.correlation(), expected.correlation, 1e-6, "rho");
        assert_near(found.home_advantage(), expected.home_advantage, 1e-6, "home advantage");
        assert_eq!(
            found.teams().iter().map(|team| &team.name).collect::<Vec<_>>(),
            expected.teams.iter().collect::<Vec<_>>()
        );
        for ((team, attack), defence) in found.teams().iter().zip(&expected.attacks).zip(&expected.defences) {
            assert_near(team.attack, *attack, 1e-6, &team.name);
            assert_near(team.defence, *defence, 1e-6, &team.name);
        }
        assert_near(found.teams().iter().map(|team| team.attack).sum(), 0.0, 1e-12, "sum of attacks");
    }
}

#[test]
fn arsenal_against_southampton_has_the_published_probabilities() {
    // F136
    let reference: Value = read(include_str!("../reference/football/arsenal.json"));
    let teams: Vec<Value> = reference["teams"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
        .map(|(i, name)| json!({"name": name, "attack": reference["attacks"][i], "defence": reference["defences"][i]}))
        .collect();
    let bytes = json!({"poisson": {
        "teams": teams, "home_advantage": reference["home_advantage"], "correlation": reference["correlation"],
        "reference_date": "2018-05-13", "matches": 380, "log_likelihood": reference["log_likelihood"],
    }});
    let member = Member::from_bytes(bytes.to_string().as_bytes()).unwrap();
    let rows = matches(&[["2018-04-08", "Arsenal", "Southampton", "3", "2"]]);
    let outputs = member.evaluate(&rows).unwrap();
    for (name, expected) in [("home", 0.70951), ("draw", 0.18607), ("away", 0.10437)] {
        assert_near(values(&outputs, name)[0], expected, 1e-5, name);
    }
    let scores = values(&outputs, "scores");
    assert_eq!(scores.len(), 121);
    assert_near(scores.iter().sum(), 0.70951 + 0.18607 + 0.10437, 3e-5, "the matrix is not divided by its sum");
}

#[test]
fn a_draw_follows_from_expected_goals_without_a_member_of_its_own() {
    // F48
    let found = poisson(&season(), "{}");
    let forecast = found.forecast("Arsenal", "Southampton").unwrap();
    let draw = draw_probability(forecast.home_goals, forecast.away_goals, found.correlation());
    assert_eq!(draw.to_bits(), forecast.scores.outcomes()[1].to_bits());
    assert!(found.forecast("Arsenal", "Lineal").is_none());
}

#[test]
fn the_order_of_the_rows_changes_no_bit() {
    let season = season();
    let shuffled: Vec<usize> = (0..380).map(|i| i * 149 % 380).collect();
    for json in ["{}", r#"{"xi": 0.01}"#] {
        let bytes = |rows: &Frame| Member::Poisson(poisson(rows, json)).to_bytes().unwrap();
        assert_eq!(bytes(&season.take(&shuffled)), bytes(&season));
    }
}

#[test]
fn a_stored_member_answers_as_the_fitted_one() {
    let (season, member) = (season(), Member::Poisson(poisson(&season(), "{}")));
    let bytes = member.to_bytes().unwrap();
    let read = Member::from_bytes(&bytes).unwrap();
    assert_eq!(read.to_bytes().unwrap(), bytes);
    assert_eq!(read.evaluate(&season).unwrap(), member.evaluate(&season).unwrap());
    let names: Vec<String> = member.outputs().into_iter().map(|output| output.name).collect();
    assert_eq!(names, ["home", "draw", "away", "home_goals", "away_goals", "scores"]);
    let inputs: Vec<String> = member.inputs().into_iter().map(|input| input.name).collect();
    assert_eq!(inputs, ["home_team", "away_team"]);
}

#[test]
fn the_reference_date_is_the_last_match_unless_it_is_given_and_never_now() {
    let (season, last) =
        (season(), |poisson: Poisson| serde_json::to_value(poisson).unwrap()["reference_date"].clone());
    assert_eq!(last(poisson(&season, r#"{"xi": 0.01}"#)), "2017-05-21");
    assert_eq!(last(poisson(&season, r#"{"xi": 0.01, "reference_date": 20170630}"#)), "2017-06-30");
    let error = refusal(&season, r#"{"reference_date": 20170520}"#);
    assert!(matches!(error, MemberFitError::AfterReference { days: 1, .. }), "{error}");
    let error = refusal(&season, r#"{"reference_date": 20170230}"#);
    assert!(matches!(error, MemberFitError::ReferenceDate { value: 20_170_230 }), "{error}");
}

#[test]
fn an_unknown_team_is_named_with_how_many_are_known() {
    let member = Member::Poisson(poisson(&season(), "{}"));
    let rows =
        matches(&[["2018-04-08", "Arsenal", "Southampton", "0", "0"], ["2018-04-08", "Arsenal", "Lineal", "0", "0"]]);
    let error = member.evaluate(&rows).unwrap_err();
    assert!(
        matches!(&error, MemberError::UnknownTeam { column: "away_team", row: 1, team, known: 20 } if team == "Lineal")
    );
    let error = member.evaluate(&matches(&[["2018-04-08", "Arsenal", "Arsenal", "0", "0"]])).unwrap_err();
    assert!(matches!(error, MemberError::SameTeam { row: 0, .. }), "{error}");
}

#[test]
fn matches_that_determine_no_strengths_are_refused() {
    let day = "2018-04-08";
    assert!(matches!(refusal(&matches(&[["2018-04-08", "a", "b", "1", "1"]]).take(&[]), "{}"), MemberFitError::NoRows));
    let goalless = [[day, "a", "b", "1", "0"], [day, "b", "c", "0", "2"], [day, "c", "a", "1", "1"]];
    let error = refusal(&matches(&goalless), "{}");
    assert!(matches!(&error, MemberFitError::NoGoals { team, what: "scored" } if team == "b"), "{error}");
    let apart =
        [[day, "a", "b", "1", "1"], [day, "b", "a", "2", "1"], [day, "c", "d", "1", "1"], [day, "d", "c", "1", "3"]];
    let error = refusal(&matches(&apart), "{}");
    assert!(matches!(&error, MemberFitError::Unlinked { team, .. } if team == "a"), "{error}");
    // Every match at one ground: home advantage and the strength of that team cannot be told apart.
    let one_ground = [[day, "a", "b", "1", "1"], [day, "a", "c", "2", "1"], [day, "a", "d", "1", "2"]];
    let error = refusal(&matches(&one_ground), r#"{"scores": "independent"}"#);
    assert!(matches!(error, MemberFitError::Unlinked { .. }), "{error}");
}

#[test]
fn progress_reports_a_falling_loss_and_cancellation_stops_the_fit() {
    let season = season();
    let watcher = Recorder::new(u64::MAX);
    fit_watched("poisson", &season, &[], "{}", &watcher).unwrap();
    let losses = watcher.losses.into_inner().unwrap();
    assert!(losses.len() > 2 && losses.last() < losses.first(), "{losses:?}");
    let watcher = Recorder::new(2);
    let error = fit_watched("poisson", &season, &[], "{}", &watcher).err().unwrap();
    assert!(matches!(error, MemberFitError::Cancelled), "{error}");
    assert_eq!(watcher.losses.into_inner().unwrap().len(), 2);
    assert!(matches!(refusal(&season, r#"{"max_iterations": 1}"#), MemberFitError::NotConverged { iterations: 1 }));
}

#[test]
fn bytes_that_no_fit_wrote_are_refused() {
    let good = serde_json::to_value(Member::Poisson(poisson(&season(), "{}"))).unwrap();
    let refused = |path: &str, value: Value| {
        let mut bad = good.clone();
        *bad.pointer_mut(path).unwrap() = value;
        let result = Member::from_bytes(bad.to_string().as_bytes());
        assert!(matches!(result, Err(MemberError::Malformed { .. })), "{path}: {result:?}");
    };
    refused("/poisson/teams/0/attack", json!(1e300));
    refused("/poisson/teams/0/name", json!("Zzz"));
    refused("/poisson/home_advantage", json!(-51));
    refused("/poisson/correlation", Value::Null);
    assert!(Member::from_bytes(good.to_string().as_bytes()).is_ok());
}
