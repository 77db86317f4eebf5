//! A bundle of a member serves the chain that ends in it.

use std::collections::BTreeMap;

use lineal_data::{Frame, Table};
use lineal_kernel::Digest;
use lineal_models::{
    Bundle, BundleError, Chain, ChainError, Member, MemberParts, ScoreError, ServedModel, SplitReference, Task,
    Upstream, member_family,
};

use crate::football::{CLASSES, fit_member, matches, season, upstream, values, with_answers};

/// By their names in the chain.
pub(crate) type Named<T> = Vec<(String, T)>;

/// The bundles of Poisson, blending and calibration, each on the one before it, and the members.
pub(crate) fn chain() -> (Named<Bundle>, Named<Member>) {
    let (mut rows, mut bundles, mut members) = (season(), Vec::new(), Vec::new());
    for (name, before) in [("poisson", None), ("blending", Some("poisson")), ("calibration", Some("blending"))] {
        let upstreams: Vec<Upstream> = before.into_iter().map(upstream).collect();
        let member = fit_member(name, &rows, &upstreams, "{}").unwrap();
        rows = with_answers(&rows, name, &member);
        let bundle = pack(name, &member, &bundles).unwrap();
        bundles.push((name.to_owned(), bundle));
        members.push((name.to_owned(), member));
    }
    (bundles, members)
}

/// The bundle of a member that takes no answers.
pub(crate) fn alone() -> Bundle {
    chain().0.swap_remove(0).1
}

fn pack(family: &str, member: &Member, upstreams: &[(String, Bundle)]) -> Result<Bundle, BundleError> {
    let hyperparameters = member_family(family).unwrap().describe().resolve(BTreeMap::new()).unwrap();
    Bundle::build_member(MemberParts {
        family,
        member,
        upstreams,
        hyperparameters: &hyperparameters,
        training_data: Digest::of(b"season"),
        split: SplitReference { version: "v1".into(), reference: Digest::of(b"reference") },
        rows: &season(),
    })
}

fn before(bundles: &[(String, Bundle)]) -> Vec<Bundle> {
    bundles.iter().map(|(_, bundle)| bundle.clone()).collect()
}

/// The bundle with another text in one file, and digests that fit.
fn forged(bundle: &Bundle, file: &str, change: impl Fn(&mut serde_json::Value)) -> Bundle {
    try_forged(bundle, file, change).unwrap()
}

fn try_forged(bundle: &Bundle, file: &str, change: impl Fn(&mut serde_json::Value)) -> Result<Bundle, BundleError> {
    let mut files = bundle.files().clone();
    let mut manifest: serde_json::Value = serde_json::from_slice(bundle.manifest_bytes()).unwrap();
    if file == "manifest.json" {
        change(&mut manifest);
    } else {
        let mut content = serde_json::from_slice(&files[file]).unwrap();
        change(&mut content);
        let bytes = serde_json::to_vec(&content).unwrap();
        manifest["files"][file] = serde_json::json!({"digest": Digest::of(&bytes).to_string(), "size": bytes.len()});
        files.insert(file.to_owned(), bytes);
    }
    let bytes = serde_json::to_vec(&manifest).unwrap();
    Bundle::assemble(bytes.clone(), Digest::of(&bytes), files)
}

#[test]
fn the_last_bundle_answers_as_the_chain_does() {
    // F135
    let (bundles, members) = chain();
    let (head, upstreams) = (&bundles[2].1, before(&bundles[..2]));
    let served = ServedModel::load_chain(head, &upstreams).unwrap();
    let expected = Chain::new(members).unwrap().evaluate(&season()).unwrap();
    let scores = served.score(&season()).unwrap();
    for (k, class) in CLASSES.iter().enumerate() {
        let found: Vec<f64> = scores.iter().skip(k).step_by(3).copied().collect();
        assert_eq!(found, values(&expected[2].outputs, class), "{class}");
    }
    assert_eq!((served.task(), served.golden_rows(), served.outputs()), (Task::MulticlassClassification, 16, 3));
    assert_eq!(pack("calibration", &bundles[2].1.member().unwrap(), &bundles[..2]).unwrap().digest(), head.digest());
}

