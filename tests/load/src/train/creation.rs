//! How fast a trainer takes a job.

use std::{
    ffi::OsStr,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use lineal_proto::lineal::trainer::v1::{CreateJobRequest, ListJobsRequest, job_service_client::JobServiceClient};

use crate::{client::ACTOR, training};

/// How many jobs are created, one after the other.
const JOBS: usize = 100;
/// Schemas of their own, so that nothing else is in the way.
const SCHEMAS: [(&str, &str); 2] = [("registry", "lineal_load_registry"), ("trainer", "lineal_load_trainer")];
const JOB: [&str; 10] = [
    "train",
    "--detach",
    "--model",
    "flights",
    "--family",
    "linear_regression",
    "--label",
    "arr_delay",
    "--exclude",
    "dest",
];

/// Where registry and trainer keep their tables.
#[derive(Debug)]
pub(super) enum Database {
    /// Files of their own.
    Sqlite,
    /// The address of a server.
    Postgres(String),
}

impl Database {
    /// SQLite, and the server at `postgres` if there is one.
    pub(super) fn all(postgres: Option<String>) -> impl Iterator<Item = Self> {
        std::iter::once(Self::Sqlite).chain(postgres.map(Self::Postgres))
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    fn config(&self) -> serde_json::Value {
        let Self::Postgres(url) = self else { return serde_json::json!({}) };
        let separator = if url.contains('?') { '&' } else { '?' };
        let role = |(role, schema)| {
            (String::from(role), serde_json::json!({ "database_url": format!("{url}{separator}schema={schema}") }))
        };
        SCHEMAS.into_iter().map(role).collect::<serde_json::Map<_, _>>().into()
    }
}

/// Times until `CreateJob` answered.
#[derive(Debug)]
pub(super) struct Creation {
    pub(super) database: &'static str,
    /// Ascending.
    times: Vec<Duration>,
}

impl Creation {
    pub(super) fn new(database: &'static str, mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self { database, times }
    }

    /// The time in milliseconds that the share `rank` of all answers did not exceed.
    pub(super) fn percentile(&self, rank: f64) -> f64 {
        let place = (self.times.len() as f64 * rank).ceil() as usize;
        self.times.get(place.saturating_sub(1)).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
    }
}

/// Creates jobs on the table in `data`, while the ones before are running.
pub(super) async fn measure(
    lineal: &Path,
    folder: &Path,
    data: &Path,
    database: &Database,
) -> anyhow::Result<Creation> {
    eprintln!("creating {JOBS} jobs on {}", database.name());
    fs::create_dir_all(folder)?;
    let config = folder.join("lineal.yaml");
    // JSON is YAML.
    fs::write(&config, database.config().to_string())?;
    let server = training::start(lineal, folder, Some(&config), None).await?;
    let first = JOB.iter().map(OsStr::new).chain([data.as_os_str()]);
    training::run(lineal, server.address(), first.collect()).await?;
    let mut client = JobServiceClient::new(lineal_rpc::connect(server.address(), ACTOR)?);
    let jobs = client.list_jobs(ListJobsRequest::default()).await?.into_inner().jobs;
    let spec = jobs.into_iter().next().and_then(|job| job.spec).context("the first job is not listed")?;
    let mut times = Vec::new();
    for job in 0..JOBS {
        let request = CreateJobRequest { spec: Some(spec.clone()), request_id: format!("job-{job}"), rerun: false };
        let start = Instant::now();
        client.create_job(request).await?;
        times.push(start.elapsed());
    }
    server.stop().await?;
    Ok(Creation::new(database.name(), times))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let creation = Creation::new("SQLite", (1..=50).rev().map(Duration::from_millis).collect());
        assert!((creation.percentile(0.5) - 25.0).abs() < 1e-9);
        assert!((creation.percentile(0.99) - 50.0).abs() < 1e-9);
    }
}
