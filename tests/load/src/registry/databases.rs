//! The databases that a registry is measured on, and registries on them.

use std::{
    ffi::OsStr,
    fmt, fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use lineal_rpc::READY;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use super::bare::{Bare, postgres, sqlite};
use crate::{client::ACTOR, server::Server};

/// A schema of its own, so that an old run is not in the way.
const SCHEMA: &str = "lineal_load";
const PATIENCE: Duration = Duration::from_mins(1);

/// Where the tables are.
#[derive(Debug, Clone)]
pub(super) enum Database {
    /// A file in the registry's folder.
    Sqlite,
    /// The address of a server.
    Postgres(String),
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        })
    }
}

/// Starts registries on one database.
pub(super) struct Registry<'a> {
    lineal: &'a Path,
    folder: PathBuf,
    core: Option<usize>,
}

impl<'a> Registry<'a> {
    /// One on `database` whose files are in `folder`.
    pub(super) fn on(
        database: &Database,
        lineal: &'a Path,
        folder: PathBuf,
        core: Option<usize>,
    ) -> anyhow::Result<Self> {
        fs::create_dir_all(&folder)?;
        let url = match database {
            Database::Sqlite => String::new(),
            Database::Postgres(url) => {
                let separator = if url.contains('?') { '&' } else { '?' };
                format!("{url}{separator}schema={SCHEMA}")
            }
        };
        let config = serde_json::json!({"registry": {"database_url": url}, "log": {"level": "warn"}});
        // JSON is YAML.
        fs::write(folder.join("lineal.yaml"), config.to_string())?;
        Ok(Self { lineal, folder, core })
    }

    /// Starts it and returns it with the time from its first moment to the first answer that it is ready.
    pub(super) async fn start(&self) -> anyhow::Result<(Server, Duration)> {
        let (config, data) = (self.folder.join("lineal.yaml"), self.folder.join("data"));
        let args = ["serve", "--roles", "registry", "--listen", "127.0.0.1:0", "--config"].map(OsStr::new);
        let args = [&args[..], &[config.as_os_str(), OsStr::new("--data-dir"), data.as_os_str()]].concat();
        let begin = Instant::now();
        let server = Server::start(self.lineal, &args, self.core).await?;
        let mut health = HealthClient::new(lineal_rpc::connect(server.address(), ACTOR)?);
        loop {
            let answer = health.check(HealthCheckRequest { service: READY.to_owned() }).await;
            if answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving) {
                return Ok((server, begin.elapsed()));
            }
            anyhow::ensure!(begin.elapsed() < PATIENCE, "{} did not become ready", self.lineal.display());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Pools of this process on its tables, which it has made before.
    pub(super) async fn bare(&self, database: &Database) -> anyhow::Result<Bare> {
        let opened = match database {
            Database::Sqlite => sqlite::open(&self.folder.join("data/registry.db")).await.map(Bare::Sqlite),
            Database::Postgres(url) => postgres::open(url, SCHEMA).await.map(Bare::Postgres),
        };
        opened.with_context(|| format!("cannot open the tables on {database}"))
    }
}
