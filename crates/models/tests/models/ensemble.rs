//! Members that answer together, by the rule of their ensemble.

use lineal_data::{
    Column, DataError, Feature, FeatureKind, FeatureSet, Frame, History, Lag, MissingRule, Target, Transform,
};
use lineal_kernel::Digest;
use lineal_models::{
    Bundle, BundleError, BundleParts, Decision, EnsembleError, EnsembleMember, EnsembleParts, EnsembleProblem,
    EnsembleRule, LeftOut, Linear, Link, Model, ScoreError, ServedModel, SplitReference, Task,
};

use crate::{common::resolve, member_bundle};

/// A number of each of these columns.
fn rows(columns: &[(&str, &[f64])]) -> Frame {
    let mut frame = Frame::new(columns[0].1.len());
    for (name, values) in columns {
        frame.push(*name, Column::Numbers(values.to_vec())).unwrap();
    }
    frame
}

fn split() -> SplitReference {
    SplitReference { version: "v1".into(), reference: Digest::of(b"reference") }
}

/// `weight * column`, for a task whose answer is the number; a missing value is 0 or refused.
fn line(column: &str, weight: f64, missing: MissingRule, task: Task) -> Bundle {
    let feature = Feature {
        name: column.to_owned(),
        source: column.to_owned(),
        kind: FeatureKind::Number,
        missing,
        transform: Transform::None,
    };
    let rows = rows(&[(column, &[1.0, 2.0, 3.0])]);
    // Columns called so are those of earlier rows.
    let lag = [1, 2].map(|rows| Lag { column: "a".to_owned(), rows }).into_iter().find(|lag| lag.name() == column);
    let history = lag.map(|lag| History { order: "day".to_owned(), group: None, lags: vec![lag] });
    let set = FeatureSet { version: "v1".to_owned(), features: vec![feature], history };
    let features = set.fit(&rows).unwrap();
    let linear = Linear { weights: vec![weight], intercept: 0.0, link: Link::Identity, importances: Vec::new() };
    Bundle::build(BundleParts {
        family: "ridge",
        task,
        features: &features,
        model: &Model::Linear(linear),
        hyperparameters: &resolve("ridge", "{}"),
        label: Target { column: "y".into(), positive: None },
        decision: Decision::Number,
        training_data: Digest::of(b"rows"),
        split: split(),
        rows: &rows,
    })
    .unwrap()
}

fn member(name: &str, weight: f64, bundle: Bundle) -> EnsembleMember {
    EnsembleMember { name: name.to_owned(), weight, bundle, upstreams: Vec::new() }
}

/// Answers of 1, 2 and 4 times `a`; the second refuses rows without it, and the third answers no number above 1e10.
fn members() -> Vec<EnsembleMember> {
    vec![
        member("one/1", 1.0, line("a", 1.0, MissingRule::Constant(0.0), Task::Regression)),
        member("two/7", 2.0, line("a", 2.0, MissingRule::Reject, Task::Regression)),
        member("two/8", 1.0, line("a", 4e297, MissingRule::Constant(0.0), Task::Regression)),
    ]
}

fn pack(members: &[EnsembleMember], rule: EnsembleRule) -> Result<Bundle, BundleError> {
    let rows = rows(&[("a", &[0.0, 0.0]), ("b", &[1.0, 2.0])]);
    Bundle::build_ensemble(&EnsembleParts { members, rule, split: split(), rows: &rows })
}

fn upstreams(members: &[EnsembleMember]) -> Vec<Bundle> {
    members.iter().map(|member| member.bundle.clone()).collect()
}

fn served(members: &[EnsembleMember], rule: EnsembleRule) -> ServedModel {
    ServedModel::load_chain(&pack(members, rule).unwrap(), &upstreams(members)).unwrap()
}

fn problem(members: &[EnsembleMember]) -> EnsembleProblem {
    match pack(members, EnsembleRule::Fail).unwrap_err() {
        BundleError::Ensemble(problem) => problem,
        other => panic!("{other:?}"),
    }
}

fn left_out(member: &str, rows: &[usize], problem: &str) -> LeftOut {
    LeftOut { member: member.to_owned(), rows: rows.to_vec(), problem: problem.to_owned() }
}

