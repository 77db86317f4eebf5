//! Graphs that other libraries exported, beside what ONNX Runtime in Python makes of them.

use std::{collections::BTreeMap, env, fs, path::PathBuf, sync::LazyLock};

use lineal_data::{Column, DataError, Frame, Target};
use lineal_kernel::Digest;
use lineal_models::{
    Bundle, BundleError, Decision, GraphParts, LibrarySearch, MostProbable, OnnxError, OnnxGraph, Rule, ScoreError,
    ServedModel, SplitReference, Task, Threshold, find_onnxruntime,
};
use serde::Deserialize;
use serde_json::Value;

use crate::common::resolve;

/// What Python says of one graph.
#[derive(Deserialize)]
struct Expected {
    columns: serde_json::Map<String, Value>,
    scores: Vec<f64>,
}

static EXPECTED: LazyLock<BTreeMap<String, Expected>> =
    LazyLock::new(|| serde_json::from_slice(&fs::read(folder().join("expected.json")).unwrap()).unwrap());

pub(crate) fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/onnx"))
}

/// Finds the engine in the Python that `make test` prepared.
pub(crate) fn prepare() {
    let python = PathBuf::from(env::var_os("LINEAL_TEST_PYTHON").unwrap_or_default());
    assert!(python.is_file(), "LINEAL_TEST_PYTHON names no Python with onnxruntime; run `make test`");
    let pythons = python.ancestors().skip(2).take(1).map(Into::into).collect();
    find_onnxruntime(LibrarySearch { pythons, ..LibrarySearch::default() });
}

pub(crate) fn bytes(name: &str) -> Vec<u8> {
    fs::read(folder().join(format!("{name}.onnx"))).unwrap()
}

/// The rows of a case, columns in the order of the graph.
fn rows(expected: &Expected, names: &[String]) -> Frame {
    let column = |name: &String| match expected.columns[name].as_array().unwrap() {
        texts if texts[0].is_string() => {
            Column::Texts(texts.iter().map(|text| text.as_str().map(Into::into)).collect())
        }
        numbers => Column::Numbers(numbers.iter().map(|number| number.as_f64().unwrap()).collect()),
    };
    let mut frame = Frame::new(expected.columns.values().next().unwrap().as_array().unwrap().len());
    for name in names {
        frame.push(name, column(name)).unwrap();
    }
    frame
}

/// What the columns of one input are called in Python's answers.
fn names(name: &str) -> Vec<String> {
    let known = &EXPECTED[name].columns;
    let order =
        ["sepal_length", "sepal_width", "petal_length", "petal_width", "plan", "age", "calls", "count", "price"];
    let numbered = (0..10).map(|j| format!("f{j}"));
    order.map(str::to_owned).into_iter().chain(numbered).filter(|name| known.contains_key(name)).collect()
}

fn decision(name: &str, graph: &OnnxGraph) -> (Task, Decision) {
    let class = |class: usize| class.to_string();
    match graph.scores {
        1 if !name.ends_with("_network") => (Task::Regression, Decision::Number),
        1 | 2 => {
            let two = Threshold {
                positive_class: class(1),
                negative_class: Some(class(0)),
                threshold: 0.5,
                rule: Rule::AtLeast,
            };
            (Task::BinaryClassification, Decision::Threshold(two))
        }
        several => {
            let classes = (0..several).map(class).collect();
            (Task::MulticlassClassification, Decision::MostProbable(MostProbable { classes }))
        }
    }
}

fn pack(graph: &[u8], names: &[String], rows: &Frame, task: Task, decision: Decision) -> Result<Bundle, BundleError> {
    Bundle::build_graph(GraphParts {
        graph,
        names,
        task,
        hyperparameters: &resolve("ridge", "{}"),
        label: Target { column: "label".into(), positive: None },
        decision,
        training_data: Digest::of(graph),
        split: SplitReference { version: "imported".into(), reference: Digest::of(graph) },
        rows,
    })
}

