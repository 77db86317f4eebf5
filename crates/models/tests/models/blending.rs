//! One forecast of several, against scikit-learn.

use lineal_data::{Column, Frame};
use lineal_models::{Blending, Member, MemberError, MemberFitError, OUTCOME, Upstream};
use serde_json::{Value, json};

use crate::{
    common::Recorder,
    football::{CLASSES, assert_near, fit_member, fit_watched, frame, read, texts, upstream},
};

#[derive(serde::Deserialize)]
struct Reference {
    first: Vec<[f64; 3]>,
    second: Vec<[f64; 3]>,
    odds: Vec<[f64; 3]>,
    outcomes: Vec<String>,
    fits: Vec<Fit>,
}

#[derive(serde::Deserialize)]
struct Fit {
    c: f64,
    market: bool,
    weights: Vec<Vec<f64>>,
    intercepts: Vec<f64>,
    first_row: [f64; 3],
}

fn reference() -> (Frame, Vec<Fit>) {
    let reference: Reference = read(include_str!("../reference/football/blending.json"));
    let mut columns = Vec::new();
    for (k, class) in CLASSES.into_iter().enumerate() {
        let column = |rows: &[[f64; 3]]| Column::Numbers(rows.iter().map(|row| row[k]).collect());
        columns.push((Upstream::column("poisson", class), column(&reference.first)));
        columns.push((Upstream::column("form", class), column(&reference.second)));
        columns.push((format!("odds_{class}"), column(&reference.odds)));
    }
    columns.push((OUTCOME.into(), texts(reference.outcomes.iter().map(String::as_str))));
    (frame(columns), reference.fits)
}

fn sources() -> [Upstream; 2] {
    [upstream("poisson"), upstream("form")]
}

fn fit(rows: &Frame, json: &str) -> Member {
    fit_member("blending", rows, &sources(), json).unwrap()
}

fn blending(member: &Member) -> &Blending {
    match member {
        Member::Blending(blending) => blending,
        other => panic!("{other:?}"),
    }
}

#[test]
fn weights_equal_scikit_learns_with_and_without_the_market() {
    // F66
    let (rows, fits) = reference();
    for expected in fits {
        let member = fit(&rows, &json!({"c": expected.c, "market": expected.market}).to_string());
        let blends = blending(&member).blends();
        for (blend, (weights, intercept)) in blends.iter().zip(expected.weights.iter().zip(&expected.intercepts)) {
            assert_near(blend.intercept, *intercept, 1e-6, "intercept");
            assert_eq!(blend.weights.len(), weights.len());
            blend
                .weights
                .iter()
                .zip(weights)
                .for_each(|(found, expected)| assert_near(*found, *expected, 1e-6, "weight"));
        }
        let answers = member.evaluate(&rows).unwrap();
        for (answer, (class, p)) in answers.iter().zip(CLASSES.into_iter().zip(expected.first_row)) {
            assert_eq!(answer.column.name, class);
            assert_near(answer.values[0], p, 1e-7, class);
        }
        for row in 0..rows.rows() {
            assert_near(answers.iter().map(|answer| answer.values[row]).sum(), 1.0, 1e-15, "sum");
        }
    }
}

#[test]
fn each_weight_has_the_name_of_its_input() {
    let (rows, _) = reference();
    let member = fit(&rows, r#"{"market": true}"#);
    let inputs: Vec<String> = member.inputs().into_iter().map(|input| input.name).collect();
    assert_eq!(inputs[..3], ["upstream.poisson.home", "upstream.poisson.draw", "upstream.poisson.away"]);
    assert_eq!(inputs[6..], ["odds_home", "odds_draw", "odds_away"]);
    for (class, blend) in blending(&member).blends().iter().enumerate() {
        assert_eq!(blend.weights.len(), inputs.len());
        assert!(blend.weights[class] > 0.0, "a source that speaks for a class raises it");
    }
    assert_eq!(fit(&rows, "{}").inputs().len(), 6);
}

#[test]
fn the_order_of_the_rows_changes_at_most_the_last_bits() {
    let (rows, _) = reference();
    let shuffled = rows.take(&(0..300).map(|i| i * 127 % 300).collect::<Vec<_>>());
    let [one, other] = [&rows, &shuffled].map(|rows| fit(rows, "{}").evaluate(&reference().0).unwrap());
    for (a, b) in one.iter().zip(&other) {
        a.values.iter().zip(&b.values).for_each(|(a, b)| assert_near(*a, *b, 1e-12, "probability"));
    }
}

#[test]
fn a_stored_member_answers_as_the_fitted_one_and_a_damaged_one_not_at_all() {
    let (rows, _) = reference();
    let member = fit(&rows, r#"{"market": true}"#);
    let bytes = member.to_bytes().unwrap();
    let read = Member::from_bytes(&bytes).unwrap();
    assert_eq!(read.to_bytes().unwrap(), bytes);
    assert_eq!(read.evaluate(&rows).unwrap(), member.evaluate(&rows).unwrap());
    let good = serde_json::to_value(&member).unwrap();
    for (path, value) in [
        ("/blending/upstreams", json!([])),
        ("/blending/upstreams/1/classes/0", json!("H")),
        ("/blending/upstreams/1/classes", json!(["home", "home", "away"])),
        ("/blending/market", json!(false)),
        ("/blending/blends/2/weights/0", json!(1e300)),
        ("/blending/blends/2/intercept", Value::Null),
        ("/blending/blends", json!([])),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(path).unwrap() = value;
        let result = Member::from_bytes(bad.to_string().as_bytes());
        assert!(matches!(result, Err(MemberError::Malformed { .. })), "{path}: {result:?}");
    }
}

#[test]
fn upstreams_that_do_not_fit_together_are_refused() {
    let (rows, _) = reference();
    let refusal = |upstreams: &[Upstream]| fit_member("blending", &rows, upstreams, "{}").err().unwrap();
    assert!(matches!(refusal(&[]), MemberFitError::Upstreams { found: 0, .. }));
    let turned = Upstream { member: "form".into(), classes: ["away", "draw", "home"].map(String::from).into() };
    assert!(matches!(refusal(&[upstream("poisson"), turned]), MemberFitError::Classes { .. }));
    let absent = [upstream("poisson"), upstream("elo")];
    assert!(matches!(refusal(&absent), MemberFitError::Rows(MemberError::Data(_))));
}

#[test]
fn progress_reports_a_falling_loss_and_cancellation_stops_the_fit() {
    let (rows, _) = reference();
    let watcher = Recorder::new(u64::MAX);
    fit_watched("blending", &rows, &sources(), "{}", &watcher).unwrap();
    let losses = watcher.losses.into_inner().unwrap();
    assert!(losses.len() > 2 && losses.last() < losses.first(), "{losses:?}");
    let watcher = Recorder::new(1);
    let result = fit_watched("blending", &rows, &sources(), "{}", &watcher);
    assert!(matches!(result, Err(MemberFitError::Cancelled)), "{result:?}");
}