#[test]
fn an_ensemble_answers_with_the_weighted_mean_of_its_members() {
    // F141
    for rule in [EnsembleRule::Fail, EnsembleRule::Renormalise] {
        let mut members = members();
        members[2] = member("two/8", 1.0, line("b", 4.0, MissingRule::Reject, Task::Regression));
        let ensemble = served(&members, rule);
        let answer = ensemble.answer(&rows(&[("a", &[1.0, 10.0]), ("b", &[5.0, 0.0])])).unwrap();
        // (1 * a + 2 * 2a + 1 * 4b) / 4
        assert_eq!(answer.scores, [6.25, 12.5]);
        assert_eq!(answer.left_out, []);
        let inputs: Vec<_> = ensemble.signature().inputs.iter().map(|input| input.name.as_str()).collect();
        assert_eq!((inputs, ensemble.golden_rows()), (vec!["a", "b"], 2));
        let error = ensemble.score(&rows(&[("a", &[1.0])])).unwrap_err();
        assert!(
            matches!(error, ScoreError::Data(DataError::MissingColumns { names, .. }) if names == ["b"]),
            "{rule:?}"
        );
    }
}

#[test]
fn what_all_members_are_sure_of_stays_within_0_and_1() {
    let members: Vec<_> = (0..10).map(|i| member(&format!("m/{i}"), 0.1, member_bundle::alone())).collect();
    let rows = lineal_data::Table::from_csv(include_bytes!("../reference/football/season.csv")).unwrap().to_frame();
    let parts = EnsembleParts { members: &members, rule: EnsembleRule::Fail, split: split(), rows: &rows };
    let bundle = Bundle::build_ensemble(&parts).unwrap();
    let ensemble = ServedModel::load_chain(&bundle, &upstreams(&members)).unwrap();
    let alone = ServedModel::load(&members[0].bundle).unwrap().score(&rows).unwrap();
    let together = ensemble.score(&rows).unwrap();
    assert!(together.iter().zip(&alone).all(|(together, alone)| (together - alone).abs() < 1e-15));
    let sum: f64 = ensemble.whole(together)[..3].iter().sum();
    assert!((sum - 1.0).abs() < 1e-15, "a goals model among the members leaves out scores: {sum}");
}

#[test]
fn one_member_that_fails_is_left_out_and_the_others_weigh_more() {
    // F141: of the rows, the second is not taken by `two/7`, and `two/8` has no number for the third.
    let ensemble = served(&members(), EnsembleRule::Renormalise);
    let a = [0.0, f64::NAN, 1e12, 0.0, 0.0];
    let answer = ensemble.answer(&rows(&[("a", &a)])).unwrap();
    assert_eq!(answer.scores, [0.0, 0.0, (1e12 + 2.0 * 2e12) / 3.0, 0.0, 0.0]);
    let [two, three] = answer.left_out.try_into().unwrap();
    assert_eq!((two.member.as_str(), two.rows), ("two/7", vec![1]));
    assert!(two.problem.contains("row 1"), "{}", two.problem);
    assert_eq!((three.member.as_str(), three.rows), ("two/8", vec![2]));
    // Of every row: no list of all of them.
    let all = ensemble.answer(&rows(&[("a", &[1e12, 2e12])])).unwrap();
    assert_eq!((all.left_out[0].member.as_str(), all.left_out[0].rows.len(), all.left_out.len()), ("two/8", 0, 1));
}

#[test]
fn many_failing_rows_are_each_left_to_the_others() {
    let ensemble = served(&members(), EnsembleRule::Renormalise);
    let a: Vec<f64> = (0..1000).map(|i| if i % 7 == 3 { f64::NAN } else { 0.0 }).collect();
    let answer = ensemble.answer(&rows(&[("a", &a)])).unwrap();
    let expected: Vec<usize> = (0..1000).filter(|i| i % 7 == 3).collect();
    assert_eq!(answer.left_out[0].rows, expected);
    assert_eq!(answer.scores, vec![0.0; 1000]);
}

#[test]
fn by_the_other_rule_a_member_that_fails_is_named_and_nobody_answers() {
    // F141
    let ensemble = served(&members(), EnsembleRule::Fail);
    let failed = |a: f64| match ensemble.answer(&rows(&[("a", &[0.0, a])])).unwrap_err() {
        ScoreError::Ensemble(EnsembleError::MemberFailed { member, source }) => (member, source),
        other => panic!("{other:?}"),
    };
    let (member, fault) = failed(f64::NAN);
    assert_eq!(member, "two/7");
    assert!(matches!(fault.refusal(), Some(ScoreError::Data(DataError::MissingValue { row: 1, .. }))));
    let (member, fault) = failed(1e12);
    assert_eq!(member, "two/8");
    assert!(fault.refusal().is_none(), "the rows are good, the member is at fault: {fault}");
}