fn packed(name: &str) -> (Bundle, Frame) {
    prepare();
    let (bytes, names) = (bytes(name), names(name));
    let (task, decision) = decision(name, &OnnxGraph::read(&bytes).unwrap());
    let rows = rows(&EXPECTED[name], &names);
    (pack(&bytes, &names, &rows, task, decision).unwrap_or_else(|error| panic!("{name}: {error:?}")), rows)
}

fn load(bundle: &Bundle) -> Result<ServedModel, BundleError> {
    let files = bundle.files().clone();
    ServedModel::load(&Bundle::assemble(bundle.manifest_bytes().to_vec(), bundle.digest(), files)?)
}

#[test]
fn every_exporters_graph_scores_as_in_python() {
    for (name, expected) in EXPECTED.iter() {
        let (bundle, rows) = packed(name);
        let served = load(&bundle).unwrap();
        assert_eq!(served.golden_rows(), rows.rows().min(16), "{name}");
        let found = served.score(&rows).unwrap();
        assert_eq!(found.len(), expected.scores.len(), "{name}");
        for (i, (found, expected)) in found.iter().zip(&expected.scores).enumerate() {
            assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{name} {i}: {found}, not {expected}");
        }
        for row in 0..rows.rows() {
            let alone = served.score(&rows.take(&[row])).unwrap();
            for (alone, batch) in alone.iter().zip(&found[row * served.outputs()..]) {
                assert!(
                    (alone - batch).abs() <= 1e-6 * batch.abs().max(1.0),
                    "{name}, row {row} alone: {alone}, {batch}"
                );
            }
        }
        let inputs: Vec<_> = served.signature().inputs.iter().map(|input| input.name.clone()).collect();
        assert_eq!(inputs, names(name), "{name}");
    }
}

#[test]
fn whether_a_row_scores_alike_among_others_is_found_out() {
    let bits = |scores: Vec<f64>| scores.into_iter().map(f64::to_bits).collect::<Vec<_>>();
    let mut alike = 0;
    for name in EXPECTED.keys() {
        let (bundle, rows) = packed(name);
        let served = load(&bundle).unwrap();
        assert_eq!(served.runs_at_once().is_none(), name == "made_fixed_batch", "{name}");
        if served.is_alike_together(64).unwrap() {
            alike += 1;
            let alone = (0..rows.rows()).flat_map(|row| bits(served.score(&rows.take(&[row])).unwrap()));
            assert_eq!(bits(served.score(&rows).unwrap()), alone.collect::<Vec<_>>(), "{name}");
        }
    }
    assert!(alike >= 8, "only {alike} graphs score alike");

    let names = names("made_network");
    let rows = rows(&EXPECTED["made_network"], &names);
    let graph = bytes("made_dependent_rows");
    let served = load(&pack(&graph, &names, &rows, Task::Regression, Decision::Number).unwrap()).unwrap();
    assert!(!served.is_alike_together(2).unwrap(), "a score depends on the rows beside it");
    let trees = load(&packed("sklearn_forest").0).unwrap();
    assert!(trees.runs_at_once().is_some_and(|runs| runs > 0));
}

#[test]
fn many_threads_share_a_model() {
    let (bundle, rows) = packed("sklearn_forest");
    let served = load(&bundle).unwrap();
    let expected = served.score(&rows).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| (0..20).for_each(|_| assert_eq!(served.score(&rows).unwrap(), expected)));
        }
    });
}

