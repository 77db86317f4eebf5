//! The two numbers that correct a draw probability.

use lineal_data::Column;
use lineal_models::{DrawCalibration, Member, MemberFitError, Upstream};

use crate::football::{CLASSES, assert_near, fit_member, poisson, read, season, upstream, values, with_answers};

#[derive(serde::Deserialize)]
struct Reference {
    a: f64,
    b: f64,
}

fn calibration(member: &Member) -> &DrawCalibration {
    match member {
        Member::DrawCalibration(calibration) => calibration,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_and_b_of_a_season_are_the_exact_maximum() {
    // F49
    let expected: Reference = read(include_str!("../reference/football/draw_calibration.json"));
    let season = season();
    let goals = Member::Poisson(poisson(&season, "{}"));
    let rows = with_answers(&season, "poisson", &goals);
    let member = fit_member("draw_calibration", &rows, &[upstream("poisson")], "{}").unwrap();
    assert_near(calibration(&member).a(), expected.a, 1e-6, "A");
    assert_near(calibration(&member).b(), expected.b, 1e-6, "B");

    let answers = member.evaluate(&rows).unwrap();
    let before = goals.evaluate(&season).unwrap();
    for row in 0..season.rows() {
        let [home, draw, away] = CLASSES.map(|class| values(&answers, class)[row]);
        assert_near(home + draw + away, 1.0, 1e-15, "sum");
        let odds = values(&before, "home")[row] / values(&before, "away")[row];
        assert_near(home / away / odds, 1.0, 1e-9, "home to away");
    }
    // The maximum likelihood has as many draws as there were.
    let drawn: f64 = values(&answers, "draw").iter().sum();
    let Some(Column::Texts(outcomes)) = season.column("outcome") else { panic!("no outcomes") };
    assert_near(drawn, outcomes.iter().filter(|o| o.as_deref() == Some("draw")).count() as f64, 1e-6, "draws");
}

#[test]
fn what_has_no_finite_fit_is_refused() {
    let season = season();
    let draws: Vec<f64> = match season.column("outcome").unwrap() {
        Column::Texts(outcomes) => {
            outcomes.iter().map(|o| if o.as_deref() == Some("draw") { 0.4 } else { 0.2 }).collect()
        }
        Column::Numbers(_) => panic!("numbers"),
    };
    let mut rows = season.clone();
    let rest: Vec<f64> = draws.iter().map(|draw| (1.0 - draw) / 2.0).collect();
    for (class, column) in CLASSES.into_iter().zip([&rest, &draws, &rest]) {
        rows.push(Upstream::column("oracle", class), Column::Numbers(column.clone())).unwrap();
        rows.push(Upstream::column("level", class), Column::Numbers(vec![1.0 / 3.0; 380])).unwrap();
    }
    let refusal = |upstreams: &[Upstream]| fit_member("draw_calibration", &rows, upstreams, "{}").err().unwrap();
    assert!(matches!(refusal(&[upstream("oracle")]), MemberFitError::Separable));
    assert!(matches!(refusal(&[upstream("level")]), MemberFitError::Singular));
    assert!(matches!(refusal(&[]), MemberFitError::Upstreams { found: 0, .. }));
    let two = Upstream { member: "level".into(), classes: vec!["home".into(), "away".into()] };
    assert!(matches!(refusal(&[two]), MemberFitError::Classes { .. }));
}
