//! From an ONNX graph to a bundle.

use lineal_data::{Column, Frame, Table, Target};
use lineal_kernel::Digest;
use lineal_models::{Bundle, Datatype, Decision, GraphParts, OnnxGraph, SplitReference, Task};

use super::{
    Args, CliError,
    pack::{IMPORTED, Packed, class_names, hyperparameters, most_probable, reason, refused, threshold},
};

/// How many rows are made up where none are given.
const ROWS: usize = 16;

impl Packed {
    /// Packs `graph`, whose golden scores the engine computes now.
    pub(super) fn graph(
        args: &Args,
        graph: &OnnxGraph,
        source: &[u8],
        sample: Option<Table>,
    ) -> Result<Self, CliError> {
        let names = names(args, graph, sample.as_ref());
        let rows = match &sample {
            Some(table) => table.to_frame(),
            None => probes(graph)?,
        };
        let (task, classes) = task(args, graph)?;
        let positive = (task == Task::BinaryClassification).then(|| classes[1].clone());
        let decision = match task {
            Task::BinaryClassification => threshold(classes, 0.5),
            Task::MulticlassClassification => most_probable(classes),
            Task::Regression | Task::Count => Decision::Number,
        };
        let sample = Self::snapshot(sample)?;
        let hyperparameters = hyperparameters("onnx")?;
        let digest = Digest::of(source);
        let bundle = Bundle::build_graph(GraphParts {
            graph: source,
            names: &names,
            task,
            hyperparameters: &hyperparameters,
            label: Target { column: args.label.clone(), positive },
            decision,
            training_data: digest,
            split: SplitReference {
                version: IMPORTED.to_owned(),
                reference: sample.as_ref().map_or(digest, |sample| sample.digest),
            },
            rows: &rows,
        });
        Ok(Self { bundle: bundle.map_err(|error| reason(&error))?, sample })
    }
}

/// What the columns of an input are called that takes several at once: as the sample's, if those are as many.
fn names(args: &Args, graph: &OnnxGraph, sample: Option<&Table>) -> Vec<String> {
    let columns = sample.map(Table::to_frame);
    let names = columns.iter().flat_map(Frame::names).filter(|name| *name != args.label).map(str::to_owned);
    Some(names.collect::<Vec<_>>()).filter(|names| names.len() == graph.unnamed()).unwrap_or_default()
}

/// What the scores are, with the names of the classes.
fn task(args: &Args, graph: &OnnxGraph) -> Result<(Task, Vec<String>), CliError> {
    match (graph.scores, args.classes.len()) {
        (1, 0) => Ok((Task::Regression, Vec::new())),
        (1 | 2, _) => Ok((Task::BinaryClassification, class_names(args, 2)?)),
        (several, _) => Ok((Task::MulticlassClassification, class_names(args, several)?)),
    }
}

/// Rows of small whole numbers, each column in an order of its own.
fn probes(graph: &OnnxGraph) -> Result<Frame, CliError> {
    let mut frame = Frame::new(ROWS);
    for (j, column) in graph.columns(&[]).into_iter().enumerate() {
        if column.datatype == Datatype::Bytes {
            return Err(refused(format!("column `{}` holds texts, give rows with some of them", column.name)));
        }
        // An odd step visits every place once.
        let values = (0..ROWS).map(|row| (row * (2 * j + 1) % ROWS) as f64).collect();
        frame.push(column.name, Column::Numbers(values)).map_err(refused)?;
    }
    Ok(frame)
}
