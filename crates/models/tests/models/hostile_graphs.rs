//! Files that are no graph, or one that must not run: refused before the engine sees them.

use std::sync::LazyLock;

use lineal_models::{OnnxError, OnnxGraph};
use proptest::{prelude::*, sample::Index};

use crate::graphs::bytes;

/// A field of bytes.
fn field(number: u64, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    [varint(number << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn node(operator: &str, inputs: &[&str], outputs: &[&str], more: &[Vec<u8>]) -> Vec<u8> {
    let inputs = inputs.iter().flat_map(|name| field(1, name));
    let outputs = outputs.iter().flat_map(|name| field(2, name));
    field(1, [inputs.chain(outputs).collect(), field(4, operator), more.concat()].concat())
}

/// A declared table of numbers with `columns` columns and any number of rows.
fn declared(name: &str, element: u64, columns: &[u64]) -> Vec<u8> {
    let dimensions = columns.iter().flat_map(|size| field(1, number(1, *size)));
    let shape: Vec<u8> = field(1, field(2, "rows")).into_iter().chain(dimensions).collect();
    [field(1, name), field(2, field(1, [number(1, element), field(2, shape)].concat()))].concat()
}

fn tensor(name: &str, kind: u64, dimensions: &[u64], content: &[Vec<u8>]) -> Vec<u8> {
    let dimensions: Vec<u8> = dimensions.iter().flat_map(|size| number(1, *size)).collect();
    [dimensions, number(2, kind), field(8, name), content.concat()].concat()
}

/// A file with a graph from `x` to `y`.
fn file(parts: &[Vec<u8>]) -> Vec<u8> {
    let ends = [field(11, declared("x", 1, &[2])), field(12, declared("y", 1, &[1]))].concat();
    [number(1, 8), field(7, [parts.concat(), ends].concat())].concat()
}

fn refusal(bytes: &[u8]) -> OnnxError {
    OnnxGraph::read(bytes).expect_err("this cannot be served")
}

fn good() -> Vec<u8> {
    node("Relu", &["x"], &["y"], &[])
}

#[test]
fn what_reads_runs_or_grows_beyond_the_file_is_refused() {
    assert_eq!(OnnxGraph::read(&file(&[good()])).unwrap().scores, 1);
    let shape = |sizes: &[u64]| {
        let raw: Vec<u8> = sizes.iter().flat_map(|size| size.to_le_bytes()).collect();
        field(5, tensor("shape", 7, &[sizes.len() as u64], &[field(9, raw)]))
    };
    let packed: Vec<u8> = [1 << 20, 1 << 20].into_iter().flat_map(varint).collect();
    let constant = field(5, field(5, tensor("", 7, &[2], &[field(7, packed)])));
    let cases = [
        (
            vec![field(5, tensor("w", 1, &[2], &[field(13, field(1, "location")), number(14, 1)])), good()],
            "another file",
        ),
        (vec![node("Run", &["x"], &["y"], &[field(7, "com.evil")])], "domain `com.evil`"),
        (vec![node("FusedGemm", &["x"], &["y"], &[field(7, "com.microsoft")])], "not one of ONNX"),
        (vec![node("Add", &["x", "b"], &["a"], &[]), node("Add", &["x", "a"], &["b"], &[]), good()], "takes `b`"),
        (vec![node("Relu", &["z"], &["y"], &[]), node("Relu", &["x"], &["z"], &[])], "takes `z`"),
        (vec![good(), good()], "`y` is made twice"),
        (vec![node("Relu", &["x"], &["z"], &[])], "node `output` takes `y`"),
        (vec![node("Loop", &["x"], &["y"], &[])], "a loop"),
        (vec![node("ZipMap", &["x"], &["y"], &[])], "zipmap"),
        (vec![shape(&[1 << 40]), node("ConstantOfShape", &["shape"], &["y"], &[])], "more than 16777216 values"),
        (vec![shape(&[u64::MAX >> 1, 9]), node("Expand", &["x", "shape"], &["y"], &[])], "`Expand` makes"),
        (vec![node("Constant", &[], &["s"], &[constant]), node("Tile", &["x", "s"], &["y"], &[])], "`Tile` makes"),
        (vec![field(5, tensor("w", 1, &[1 << 40], &[field(9, [0; 4])])), good()], "than its dimensions say"),
        (vec![field(5, tensor("w", 1, &[1 << 40, 1 << 40], &[])), good()], "has no size"),
        (vec![field(5, tensor("w", 1, &[u64::MAX], &[])), good()], "has no size"),
        (vec![field(5, tensor("w", 1, &[1], &[field(9, [0; 3])])), good()], "in the middle of a value"),
        (vec![field(15, ""), good()], "sparse"),
    ];
    for (parts, said) in cases {
        let refused = refusal(&file(&parts)).to_string();
        assert!(refused.contains(said), "{refused}, not {said}");
    }
    for (number, said) in [(20, "training"), (25, "functions")] {
        assert!(refusal(&[file(&[good()]), field(number, "")].concat()).to_string().contains(said));
    }
}

#[test]
fn inputs_and_outputs_without_a_place_for_columns_or_scores_are_refused() {
    let with = |input: Vec<u8>, output: Vec<u8>| {
        let nodes = node("Relu", &["x"], &["y"], &[]);
        refusal(&field(7, [nodes, field(11, input), field(12, output)].concat())).to_string()
    };
    let (x, y) = (declared("x", 1, &[2]), declared("y", 1, &[1]));
    assert!(with(declared("x", 10, &[2]), y.clone()).contains("input `x` is of a type other than"));
    assert!(with(declared("x", 1, &[2, 3]), y.clone()).contains("a table of rows and columns"));
    assert!(with(declared("x", 1, &[0]), y.clone()).contains("how many columns"));
    assert!(with(declared("x", 1, &[1 << 40]), y.clone()).contains("columns"));
    assert!(with(field(1, "x"), y).contains("no tensor"));
    assert!(with(x.clone(), declared("y", 7, &[1])).contains("none is of type float"));
    assert!(with(x.clone(), declared("y", 1, &[0])).contains("fixed number of scores"));
    assert!(with(x.clone(), declared("y", 1, &[1 << 40])).contains("too many"));
    assert!(with(x, field(1, "y")).contains("zipmap"));
    assert_eq!(refusal(&bytes("refused_zipmap")), OnnxError::ZipMap);
}

#[test]
fn graphs_inside_graphs_and_many_parts_end_early() {
    let mut inside = node("Relu", &["x"], &["deep"], &[]);
    // A graph with empty parts is small in the file and large as objects.
    let many = file(&[field(1, "").repeat(1 << 20), good()]);
    assert!(matches!(refusal(&many), OnnxError::TooMany { what: "parts", .. }));
    let shapes = file(&[field(13, "x".repeat(1 << 16)).repeat(1 << 9), good()]);
    assert!(matches!(refusal(&shapes), OnnxError::TooMany { .. }));
    for _ in 0..100_000 / 64 {
        inside = node("If", &["x"], &[], &[field(5, field(6, inside))]);
    }
    assert_eq!(refusal(&file(&[inside, good()])), OnnxError::Deep { limit: 8 });
    let empty = field(7, field(7, field(7, "")).repeat(1 << 16));
    assert!(OnnxGraph::read(&empty).is_err());
}

/// Graphs that libraries wrote.
static FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    ["sklearn_columns", "sklearn_double", "sklearn_boosting", "xgboost_regression", "made_network"].map(bytes).into()
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_graph_that_ends_early_is_refused(file in any::<Index>(), end in any::<Index>()) {
        let file = file.get(&FILES);
        // Behind the graph come only the versions of its operators.
        let graph = 0.8 * file.len() as f64;
        prop_assert!(OnnxGraph::read(&file[..end.index(graph as usize)]).is_err());
    }

    #[test]
    fn a_damaged_graph_is_refused_or_read(
        file in any::<Index>(),
        damage in prop::collection::vec((any::<Index>(), any::<u8>()), 1..8),
    ) {
        let mut file = file.get(&FILES).clone();
        for (at, byte) in damage {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if let Ok(graph) = OnnxGraph::read(&file) {
            prop_assert!(graph.columns(&[]).len() <= 1 << 16 && graph.scores <= 1000);
        }
    }
}
