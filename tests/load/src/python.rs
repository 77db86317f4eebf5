//! Python packages to be compared with, in an environment of their own.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use tokio::process::Command;

/// Half a minute on a fast machine for installing; no measurement of a peer takes as long.
const LONGEST: Duration = Duration::from_mins(10);

/// Installs the newest releases of `packages` into `folder`, or brings what is there up to date; returns where the programs are.
pub(crate) async fn install(folder: &Path, packages: &[&str]) -> anyhow::Result<PathBuf> {
    let bin = folder.join("bin");
    if !bin.join("pip").exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder)).await?;
    }
    let upgrade = ["install", "--quiet", "--disable-pip-version-check", "--retries", "3", "--upgrade"];
    run(Command::new(bin.join("pip")).args(upgrade).args(packages)).await?;
    Ok(bin)
}

/// Runs a command to its end; returns what it printed.
pub(crate) async fn run(command: &mut Command) -> anyhow::Result<String> {
    let ended = tokio::time::timeout(LONGEST, command.stdin(Stdio::null()).kill_on_drop(true).output()).await;
    let output = ended.with_context(|| format!("{command:?} took longer than {LONGEST:?}"))??;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed:\n{said}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
