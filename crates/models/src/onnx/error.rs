//! Why a graph is not taken, or does not answer.

use lineal_native::NativeError;

/// Why a graph is not taken, or does not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OnnxError {
    /// The file is too large.
    #[error("the file has {bytes} bytes, at most {limit} are read")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The file ends before its graph does.
    #[error("the file ends in the middle of the graph, copy it again")]
    Truncated,
    /// The bytes do not follow the format.
    #[error("the file is malformed: {problem}")]
    Malformed {
        /// What is wrong.
        problem: &'static str,
    },
    /// More than any model has.
    #[error("the graph has more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// Graphs inside graphs.
    #[error("the graph has graphs inside graphs, more than {limit} deep")]
    Deep {
        /// The most there may be.
        limit: usize,
    },
    /// Numbers that lie in another file.
    #[error(
        "tensor `{tensor}` lies in another file; save the model as one: `onnx.save(model, path, save_as_external_data=False)`"
    )]
    ExternalData {
        /// The tensor.
        tensor: String,
    },
    /// A tensor that holds more or less than it says.
    #[error("tensor `{tensor}` {problem}")]
    Tensor {
        /// The tensor.
        tensor: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// An operator that is not one of ONNX.
    #[error(
        "operator `{operator}` of domain `{domain}` is not one of ONNX; export with the operators of ai.onnx and ai.onnx.ml"
    )]
    Domain {
        /// Whose it is.
        domain: String,
        /// The operator.
        operator: String,
    },
    /// An answer of dictionaries.
    #[error(
        "the probabilities are a list of dictionaries; export with `options={{\"zipmap\": False}}`, or `zipmap=False`"
    )]
    ZipMap,
    /// Something that models need not have.
    #[error("{what} cannot be served; {instead}")]
    Unsupported {
        /// What the graph has.
        what: &'static str,
        /// What to do.
        instead: &'static str,
    },
    /// A value is used before it is made, which in a circle is always so.
    #[error("node `{node}` takes `{value}`, which nothing before it makes")]
    Order {
        /// The node, or its operator.
        node: String,
        /// What it takes.
        value: String,
    },
    /// A value is made twice.
    #[error("`{value}` is made twice")]
    Duplicate {
        /// The value.
        value: String,
    },
    /// A constant asks for a huge tensor.
    #[error("operator `{operator}` makes a tensor of more than {limit} values")]
    Huge {
        /// The operator.
        operator: String,
        /// The limit.
        limit: u64,
    },
    /// Inputs that no columns fit.
    #[error("input `{input}` {problem}")]
    Input {
        /// The input.
        input: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// Outputs that scores cannot be taken from.
    #[error("the outputs ({outputs}) hold no scores: {problem}")]
    Output {
        /// Their names.
        outputs: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// The engine is not there, or refuses.
    #[error(transparent)]
    Engine(#[from] NativeError),
    /// A graph that takes whole numbers is given another.
    #[error("column `{column}`, row {row}: the graph takes whole numbers here")]
    NotWhole {
        /// The column.
        column: String,
        /// Row, from 0.
        row: usize,
    },
    /// The graph answers with another number of scores.
    #[error("the graph gave {found} values for {rows} rows, expected {expected}")]
    Answers {
        /// How many there were.
        found: usize,
        /// Rows that were asked for.
        rows: usize,
        /// How many there should be.
        expected: usize,
    },
    /// Scores of classes that are none.
    #[error("the scores of row {row} are no probabilities; end the graph with a sigmoid or a softmax")]
    NoProbabilities {
        /// Row, from 0.
        row: usize,
    },
}

impl OnnxError {
    pub(super) fn malformed(problem: &'static str) -> Self {
        Self::Malformed { problem }
    }

    pub(super) fn tensor(tensor: &str, problem: &'static str) -> Self {
        Self::Tensor { tensor: shown(tensor), problem }
    }
}

/// At most 64 characters of a file, for a message.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}
