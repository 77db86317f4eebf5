//! Platt, isotonic and temperature against scikit-learn and SciPy.

use std::collections::BTreeMap;

use lineal_data::{Column, Frame};
use lineal_models::{Calibration, Curve, Member, MemberError, MemberFitError, Method, OUTCOME, Upstream};
use serde_json::{Value, json};

use crate::{
    common::Recorder,
    football::{CLASSES, assert_near, fit_member, fit_watched, frame, read, texts, upstream},
};

#[derive(serde::Deserialize)]
struct Reference {
    rows: Vec<[f64; 3]>,
    outcomes: Vec<String>,
    three: Fits,
    two: Fits,
}

#[derive(serde::Deserialize)]
struct Fits {
    probes: Vec<Vec<f64>>,
    sigmoids: Vec<[f64; 2]>,
    curves: Vec<Points>,
    temperature_value: f64,
    #[serde(flatten)]
    methods: BTreeMap<String, Vec<Vec<f64>>>,
}

#[derive(serde::Deserialize)]
struct Points {
    scores: Vec<f64>,
    values: Vec<f64>,
}

fn reference() -> Reference {
    read(include_str!("../reference/football/calibration.json"))
}

fn two() -> Upstream {
    Upstream { member: "blending".into(), classes: vec!["home".into(), "other".into()] }
}

/// Rows of probabilities as the answers of `blending`.
fn answers(rows: &[Vec<f64>], classes: &[String]) -> Frame {
    let column = |k: usize| Column::Numbers(rows.iter().map(|row| row[k]).collect());
    frame(classes.iter().enumerate().map(|(k, class)| (Upstream::column("blending", class), column(k))).collect())
}

fn three_classes(reference: &Reference) -> Frame {
    let rows: Vec<Vec<f64>> = reference.rows.iter().map(|row| row.to_vec()).collect();
    let mut rows = answers(&rows, &upstream("blending").classes);
    rows.push(OUTCOME, texts(reference.outcomes.iter().map(String::as_str))).unwrap();
    rows
}

fn two_classes(reference: &Reference) -> Frame {
    let round = |p: f64| (p * 1e4).round() / 1e4;
    let rows: Vec<Vec<f64>> = reference.rows.iter().map(|row| vec![row[0], round(1.0 - row[0])]).collect();
    let mut rows = answers(&rows, &two().classes);
    let outcome = |name: &'static str, outcome: &String| if outcome == name { name } else { "other" };
    rows.push(OUTCOME, texts(reference.outcomes.iter().map(|o| outcome("home", o)))).unwrap();
    rows
}

fn fit(rows: &Frame, upstream: Upstream, method: &str) -> Result<Member, MemberFitError> {
    fit_member("calibration", rows, &[upstream], &json!({"method": method}).to_string())
}

fn method(member: &Member) -> &Method {
    match member {
        Member::Calibration(calibration) => Calibration::method(calibration),
        other => panic!("{other:?}"),
    }
}

fn check_method(found: &Method, expected: &Fits) {
    match found {
        Method::Temperature(value) => assert_near(*value, expected.temperature_value, 1e-8, "temperature"),
        Method::Curves(curves) => {
            assert_eq!(curves.len(), expected.curves.len());
            for (curve, (sigmoid, points)) in curves.iter().zip(expected.sigmoids.iter().zip(&expected.curves)) {
                match curve {
                    Curve::Sigmoid { slope, intercept } => {
                        assert_near(*slope, sigmoid[0], 1e-6, "slope");
                        assert_near(*intercept, sigmoid[1], 1e-6, "intercept");
                    }
                    Curve::Points { scores, values } => {
                        assert_eq!(scores, &points.scores);
                        values.iter().zip(&points.values).for_each(|(a, b)| assert_near(*a, *b, 1e-12, "isotonic"));
                    }
                }
            }
        }
    }
}

#[test]
fn two_and_three_classes_are_calibrated_as_by_scikit_learn() {
    // F66
    let reference = reference();
    let cases = [
        (three_classes(&reference), upstream("blending"), &reference.three, false),
        (two_classes(&reference), two(), &reference.two, true),
    ];
    for (rows, upstream, expected, swapped) in cases {
        // scikit-learn's optimisers stop a little earlier than the exact fits above.
        for (name, tolerance) in [("platt", 1e-4), ("isotonic", 1e-12), ("temperature", 1e-6)] {
            let member = fit(&rows, upstream.clone(), name).unwrap();
            check_method(method(&member), expected);
            let turn = |mut row: Vec<f64>| {
                if swapped {
                    row.reverse();
                }
                row
            };
            let probes: Vec<Vec<f64>> = expected.probes.iter().cloned().map(turn).collect();
            let found = member.evaluate(&answers(&probes, &upstream.classes)).unwrap();
            for (i, row) in expected.methods[name].iter().cloned().map(turn).enumerate() {
                for (k, p) in row.into_iter().enumerate() {
                    assert_near(found[k].values[i], p, tolerance, name);
                }
                assert_near(found.iter().map(|output| output.values[i]).sum(), 1.0, 1e-15, "sum");
            }
        }
    }
}

#[test]
fn an_isotonic_curve_never_falls() {
    let member = fit(&three_classes(&reference()), upstream("blending"), "isotonic").unwrap();
    let Method::Curves(curves) = method(&member) else { panic!("no curves") };
    for curve in curves {
        let values: Vec<f64> = (0..=10_000).map(|i| curve.at(f64::from(i) / 1e4)).collect();
        assert!(values.is_sorted() && values[0] >= 0.0 && values[10_000] <= 1.0);
    }
}

