//! The same trees as an ONNX graph.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tokio::process::Command;

use crate::{inference::synthetic::FEATURES, python};

/// `onnxmltools` needs `packaging` without saying so.
const PACKAGES: [&str; 5] = ["lightgbm", "onnx", "onnxmltools", "packaging", "skl2onnx"];
const SCRIPT: &str = include_str!("export.py");

/// Exports LightGBM's text `model` to `place`, with the newest exporters installed in `tools`.
pub(crate) async fn onnx(tools: &Path, model: &str, place: &Path) -> anyhow::Result<PathBuf> {
    eprintln!("installing the newest {} into {}", PACKAGES.join(", "), tools.display());
    let python = python::install(tools, &PACKAGES).await?.join("python");
    let [script, text, graph] = ["export.py", "exported.txt", "exported.onnx"].map(|name| place.join(name));
    fs::write(&script, SCRIPT)?;
    fs::write(&text, model)?;
    python::run(Command::new(python).arg(script).arg(text).arg(&graph).arg(FEATURES.to_string())).await?;
    Ok(graph)
}