#[test]
fn a_row_that_nobody_answers_is_an_error_by_both_rules() {
    let two = [1.0, 2.0].map(|weight| line("a", weight, MissingRule::Reject, Task::Regression));
    let members: Vec<_> = ["x/1", "x/2"].into_iter().zip(two).map(|(name, bundle)| member(name, 1.0, bundle)).collect();
    let ensemble = served(&members, EnsembleRule::Renormalise);
    let error = ensemble.answer(&rows(&[("a", &[1.0, 2.0, f64::NAN])])).unwrap_err().within(100);
    let ScoreError::Ensemble(EnsembleError::NobodyAnswers { row: 102, member, source }) = error else {
        panic!("{error:?}")
    };
    assert_eq!(member, "x/1");
    assert!(matches!(source.refusal(), Some(ScoreError::Data(DataError::MissingValue { row: 102, .. }))), "{source}");
}

#[test]
fn a_member_that_does_not_load_is_done_without_or_refuses_the_ensemble() {
    // F141
    let members = members();
    let bundles = upstreams(&members);
    let given = [Ok(&bundles[0]), Err("`model.json` is missing"), Ok(&bundles[2])];
    let bundle = pack(&members, EnsembleRule::Renormalise).unwrap();
    let ensemble = ServedModel::load_with(&bundle, &given).unwrap();
    assert_eq!(ensemble.absent(), [left_out("two/7", &[], "`model.json` is missing")]);
    let answer = ensemble.answer(&rows(&[("a", &[f64::NAN, 0.0])])).unwrap();
    assert_eq!(answer.scores, [0.0, 0.0]);
    assert_eq!(answer.left_out, [left_out("two/7", &[], "it is not loaded: `model.json` is missing")]);

    let refused = |bundle: &Bundle, given: &[Result<&Bundle, &str>]| match ServedModel::load_with(bundle, given).err() {
        Some(BundleError::Ensemble(EnsembleProblem::NotLoaded { member, .. })) => member,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&pack(&members, EnsembleRule::Fail).unwrap(), &given), "two/7");
    assert_eq!(refused(&bundle, &[Err("gone"); 3]), "one/1", "nobody is left");
    let others = [Ok(&bundles[1]), Ok(&bundles[0]), Ok(&bundles[2])];
    assert!(matches!(ServedModel::load_with(&bundle, &others), Err(BundleError::Upstreams { .. })));
    let alone = ServedModel::load_with(&bundles[0], &[Err("gone")]);
    assert!(matches!(alone, Err(BundleError::Upstreams { expected: 0, found: 1 })), "only ensembles do without");
}

#[test]
fn the_last_member_of_a_chain_votes_with_its_chain() {
    let (names, mut bundles): (Vec<_>, Vec<_>) = member_bundle::chain().0.into_iter().unzip();
    assert_eq!(names, ["poisson", "blending", "calibration"]);
    let (head, poisson) = (bundles.pop().unwrap(), bundles[0].clone());
    let members = [
        EnsembleMember { name: "calibration/4".into(), weight: 3.0, bundle: head, upstreams: bundles },
        member("poisson/2", 1.0, poisson),
    ];
    let rows = lineal_data::Table::from_csv(include_bytes!("../reference/football/season.csv")).unwrap().to_frame();
    let parts = EnsembleParts { members: &members, rule: EnsembleRule::Renormalise, split: split(), rows: &rows };
    let bundle = Bundle::build_ensemble(&parts).unwrap();
    let named: Vec<_> = bundle.manifest().upstreams.iter().map(|upstream| upstream.member.as_str()).collect();
    assert_eq!(named, ["poisson", "blending", "calibration/4", "poisson/2"]);
    let files = [&members[0].upstreams[0], &members[0].upstreams[1], &members[0].bundle, &members[1].bundle];
    let ensemble = ServedModel::load_with(&bundle, &files.map(Ok)).unwrap();
    let chain = ServedModel::load_chain(&members[0].bundle, &members[0].upstreams).unwrap().score(&rows).unwrap();
    let goals = ServedModel::load(&members[1].bundle).unwrap().score(&rows).unwrap();
    for (found, (chain, goals)) in ensemble.score(&rows).unwrap().iter().zip(chain.iter().zip(&goals)) {
        assert!((found - (0.75 * chain + 0.25 * goals)).abs() < 1e-15);
    }
    let torn = ServedModel::load_with(&bundle, &[Ok(files[0]), Err("gone"), Ok(files[2]), Ok(files[3])]).unwrap();
    assert_eq!(torn.absent()[0].member, "calibration/4", "without its upstream a chain is no member");
}

