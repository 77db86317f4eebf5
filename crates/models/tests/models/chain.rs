//! A chain answers as its members do one after the other.

use lineal_data::{Column, DataError, Frame};
use lineal_models::{Chain, ChainError, Member, MemberError, Upstream};

use crate::football::{CLASSES, assert_near, fit_member, matches, season, upstream, values, with_answers};

/// Members by name, each fitted on the answers of those before it, and the season with all their answers.
fn fitted(steps: &[(&str, &[&str])]) -> (Vec<(String, Member)>, Frame) {
    let mut rows = season();
    let mut members = Vec::new();
    for (name, upstreams) in steps {
        let upstreams: Vec<Upstream> = upstreams.iter().map(|name| upstream(name)).collect();
        let member = fit_member(name, &rows, &upstreams, "{}").unwrap();
        rows = with_answers(&rows, name, &member);
        members.push(((*name).to_owned(), member));
    }
    (members, rows)
}

fn three() -> (Vec<(String, Member)>, Frame) {
    fitted(&[("poisson", &[]), ("blending", &["poisson"]), ("calibration", &["blending"])])
}

#[test]
fn one_request_has_the_answers_of_every_member() {
    // F135
    let (members, expected) = three();
    let chain = Chain::new(members).unwrap();
    let inputs: Vec<&str> = chain.inputs().iter().map(|input| input.name.as_str()).collect();
    assert_eq!(inputs, ["home_team", "away_team"]);
    let answers = chain.evaluate(&season()).unwrap();
    assert_eq!(answers.iter().map(|a| a.member.as_str()).collect::<Vec<_>>(), ["poisson", "blending", "calibration"]);
    for answer in &answers {
        for class in CLASSES {
            let column = expected.column(&Upstream::column(&answer.member, class)).unwrap();
            assert_eq!(column, &Column::Numbers(values(&answer.outputs, class).to_vec()), "{} {class}", answer.member);
        }
    }
    let last = &answers[2].outputs;
    for row in 0..380 {
        assert_near(CLASSES.iter().map(|class| values(last, class)[row]).sum(), 1.0, 1e-15, "sum");
    }
}

#[test]
fn a_member_may_take_several_before_it() {
    // F49
    let (members, expected) = fitted(&[
        ("poisson", &[]),
        ("draw_calibration", &["poisson"]),
        ("blending", &["poisson", "draw_calibration"]),
        ("calibration", &["blending"]),
    ]);
    let (without, _) = three();
    assert_eq!(members[0], without[0], "the draw calibration leaves its upstream as it was");
    let answers = Chain::new(members).unwrap().evaluate(&season()).unwrap();
    let column = expected.column(&Upstream::column("calibration", "draw")).unwrap();
    assert_eq!(column, &Column::Numbers(values(&answers[3].outputs, "draw").to_vec()));
}

#[test]
fn a_row_alone_is_answered_as_in_a_batch() {
    let chain = Chain::new(three().0).unwrap();
    let (batch, season) = (chain.evaluate(&season()).unwrap(), season());
    for row in [0, 17, 379] {
        let alone = chain.evaluate(&season.take(&[row])).unwrap();
        for (one, all) in alone.iter().zip(&batch) {
            for class in CLASSES {
                assert_eq!(values(&one.outputs, class)[0].to_bits(), values(&all.outputs, class)[row].to_bits());
            }
        }
    }
}

#[test]
fn a_request_cannot_bring_its_own_upstream_answers() {
    let chain = Chain::new(three().0).unwrap();
    let mut forged = season();
    forged.push(Upstream::column("poisson", "home"), Column::Numbers(vec![1.0; 380])).unwrap();
    assert_eq!(chain.evaluate(&forged).unwrap(), chain.evaluate(&season()).unwrap());
}

#[test]
fn members_that_do_not_fit_together_are_no_chain() {
    let (good, _) = three();
    let refusal = |order: &[usize]| Chain::new(order.iter().map(|&i| good[i].clone()).collect()).unwrap_err();
    assert!(matches!(
        refusal(&[1, 0, 2]),
        ChainError::UnknownInput { member, input } if member == "blending" && input == "upstream.poisson.home"
    ));
    assert!(matches!(refusal(&[0, 2]), ChainError::UnknownInput { member, .. } if member == "calibration"));
    assert!(matches!(refusal(&[0, 1, 1]), ChainError::DuplicateMember { member } if member == "blending"));
    assert!(Chain::new(good.clone()).is_ok());
}

#[test]
fn what_cannot_be_answered_names_the_member_or_all_missing_columns() {
    let chain = Chain::new(three().0).unwrap();
    let unknown = matches(&[["2017-08-12", "Arsenal", "Lineal", "0", "0"]]);
    let error = chain.evaluate(&unknown).unwrap_err();
    assert!(matches!(
        error,
        ChainError::Member { member, source: MemberError::UnknownTeam { known: 20, .. } } if member == "poisson"
    ));
    let error = chain.evaluate(&Frame::new(1)).unwrap_err();
    assert!(matches!(error, ChainError::Data(DataError::MissingColumns { names, .. }) if names.len() == 2));
}
