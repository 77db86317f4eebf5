//! What the registry is started with, and why it may not start.

use std::{path::PathBuf, time::Duration};

use lineal_db::{DatabaseUrl, OpenError, StoreError};
use lineal_kernel::Name;

use crate::{
    artifacts::ArtifactError,
    sink::{SinkConfig, SinkError},
};

/// How long a store may stay away after a commit before the outcome is called unknown.
const OUTCOME: Duration = Duration::from_secs(10);

/// What the registry needs to know.
#[derive(Debug, Clone)]
pub struct RegistryConfig {
    /// The environment that it belongs to, e.g. `uat`: its database serves no other.
    pub environment: Name,
    /// Where tables are kept.
    pub database: DatabaseUrl,
    /// The folder of the artifacts.
    pub artifacts: PathBuf,
    /// How long a replica counts as live after its last heartbeat.
    pub lease: Duration,
    /// How long a replica may take to load a version before the commit, if a request does not say.
    pub prepare_timeout: Duration,
    /// How long a replica may take to switch after the commit; it catches up by itself later.
    pub reload_timeout: Duration,
    /// How often the files of champions and rollback candidates are read again.
    pub check_every: Duration,
    /// How long points of performance are kept; `None` for ever.
    pub performance_retention: Option<Duration>,
    /// Who is told of runs and promotions as OpenLineage events, if anybody.
    pub openlineage: Option<SinkConfig>,
}

/// Why a registry cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its tables.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// Its tables belong to another environment.
    #[error(
        "the database {database} belongs to environment `{owner}`, not to `{environment}`; give `registry.database_url` another one, or set `environment: {owner}`"
    )]
    Environment {
        /// The database without its password.
        database: String,
        /// Whose it is.
        owner: String,
        /// Who wanted it.
        environment: Name,
    },
    /// Its environment cannot be read.
    #[error("cannot tell the environment of the database")]
    Claim(#[from] StoreError),
    /// Its artifacts.
    #[error(transparent)]
    Artifacts(#[from] ArtifactError),
    /// The way to the system that is told of changes.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// What an earlier process left behind.
    #[error("cannot finish what the last stop interrupted")]
    Recovery(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A replica counts as live for this long after its last heartbeat.
    pub lease: Duration,
    /// Replicas prepare a version, if a request does not say.
    pub prepare: Duration,
    /// A commit whose answer was lost is looked for.
    pub outcome: Duration,
    /// Files of champions and rollback candidates rest until they are read again.
    pub check_every: Duration,
    /// Points of performance are kept; `None` for ever.
    pub performance_retention: Option<Duration>,
}

impl RegistryConfig {
    /// How long things may take as configured.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            lease: self.lease,
            prepare: self.prepare_timeout,
            outcome: OUTCOME,
            check_every: self.check_every,
            performance_retention: self.performance_retention,
        }
    }
}