#[test]
fn members_that_are_no_ensemble_are_refused_by_name() {
    let good = || members().swap_remove(0);
    let other = |column: &str, task| member("x/2", 1.0, line(column, 1.0, MissingRule::Reject, task));
    assert!(matches!(problem(&[good()]), EnsembleProblem::TooFew { found: 1 }));
    assert!(matches!(problem(&[]), EnsembleProblem::TooFew { found: 0 }));
    assert!(matches!(problem(&[good(), good()]), EnsembleProblem::DuplicateMember { member } if member == "one/1"));
    for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let weighed = EnsembleMember { weight, ..other("a", Task::Regression) };
        assert!(matches!(problem(&[good(), weighed]), EnsembleProblem::Weight { member, .. } if member == "x/2"));
    }
    let task = problem(&[good(), other("a", Task::Count)]);
    assert!(matches!(&task, EnsembleProblem::Task { member, .. } if member == "x/2"), "{task}");
    let classes = problem(&[member("m/1", 1.0, member_bundle::alone()), other("a", Task::Regression)]);
    assert!(matches!(classes, EnsembleProblem::Task { .. }));
    let nested = pack(&members(), EnsembleRule::Fail).unwrap();
    assert!(
        matches!(problem(&[good(), member("e/1", 1.0, nested)]), EnsembleProblem::Nested { member } if member == "e/1")
    );
    let [before, long_before] = ["a_lag_1", "a_lag_2"].map(|column| other(column, Task::Regression));
    let before = EnsembleMember { name: "x/1".into(), ..before };
    let lags = problem(&[before, good(), long_before]);
    assert!(matches!(&lags, EnsembleProblem::History { member } if member == "x/2"), "{lags}");
    let silent = pack(&[good(), other("c", Task::Regression)], EnsembleRule::Renormalise);
    assert!(matches!(silent, Err(BundleError::Golden(_))), "golden rows are answered by all");
}

#[test]
fn stored_weights_are_shares_of_a_whole_and_a_forged_file_is_refused() {
    let members = members();
    let bundle = pack(&members, EnsembleRule::Renormalise).unwrap();
    let file: serde_json::Value = serde_json::from_slice(&bundle.files()["ensemble.json"]).unwrap();
    let weights: Vec<_> = (0..3).map(|i| file["members"][i]["weight"].as_f64().unwrap()).collect();
    assert_eq!((weights, file["rule"].as_str()), (vec![0.25, 0.5, 0.25], Some("renormalise")));
    let doubled: Vec<_> =
        members.iter().map(|one| EnsembleMember { weight: one.weight * 2.0, ..one.clone() }).collect();
    assert_eq!(pack(&doubled, EnsembleRule::Renormalise).unwrap().digest(), bundle.digest());

    let forged = |change: &dyn Fn(&mut serde_json::Value)| {
        let (mut file, mut files) = (file.clone(), bundle.files().clone());
        change(&mut file);
        let bytes = serde_json::to_vec(&file).unwrap();
        let mut manifest: serde_json::Value = serde_json::from_slice(bundle.manifest_bytes()).unwrap();
        manifest["files"]["ensemble.json"] = serde_json::json!({"digest": Digest::of(&bytes), "size": bytes.len()});
        files.insert("ensemble.json".to_owned(), bytes);
        let manifest = serde_json::to_vec(&manifest).unwrap();
        let bundle = Bundle::assemble(manifest.clone(), Digest::of(&manifest), files).unwrap();
        ServedModel::load_chain(&bundle, &upstreams(&members)).err().unwrap()
    };
    let sum = forged(&|file| file["members"][0]["weight"] = 0.5.into());
    assert!(matches!(sum, BundleError::Ensemble(EnsembleProblem::Sum { .. })), "{sum:?}");
    let negative = forged(&|file| file["members"][0]["weight"] = (-0.25).into());
    assert!(matches!(negative, BundleError::Ensemble(EnsembleProblem::Weight { .. })));
    let unknown = forged(&|file| file["members"][0]["member"] = "none/1".into());
    assert!(matches!(unknown, BundleError::Malformed { file: "manifest.json", .. }));
    let alone = forged(&|file| file["members"] = serde_json::json!([{"member": "one/1", "weight": 1.0}]));
    assert!(matches!(alone, BundleError::Ensemble(EnsembleProblem::TooFew { found: 1 })));
}
