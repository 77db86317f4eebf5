//! The stage: a whole Lineal in this process, on a folder that disappears afterwards unless it is kept.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use lineal_rpc::READY;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::{config, log, node::Node, role::Role};

const TRIES: u32 = 300;

/// A running Lineal and its data.
pub(super) struct Stage {
    address: String,
    folder: PathBuf,
    kept: bool,
    shutdown: CancellationToken,
    server: JoinHandle<anyhow::Result<()>>,
}

impl Stage {
    /// Lays out the files, starts all roles and waits until they are ready.
    pub(super) async fn set(keep: Option<&Path>, files: &[(&str, Vec<u8>)]) -> anyhow::Result<Self> {
        let folder = match keep {
            Some(folder) => folder.to_owned(),
            None => std::env::temp_dir().join(format!("lineal-demo-{}", uuid::Uuid::now_v7())),
        };
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        for (name, content) in files {
            let file = folder.join(name);
            std::fs::write(&file, content).with_context(|| format!("cannot write {}", file.display()))?;
        }
        let port = if keep.is_some() { 7400 } else { 0 };
        let flags = [
            ("server.listen", format!("127.0.0.1:{port}")),
            ("data_dir", folder.display().to_string()),
            ("log.level", "warn".to_owned()),
        ];
        let config = config::load(None, &flags)?;
        log::start(&config.log);
        let node = Node::bind(config, &Role::ALL, true).await?;
        let address = node.address()?;
        let shutdown = CancellationToken::new();
        let server = tokio::spawn(node.run(shutdown.clone()));
        println!("Lineal runs in this process: registry, trainer, validator and inference at {address}");
        println!("SQLite, artifacts and the data are in {}", folder.display());
        let stage = Self { address, folder, kept: keep.is_some(), shutdown, server };
        stage.ready().await?;
        Ok(stage)
    }

    async fn ready(&self) -> anyhow::Result<()> {
        let mut health = HealthClient::new(lineal_rpc::connect(&self.address, "demo")?);
        for _ in 0..TRIES {
            let asked = health.check(HealthCheckRequest { service: READY.to_owned() }).await;
            if asked.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving) {
                return Ok(());
            }
            anyhow::ensure!(!self.server.is_finished(), "the services stopped while starting; the log says why");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("the services did not become ready")
    }

    /// Where everything listens.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Where the files are.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Leaves everything running until Ctrl-C.
    pub(super) async fn wait(self) -> anyhow::Result<()> {
        tokio::signal::ctrl_c().await?;
        self.strike().await
    }

    /// Stops everything; removes the folder unless it is kept.
    pub(super) async fn strike(self) -> anyhow::Result<()> {
        self.shutdown.cancel();
        self.server.await??;
        if !self.kept {
            std::fs::remove_dir_all(&self.folder)
                .with_context(|| format!("cannot remove {}", self.folder.display()))?;
        }
        Ok(())
    }
}
