//! A server of others, with its workers.

use std::{fs::File, path::Path, process::Stdio, time::Duration};

use anyhow::Context as _;
use tokio::process::{Child, Command};

const TRIES: u32 = 1200;

/// A running server in a process group of its own, which is killed when this is dropped.
pub(crate) struct Peer {
    name: &'static str,
    process: Child,
    group: u32,
}

impl Peer {
    /// Runs `command` in `folder`, where its log goes too, until `answers` is true.
    pub(crate) async fn start(
        name: &'static str,
        mut command: Command,
        folder: &Path,
        mut answers: impl AsyncFnMut() -> bool,
    ) -> anyhow::Result<Self> {
        let log = folder.join("log");
        let written = File::create(&log)?;
        command.current_dir(folder).process_group(0);
        command.stdin(Stdio::null()).stdout(written.try_clone()?).stderr(written);
        let process = command.spawn().with_context(|| format!("cannot run {command:?}"))?;
        let group = process.id().with_context(|| format!("{name} ended at once"))?;
        let mut peer = Self { name, process, group };
        for _ in 0..TRIES {
            if let Some(status) = peer.process.try_wait()? {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                anyhow::bail!("{name} ended ({status}):\n{said}");
            }
            if answers().await {
                return Ok(peer);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("{name} did not answer")
    }

    /// Ends it and waits until it is gone.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.signal("TERM");
        let ended = tokio::time::timeout(Duration::from_secs(20), self.process.wait()).await;
        ended.with_context(|| format!("{} does not stop", self.name))??;
        Ok(())
    }

    fn signal(&self, name: &str) {
        let group = format!("-{}", self.group);
        let sent = std::process::Command::new("kill").args(["-s", name, "--", &group]).stderr(Stdio::null()).status();
        if let Err(error) = sent {
            eprintln!("cannot stop {}, process group {}: {error}", self.name, self.group);
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Its workers outlive it otherwise.
        if self.process.id().is_some() {
            self.signal("KILL");
        }
    }
}
