//! Files that are no model: reading them ends in a typed error, soon and without filling the memory.

use std::{fmt::Write as _, fs, sync::LazyLock};

use lineal_data::Matrix;
use lineal_models::{ForeignError, ForeignModel, TreeProblem};
use proptest::{prelude::*, sample::Index};

/// A LightGBM text of one tree with the given lines.
fn text(tree: &str) -> String {
    format!(
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=1\nobjective=regression\n\
         feature_names=a b\n\nTree=0\n{tree}\nend of trees\n"
    )
}

/// A tree of one split, its lines changed by `change`.
fn stump(change: impl Fn(&str) -> Option<String>) -> String {
    let lines = "num_leaves=2\nnum_cat=0\nsplit_feature=1\nsplit_gain=1\nthreshold=0.5\ndecision_type=2\nleft_child=-1\n\
                 right_child=-2\nleaf_value=1 2\nis_linear=0";
    text(&lines.lines().map(|line| change(line).unwrap_or_else(|| line.to_owned())).collect::<Vec<_>>().join("\n"))
}

fn refusal(bytes: impl AsRef<[u8]>) -> ForeignError {
    ForeignModel::read(bytes.as_ref()).expect_err("this is no model")
}

fn problem(bytes: impl AsRef<[u8]>) -> TreeProblem {
    match refusal(bytes) {
        ForeignError::Tree { problem, .. } => problem,
        other => panic!("{other}"),
    }
}

/// An XGBoost file with one tree of these nodes.
fn json(left: &[i64], right: &[i64], conditions: &str, more: &str) -> String {
    let zeros = vec![0; left.len()];
    format!(
        r#"{{"learner":{{"gradient_booster":{{"name":"gbtree","model":{{"tree_info":[0],"trees":[{{
        "left_children":{left:?},"right_children":{right:?},"split_conditions":{conditions},"split_indices":{zeros:?},
        "default_left":{zeros:?},{more}"tree_param":{{"size_leaf_vector":"1"}}}}]}}}},
        "learner_model_param":{{"base_score":"5E-1","num_class":"0","num_feature":"2"}},
        "objective":{{"name":"reg:squarederror"}}}},"version":[3,2,0]}}"#
    )
}

#[test]
fn a_wrong_value_of_a_tree_is_named() {
    assert!(ForeignModel::read(stump(|_| None).as_bytes()).is_ok());
    let with = |key: &'static str, value: &'static str| {
        problem(stump(move |line| line.starts_with(key).then(|| format!("{key}={value}"))))
    };
    assert_eq!(with("left_child", "0"), TreeProblem::Cycle { node: 0 });
    assert_eq!(with("left_child", "1"), TreeProblem::Child { node: 0, child: 1 });
    assert_eq!(with("right_child", "-3"), TreeProblem::Child { node: 0, child: -3 });
    assert_eq!(with("right_child", "-9223372036854775808"), TreeProblem::Child { node: 0, child: i64::MIN });
    assert_eq!(with("threshold", "nan"), TreeProblem::NotFinite { node: 0 });
    assert_eq!(with("leaf_value", "1 inf"), TreeProblem::NotFinite { node: 1 });
    assert_eq!(with("split_feature", "2"), TreeProblem::Feature { node: 0, feature: 2 });
    assert_eq!(with("split_feature", "-1"), TreeProblem::Array { array: "split_feature", expected: 1 });
    assert_eq!(with("threshold", "1 2"), TreeProblem::Array { array: "threshold", expected: 1 });
    assert_eq!(
        with("num_leaves", "18446744073709551615"),
        TreeProblem::Array { array: "leaf_value", expected: usize::MAX }
    );
    assert_eq!(with("num_leaves", "0"), TreeProblem::Array { array: "leaf_value", expected: 0 });
    assert_eq!(with("decision_type", "1"), TreeProblem::Categories { node: 0 });
    assert_eq!(with("is_linear", "1"), TreeProblem::Linear);
    let sets = |bounds: &str, words: &str, index: &str| {
        problem(stump(|line| match line.split_once('=')?.0 {
            "num_cat" => Some(format!("num_cat=2\ncat_boundaries={bounds}\ncat_threshold={words}")),
            "decision_type" => Some("decision_type=1".to_owned()),
            "threshold" => Some(format!("threshold={index}")),
            _ => None,
        }))
    };
    assert_eq!(sets("0 1 2", "1 2", "2"), TreeProblem::Categories { node: 0 });
    assert_eq!(sets("0 1 2", "1 2", "0.5"), TreeProblem::Categories { node: 0 });
    assert_eq!(sets("0 9 2", "1 2", "1"), TreeProblem::Categories { node: 0 });
    assert_eq!(sets("2 1 2", "1 2", "1"), TreeProblem::Categories { node: 0 });
    assert_eq!(
        sets("0 1 18446744073709551615", "1 2", "1"),
        TreeProblem::Array { array: "cat_threshold", expected: usize::MAX }
    );
}