#[test]
fn the_order_of_the_rows_changes_at_most_the_last_bits() {
    let rows = three_classes(&reference());
    let shuffled = rows.take(&(0..400).map(|i| i * 171 % 400).collect::<Vec<_>>());
    for (name, tolerance) in [("platt", 1e-12), ("isotonic", 0.0), ("temperature", 1e-12)] {
        let [one, other] = [&rows, &shuffled].map(|rows| fit(rows, upstream("blending"), name).unwrap());
        for (a, b) in one.evaluate(&rows).unwrap().iter().zip(other.evaluate(&rows).unwrap()) {
            a.values.iter().zip(&b.values).for_each(|(a, b)| assert_near(*a, *b, tolerance, name));
        }
    }
}

#[test]
fn a_stored_member_answers_as_the_fitted_one_and_a_damaged_one_not_at_all() {
    let rows = three_classes(&reference());
    for name in ["platt", "isotonic", "temperature"] {
        let member = fit(&rows, upstream("blending"), name).unwrap();
        let bytes = member.to_bytes().unwrap();
        let read = Member::from_bytes(&bytes).unwrap();
        assert_eq!(read.to_bytes().unwrap(), bytes);
        assert_eq!(read.evaluate(&rows).unwrap(), member.evaluate(&rows).unwrap());
    }
    let refused = |method: Value| {
        let upstream = upstream("blending");
        let bytes = json!({"calibration": {"upstream": upstream, "method": method}}).to_string();
        assert!(matches!(Member::from_bytes(bytes.as_bytes()), Err(MemberError::Malformed { .. })), "{bytes}");
    };
    refused(json!({"temperature": 0.0}));
    refused(json!({"temperature": 1e-300}));
    let points = |scores: Value, values: Value| json!({"points": {"scores": scores, "values": values}});
    refused(json!({"curves": [points(json!([0.1]), json!([0.1]))]}));
    for bad in [
        points(json!([]), json!([])),
        points(json!([0.1, 0.1]), json!([0.1, 0.2])),
        points(json!([0.1, 0.2]), json!([0.2, 0.1])),
        points(json!([0.1]), json!([1.1])),
        points(json!([0.1, 0.2]), json!([0.1])),
        json!({"sigmoid": {"slope": 1e300, "intercept": 0.0}}),
    ] {
        refused(json!({"curves": [bad, bad, bad]}));
    }
}

#[test]
fn what_cannot_be_calibrated_is_refused() {
    let frame_of = |rows: &[[f64; 3]], outcomes: &[&str]| {
        let rows: Vec<Vec<f64>> = rows.iter().map(|row| row.to_vec()).collect();
        let mut rows = answers(&rows, &upstream("blending").classes);
        rows.push(OUTCOME, texts(outcomes.iter().copied())).unwrap();
        rows
    };
    let refusal = |rows: &[[f64; 3]], outcomes: &[&str], name: &str| {
        fit(&frame_of(rows, outcomes), upstream("blending"), name).err().unwrap()
    };
    let right = [[0.6, 0.2, 0.2], [0.2, 0.6, 0.2], [0.2, 0.2, 0.6]];
    assert!(matches!(refusal(&right, &CLASSES, "temperature"), MemberFitError::Separable));
    let wrong = ["draw", "away", "home"];
    assert!(matches!(refusal(&right, &wrong, "temperature"), MemberFitError::NoTemperature));
    assert!(matches!(refusal(&[[0.25; 3]; 3], &CLASSES, "temperature"), MemberFitError::Singular));
    assert!(matches!(refusal(&[[0.25; 3]; 3], &CLASSES, "platt"), MemberFitError::Singular));
    let error = refusal(&right, &["home", "draw", "draw"], "platt");
    assert!(matches!(&error, MemberFitError::AbsentClass { class } if class == "away"), "{error}");
    let error = refusal(&right, &["home", "draw", "H"], "platt");
    assert!(matches!(&error, MemberFitError::Outcome { row: 2, .. }), "{error}");
    let error = refusal(&[[0.6, 0.2, 0.2], [0.2, 1.6, 0.2], [0.2, 0.2, 0.6]], &CLASSES, "isotonic");
    assert!(matches!(&error, MemberFitError::Rows(MemberError::Probability { row: 1, .. })), "{error}");
    let one = Upstream { member: "blending".into(), classes: vec!["home".into()] };
    assert!(fit(&frame_of(&right, &CLASSES), one, "platt").is_err());
}

#[test]
fn progress_counts_through_all_classes_and_cancellation_stops_the_fit() {
    let rows = three_classes(&reference());
    let watcher = Recorder::new(u64::MAX);
    fit_watched("calibration", &rows, &[upstream("blending")], "{}", &watcher).unwrap();
    assert!(watcher.losses.into_inner().unwrap().len() >= 6);
    for name in ["platt", "isotonic", "temperature"] {
        let watcher = Recorder::new(0);
        let json = json!({"method": name}).to_string();
        let result = fit_watched("calibration", &rows, &[upstream("blending")], &json, &watcher);
        assert!(matches!(result, Err(MemberFitError::Cancelled)), "{result:?}");
    }
}