#[test]
fn a_goals_model_alone_answers_what_it_sums_and_is_measured_whole() {
    let (bundles, _) = chain();
    let served = ServedModel::load(&bundles[0].1).unwrap();
    let scores = served.score(&season()).unwrap();
    let sum: f64 = scores[..3].iter().sum();
    assert!(sum < 1.0 && sum > 0.999, "{sum}");
    assert!((served.whole(scores.clone())[..3].iter().sum::<f64>() - 1.0).abs() < 1e-15);
    // The goals say what came true, with or without a column for it.
    let raw = include_bytes!("../reference/football/season.csv");
    let table = Table::from_csv(raw).unwrap();
    let labels = bundles[0].1.manifest().labels(&table).unwrap();
    let outcomes = String::from_utf8(raw.to_vec()).unwrap();
    let named = outcomes.lines().enumerate().map(|(row, line)| match row {
        0 => format!("{line},outcome"),
        row => format!("{line},{}", CLASSES[labels[row - 1] as usize]),
    });
    let named = Table::from_csv(named.collect::<Vec<_>>().join("\n").as_bytes()).unwrap();
    assert_eq!(bundles[0].1.manifest().labels(&named).unwrap(), labels);
    let metrics = served.measure(&labels, &scores).unwrap();
    assert!(metrics["log_loss"] < 1.0 && metrics["accuracy"] > 0.5, "{metrics:?}");
}

#[test]
fn a_chain_of_other_bundles_is_not_loaded() {
    let (bundles, _) = chain();
    let (head, upstreams) = (&bundles[2].1, before(&bundles[..2]));
    let refusal = |head: &Bundle, upstreams: &[Bundle]| ServedModel::load_chain(head, upstreams).err().unwrap();
    assert!(matches!(refusal(head, &[]), BundleError::Upstreams { expected: 2, found: 0 }));
    assert!(matches!(refusal(head, &[upstreams[1].clone(), upstreams[0].clone()]), BundleError::Upstreams { .. }));
    let moved = forged(head, "member.json", |member| {
        let curves = &mut member["calibration"]["method"]["curves"];
        curves[0] = curves[1].clone();
    });
    assert!(matches!(refusal(&moved, &upstreams), BundleError::GoldenMismatch { .. }));
    let renamed = forged(head, "manifest.json", |manifest| manifest["upstreams"][1]["member"] = "blends".into());
    assert!(matches!(refusal(&renamed, &upstreams), BundleError::Chain(ChainError::UnknownInput { .. })));
    let reordered = forged(head, "manifest.json", |manifest| {
        manifest["decision"]["classes"] = serde_json::json!(["draw", "home", "away"]);
    });
    assert!(matches!(refusal(&reordered, &upstreams), BundleError::Malformed { file: "manifest.json", .. }));
    let endless = try_forged(head, "manifest.json", |manifest| {
        manifest["upstreams"] = vec![manifest["upstreams"][0].clone(); 16].into();
    });
    assert!(matches!(endless, Err(BundleError::Malformed { file: "manifest.json", .. })), "nobody fetches that much");
    let broken = forged(head, "member.json", |member| *member = serde_json::json!({"oracle": {}}));
    assert!(matches!(refusal(&broken, &upstreams), BundleError::Member(_)));
}

#[test]
fn an_unknown_team_is_named() {
    let (bundles, _) = chain();
    let served = ServedModel::load_chain(&bundles[1].1, &before(&bundles[..1])).unwrap();
    let unknown: Frame = matches(&[["2017-08-12", "Arsenal", "Lineal", "0", "0"]]);
    let error = served.score(&unknown).unwrap_err();
    let ScoreError::Chain(ChainError::Member { member, source }) = error else { panic!("{error:?}") };
    assert!(member == "poisson" && source.to_string().contains("`Lineal`"), "{source}");
}
