//! Why a file is not taken.

use crate::ModelError;

/// Why a file is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForeignError {
    /// The first bytes belong to none of the formats.
    #[error(
        "this is neither a LightGBM text nor an XGBoost JSON or UBJ model nor an ONNX graph; save it with \
         `booster.save_model(\"model.txt\")` or `booster.save_model(\"model.ubj\")`, or export it as `model.onnx`"
    )]
    Unknown,
    /// A pickle runs code when it is read, and so does what PyTorch saves.
    #[error(
        "this is a pickle, which runs code when it is read; load it where you trust it and save the model instead: \
         `model.booster_.save_model(\"model.txt\")` for LightGBM, `model.save_model(\"model.ubj\")` for XGBoost, \
         `skl2onnx.to_onnx(model, X[:1], options={{\"zipmap\": False}})` for scikit-learn, \
         `torch.onnx.export(model, (x,), \"model.onnx\", dynamic_axes=...)` for PyTorch"
    )]
    Pickle,
    /// The file is too large.
    #[error("the file has {bytes} bytes, at most {limit} are read")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The file ends before its model does.
    #[error("the file ends in the middle of the model, copy it again")]
    Truncated,
    /// The bytes do not follow the format.
    #[error("the file is malformed: {problem}")]
    Malformed {
        /// What is wrong.
        problem: String,
    },
    /// A value of the file is wrong.
    #[error("`{field}` {problem}")]
    Field {
        /// The value, in the library's words.
        field: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// One tree is wrong.
    #[error("tree {tree}: {problem}")]
    Tree {
        /// Which, from 0.
        tree: usize,
        /// What is wrong.
        problem: TreeProblem,
    },
    /// The library can do more than is read here.
    #[error("{what} cannot be read, {instead}")]
    Unsupported {
        /// What the model has.
        what: String,
        /// What to do.
        instead: &'static str,
    },
    /// The numbers are no model.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// What is wrong with a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeProblem {
    /// An array is missing, not of numbers, or of another length than the tree needs.
    #[error("`{array}` must hold {expected} numbers")]
    Array {
        /// The array, in the library's words.
        array: &'static str,
        /// How many numbers there must be.
        expected: usize,
    },
    /// A node is below itself, or below two others.
    #[error("node {node} is reached twice")]
    Cycle {
        /// The node.
        node: usize,
    },
    /// A child that is not there.
    #[error("child {child} of node {node} does not exist")]
    Child {
        /// The node.
        node: usize,
        /// What it points to.
        child: i64,
    },
    /// A feature that is not there.
    #[error("node {node} splits feature {feature}, which does not exist")]
    Feature {
        /// The node.
        node: usize,
        /// What it names.
        feature: u32,
    },
    /// A threshold or a leaf is NaN or infinite.
    #[error("the threshold or leaf of node {node} is not a finite number")]
    NotFinite {
        /// The node.
        node: usize,
    },
    /// The categories of a split are not there.
    #[error("the categories of node {node} are not there or too many")]
    Categories {
        /// The node.
        node: usize,
    },
    /// Its leaves hold formulas.
    #[error("its leaves are linear, train without `linear_tree`")]
    Linear,
    /// Its leaves hold several numbers.
    #[error("its leaves hold several numbers, train with `multi_strategy=one_output_per_tree`")]
    Vectors,
    /// The path to a leaf is too long.
    #[error("it is deeper than {limit} splits")]
    Deep {
        /// The most there may be.
        limit: usize,
    },
}

/// A wrong value.
pub(super) fn field(field: &'static str, problem: impl Into<String>) -> ForeignError {
    ForeignError::Field { field, problem: problem.into() }
}

/// At most 64 characters of a file, for a message.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}