#[test]
fn rows_that_a_graph_does_not_take_are_refused_by_column() {
    let (bundle, rows) = packed("sklearn_columns");
    let served = load(&bundle).unwrap();
    let with = |name: &str, column: Option<Column>| {
        let mut frame = Frame::new(rows.rows());
        for known in rows.names() {
            let own = if known == name { column.clone() } else { rows.column(known).cloned() };
            if let Some(own) = own {
                frame.push(known, own).unwrap();
            }
        }
        served.score(&frame).unwrap_err()
    };
    let ages = Column::Numbers(vec![20.0, 30.5, 40.0, 50.0]);
    let refusal = with("age", Some(ages));
    assert!(
        matches!(&refusal, ScoreError::Graph(OnnxError::NotWhole { column, row: 1 }) if column == "age"),
        "{refusal}"
    );
    let nan = with("age", Some(Column::Numbers(vec![f64::NAN; 4])));
    assert!(matches!(nan, ScoreError::Graph(OnnxError::NotWhole { row: 0, .. })), "{nan}");
    let missing = with("plan", Some(Column::Texts(vec![Some("gold".into()), None, None, None])));
    assert!(matches!(missing, ScoreError::Data(DataError::MissingValue { row: 1, .. })), "{missing}");
    let kind = with("plan", Some(Column::Numbers(vec![1.0; 4])));
    assert!(matches!(&kind, ScoreError::Data(DataError::WrongKind { column, .. }) if column == "plan"), "{kind}");
    let absent = with("calls", None);
    assert!(matches!(&absent, ScoreError::Data(DataError::MissingColumns { names, .. }) if names == &["calls"]));
}

#[test]
fn a_damaged_or_forged_graph_is_refused_at_load() {
    let (bundle, _) = packed("sklearn_forest");
    let (mut files, manifest) = (bundle.files().clone(), bundle.manifest_bytes().to_vec());
    let graph = files.get_mut("model.onnx").unwrap();
    let last = graph.len() - 1;
    graph[last] ^= 1;
    let refused = Bundle::assemble(manifest, bundle.digest(), files.clone());
    assert!(matches!(refused, Err(BundleError::DigestMismatch { file, .. }) if file == "model.onnx"));

    // Another graph with a manifest that fits it: the golden rows tell.
    let forge = |graph: Vec<u8>, change: &dyn Fn(&mut Value)| {
        let mut files = files.clone();
        let mut manifest: Value = serde_json::from_slice(bundle.manifest_bytes()).unwrap();
        manifest["files"]["model.onnx"] = serde_json::json!({"digest": Digest::of(&graph), "size": graph.len()});
        files.insert("model.onnx".to_owned(), graph);
        change(&mut manifest);
        let manifest = serde_json::to_vec(&manifest).unwrap();
        ServedModel::load(&Bundle::assemble(manifest.clone(), Digest::of(&manifest), files).unwrap()).err().unwrap()
    };
    let other = forge(bytes("xgboost_multiclass"), &|_| {});
    assert!(matches!(other, BundleError::GoldenMismatch { row: 0, .. }), "{other:?}");
    let narrow = forge(bytes("sklearn_boosting"), &|_| {});
    assert!(matches!(narrow, BundleError::Malformed { file: "model.onnx", .. }), "{narrow:?}");
    let kinds = forge(bytes("sklearn_forest"), &|manifest| {
        manifest["signature"]["inputs"][0]["datatype"] = "BYTES".into();
    });
    assert!(matches!(kinds, BundleError::Malformed { file: "manifest.json", .. }), "{kinds:?}");
    let text = forge(b"no graph at all".to_vec(), &|_| {});
    assert!(matches!(text, BundleError::Graph(_)), "{text:?}");
}

#[test]
fn scores_of_classes_must_be_probabilities() {
    // The network without its sigmoid.
    prepare();
    let names = names("made_fixed_batch");
    let rows = rows(&EXPECTED["made_fixed_batch"], &names);
    let (_, two) = decision("made_network", &OnnxGraph::read(&bytes("made_network")).unwrap());
    let refused = pack(&bytes("made_fixed_batch"), &names, &rows, Task::BinaryClassification, two);
    assert!(matches!(refused, Err(BundleError::Graph(OnnxError::NoProbabilities { .. }))), "{refused:?}");
}