#[test]
fn a_wrong_value_of_a_file_is_named() {
    let good = stump(|_| None);
    let with = |from: &str, to: &str| refusal(good.replace(from, to)).to_string();
    assert_eq!(with("feature_names=a b", "feature_names=a"), "`max_feature_idx` does not fit 1 feature names");
    assert!(with("max_feature_idx=1", "max_feature_idx=18446744073709551615").starts_with("`max_feature_idx`"));
    assert!(
        with("num_tree_per_iteration=1", "num_tree_per_iteration=4000000000")
            .starts_with("`num_class` must be 1 to 1000")
    );
    assert!(with("num_tree_per_iteration=1", "num_tree_per_iteration=2").contains("does not divide 1 trees"));
    assert!(with("num_tree_per_iteration=1\n", "").contains("is missing"));
    assert!(with("objective=regression", "objective=multiclass").contains("does not fit objective `multiclass`"));
    assert!(with("objective=regression", "objective=secret").contains("objective `secret` cannot be read"));
    assert!(with("objective=regression", "objective=binary sigmoid:x").contains("`sigmoid`"));
    assert!(with("version=v4", "version=v9").contains("format `v9` cannot be read"));
    assert!(with("end of trees", "end of trees\npandas_categorical:[[\"a\"]]").contains("cat.codes"));

    let good = json(&[1, -1, -1], &[2, -1, -1], "[0.5,1,2]", "");
    assert!(ForeignModel::read(good.as_bytes()).is_ok());
    let with = |from: &str, to: &str| refusal(good.replace(from, to)).to_string();
    assert!(with(r#""num_feature":"2""#, r#""num_feature":"4000000000""#).starts_with("`features` must be 1 to"));
    assert!(with(r#""num_class":"0""#, r#""num_class":"900""#).contains("does not fit objective"));
    assert!(with(r#""base_score":"5E-1""#, r#""base_score":"[1,2]""#).starts_with("`base_score`"));
    assert!(with(r#""base_score":"5E-1""#, r#""base_score":"NaN""#).starts_with("`base_score`"));
    assert!(with(r#""tree_info":[0]"#, r#""tree_info":[1]"#).contains("names class 1"));
    assert!(with(r#""tree_info":[0]"#, r#""tree_info":[]"#).contains("does not fit 1 trees"));
    assert!(with(r#""name":"gbtree""#, r#""name":"gblinear""#).contains("booster `gblinear` cannot be read"));
    assert!(with(r#""name":"gbtree","#, r#""name":"gbtree","name":"dart","#).contains("duplicate field"));
    assert!(with("reg:squarederror", "reg:secret").contains("objective `reg:secret` cannot be read"));
    assert!(with(r#""tree_info""#, r#""cats":{"enc":[{}]},"tree_info""#).contains("cat.codes"));
    assert!(with(r#""size_leaf_vector":"1""#, r#""size_leaf_vector":"3""#).contains("one_output_per_tree"));
}

#[test]
fn pointers_of_a_json_tree_are_checked() {
    let tree = |left: &[i64], right: &[i64], conditions: &str, more: &str| problem(json(left, right, conditions, more));
    assert_eq!(tree(&[1, 0, -1], &[2, 0, -1], "[0.5,1,2]", ""), TreeProblem::Cycle { node: 0 });
    assert_eq!(tree(&[1, 2, -1], &[1, 2, -1], "[0.5,1,2]", ""), TreeProblem::Cycle { node: 1 });
    assert_eq!(tree(&[3, -1, -1], &[2, -1, -1], "[0.5,1,2]", ""), TreeProblem::Child { node: 0, child: 3 });
    assert_eq!(tree(&[-7, -1, -1], &[2, -1, -1], "[0.5,1,2]", ""), TreeProblem::Child { node: 0, child: -7 });
    assert_eq!(
        tree(&[1, -1], &[2, -1, -1], "[0.5,1,2]", ""),
        TreeProblem::Array { array: "right_children", expected: 2 }
    );
    assert_eq!(tree(&[], &[], "[]", ""), TreeProblem::Array { array: "left_children", expected: 1 });
    assert!(refusal(json(&[1, -1, -1], &[2, -1, -1], "[0.5,1,1e39]", "")).to_string().contains("out of range"));
    let split = r#""split_type":[1,0,0],"#;
    assert_eq!(tree(&[1, -1, -1], &[2, -1, -1], "[0,1,2]", split), TreeProblem::Categories { node: 0 });
    for (members, node, start, size) in
        [("[1]", 9, 0, 1), ("[1]", 0, 0, 2), ("[1]", 0, u64::MAX, 2), ("[1]", 0, 0, 0), ("[4294967295]", 0, 0, 1)]
    {
        let sets = format!(
            r#"{split}"categories":{members},"categories_nodes":[{node}],"categories_segments":[{start}],"categories_sizes":[{size}],"#
        );
        assert_eq!(tree(&[1, -1, -1], &[2, -1, -1], "[0,1,2]", &sets), TreeProblem::Categories { node });
    }
}

#[test]
fn a_chain_of_a_hundred_thousand_splits_is_too_deep() {
    let splits = 100_000;
    let mut tree = format!("num_leaves={}\nnum_cat=0\n", splits + 1);
    let mut array = |name: &str, value: &dyn Fn(i64) -> i64, count: i64| {
        let values: Vec<_> = (0..count).map(|i| value(i).to_string()).collect();
        writeln!(tree, "{name}={}", values.join(" ")).unwrap();
    };
    for name in ["split_feature", "threshold", "decision_type"] {
        array(name, &|_| 0, splits);
    }
    array("left_child", &|i| !i, splits);
    array("right_child", &|i| if i + 1 < splits { i + 1 } else { !splits }, splits);
    array("leaf_value", &|i| i, splits + 1);
    assert_eq!(problem(text(&tree)), TreeProblem::Deep { limit: 10_000 });

    let nodes = 2 * splits + 1;
    let left: Vec<_> = (0..nodes).map(|i| if i % 2 == 0 && i + 1 < nodes { i + 1 } else { -1 }).collect();
    let right: Vec<_> = left.iter().map(|&child| if child < 0 { -1 } else { child + 1 }).collect();
    let conditions = format!("{:?}", vec![0; nodes as usize]);
    assert_eq!(problem(json(&left, &right, &conditions, "")), TreeProblem::Deep { limit: 10_000 });
}

#[test]
fn lists_inside_lists_and_lengths_beyond_the_file_end_early() {
    let inside = |open: &str| {
        let mut bytes = b"{i\x07learner{i\x0dfeature_names".to_vec();
        bytes.extend(open.repeat(1 << 20).bytes());
        refusal(bytes)
    };
    assert!(matches!(inside("["), ForeignError::Malformed { .. }));
    let skipped = [b"{i\x01x".as_slice(), &b"[".repeat(1 << 20)].concat();
    assert!(refusal(skipped).to_string().contains("too deep"));
    let lists = format!("{{\"x\":{}", "[".repeat(1 << 20));
    assert_eq!(refusal(lists), ForeignError::Truncated);
    for claim in
        [b"[$d#L\x10\0\0\0\0\0\0\0".as_slice(), b"SL\x7f\xff\xff\xff\xff\xff\xff\xff", b"[#L\x10\0\0\0\0\0\0\0"]
    {
        assert_eq!(refusal([b"{i\x01x", claim].concat()), ForeignError::Truncated);
    }
    let constants = [b"{i\x01x[$T#l".as_slice(), &[0, 0, 0, 9], &[0; 9]].concat();
    assert!(refusal(constants).to_string().contains("list of constants"));
    assert!(refusal(b"{i\x01x[#i\xff").to_string().contains("negative"));
}

#[test]
fn a_threshold_that_is_no_number_is_refused() {
    for number in [f32::NAN, f32::INFINITY] {
        let mut file = FILES[5].clone();
        let name = b"split_conditions[$d#L";
        let at = file.windows(name.len()).position(|part| part == name).unwrap() + name.len() + 8;
        file[at..at + 4].copy_from_slice(&number.to_be_bytes());
        assert_eq!(problem(file), TreeProblem::NotFinite { node: 0 });
    }
}

#[test]
fn a_pickle_is_refused_with_what_to_save_instead() {
    let pickles = (2..=5).map(|protocol| [0x80, protocol, b'c', b'o', b's']);
    for pickle in pickles.chain([*b"PK\x03\x04\0"]) {
        let text = refusal(pickle).to_string();
        assert!(text.contains("runs code") && text.contains("save_model(\"model.txt\")"), "{text}");
        assert!(text.contains("skl2onnx") && text.contains("torch.onnx.export"), "{text}");
    }
    for other in [b"".as_slice(), b"binf", b"tree", b"treehouse\n", b"[1]"] {
        assert_eq!(refusal(other), ForeignError::Unknown);
    }
}

/// Models that libraries wrote, two in each form; UBJ last.
static FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/foreign");
    let names = ["lightgbm_multiclass.txt", "lightgbm_regression.txt", "xgboost_regression.json", "xgboost_dart.json"];
    let names = names.into_iter().chain(["xgboost_binary_ubj.ubj", "xgboost_poisson.ubj"]);
    names.map(|name| fs::read(format!("{folder}/{name}")).unwrap()).collect()
});

/// What is read can also score.
fn read(bytes: &[u8]) -> Result<ForeignModel, ForeignError> {
    ForeignModel::read(bytes).inspect(|read| {
        let x = Matrix::zeros(3, read.features.len());
        let mut scores = Vec::new();
        read.model.evaluator(read.features.len()).unwrap().evaluate(&x, &mut scores);
        assert_eq!(scores.len() % 3, 0);
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_file_that_ends_early_is_refused(file in any::<Index>(), end in any::<Index>()) {
        let file = file.get(&FILES);
        // Behind the last tree of a text comes nothing that is needed.
        let needed = file.windows(12).position(|part| part == b"end of trees").map_or(file.len() - 1, |at| at + 11);
        prop_assert!(read(&file[..end.index(needed)]).is_err());
    }

    #[test]
    fn a_damaged_file_is_refused_or_scores(
        file in any::<Index>(),
        damage in prop::collection::vec((any::<Index>(), any::<u8>()), 1..8),
    ) {
        let mut file = file.get(&FILES).clone();
        for (at, byte) in damage {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let _ = read(&file);
    }

    #[test]
    fn numbers_in_the_place_of_others_are_refused_or_score(
        file in any::<Index>(),
        at in any::<Index>(),
        number in prop::sample::select(vec!["-1", "0", "7", "4294967295", "1e300", "nan", "-9223372036854775808", ""]),
    ) {
        let file = file.get(&FILES);
        let at = at.index(file.len());
        let is_number = |byte: &u8| byte.is_ascii_digit() || b".-+eE".contains(byte);
        let end = at + file[at..].iter().position(|byte| !is_number(byte)).unwrap_or(0);
        let _ = read(&[&file[..at], number.as_bytes(), &file[end..]].concat());
    }
}
