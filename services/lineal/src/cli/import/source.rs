//! What a file holds.

use std::path::Path;

use lineal_models::{ForeignModel, OnnxGraph};

use super::{CliError, wrong};

/// What a file holds.
#[derive(Debug)]
pub(super) enum Source {
    /// Trees, which are read and scored here.
    Trees(Box<ForeignModel>),
    /// A graph, which ONNX Runtime runs.
    Graph(OnnxGraph),
}

/// Endings of files that run code when they are read, whatever their first bytes.
const CODE: [&str; 6] = ["pkl", "pickle", "joblib", "pt", "pth", "ckpt"];

impl Source {
    /// Reads a file by its first bytes; a name ending in `.onnx` also stands for a graph.
    pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<Self, CliError> {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        if CODE.contains(&ending.as_str()) {
            return Err(wrong(path, lineal_models::ForeignError::Pickle));
        }
        if ending == "onnx" || OnnxGraph::is_likely(bytes) {
            return OnnxGraph::read(bytes).map(Self::Graph).map_err(|error| wrong(path, error));
        }
        ForeignModel::read(bytes).map(|foreign| Self::Trees(Box::new(foreign))).map_err(|error| wrong(path, error))
    }

    /// The family of the version.
    pub(super) fn family(&self) -> &'static str {
        match self {
            Self::Trees(foreign) => foreign.library.name(),
            Self::Graph(_) => "onnx",
        }
    }

    /// Who wrote the file, as far as it tells.
    pub(super) fn version(&self) -> &str {
        match self {
            Self::Trees(foreign) => &foreign.version,
            Self::Graph(graph) => &graph.producer,
        }
    }

    /// What the model is, in a word.
    pub(super) fn objective(&self) -> String {
        match self {
            Self::Trees(foreign) => foreign.objective.clone(),
            Self::Graph(graph) => format!("graph of {} nodes", graph.nodes),
        }
    }

    /// How many columns it takes.
    pub(super) fn features(&self) -> usize {
        match self {
            Self::Trees(foreign) => foreign.features.len(),
            Self::Graph(graph) => graph.columns(&[]).len(),
        }
    }
}
