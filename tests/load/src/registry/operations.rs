//! What is asked of a registry, and how.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::ensure;
use bytes::Bytes;
use http::uri::PathAndQuery;
use lineal_proto::lineal::registry::v1::{
    CreateVersionRequest, GetLineageRequest, GetLineageResponse, ListVersionsRequest, ListVersionsResponse,
    LogBatchRequest, MetricPoint, ResolveAliasRequest,
};
use prost::Message as _;

use super::contents::{ALIASES, Contents, MODEL, NODES, STEPS, VERSIONS, version};
use crate::{client::Client, load::Asks};

/// Metrics of a batch.
pub(super) const METRICS: u64 = 100;
/// Versions on the first page.
pub(super) const PAGE: u64 = 50;
/// Steps of a walk.
pub(super) const DEPTH: u32 = 5;

/// One kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Operation {
    ResolveAlias,
    CreateVersion,
    LogBatch,
    ListVersions,
    GetLineage,
}

impl Operation {
    /// In the order of the report.
    pub(super) const ALL: [Self; 5] =
        [Self::ResolveAlias, Self::CreateVersion, Self::LogBatch, Self::ListVersions, Self::GetLineage];

    fn path(self) -> PathAndQuery {
        PathAndQuery::from_static(match self {
            Self::ResolveAlias => "/lineal.registry.v1.AliasService/ResolveAlias",
            Self::CreateVersion => "/lineal.registry.v1.VersionService/CreateVersion",
            Self::LogBatch => "/lineal.registry.v1.RunService/LogBatch",
            Self::ListVersions => "/lineal.registry.v1.VersionService/ListVersions",
            Self::GetLineage => "/lineal.registry.v1.LineageService/GetLineage",
        })
    }

    fn request(self, contents: &Contents, client: usize, turn: u64) -> Bytes {
        let message = match self {
            Self::ResolveAlias => {
                let alias = alias(turn);
                ResolveAliasRequest { model: MODEL.to_owned(), alias, ..Default::default() }.encode_to_vec()
            }
            Self::CreateVersion => CreateVersionRequest {
                request_id: format!("{}-{turn}", contents.name),
                ..version("created", contents.digest)
            }
            .encode_to_vec(),
            Self::LogBatch => {
                let run_id = contents.runs[client % contents.runs.len()].clone();
                LogBatchRequest { run_id, points: points(turn).collect(), ..Default::default() }.encode_to_vec()
            }
            Self::ListVersions => {
                ListVersionsRequest { model: MODEL.to_owned(), page_size: PAGE as i32, ..Default::default() }
                    .encode_to_vec()
            }
            Self::GetLineage => {
                GetLineageRequest { model: MODEL.to_owned(), number: start(turn), depth: DEPTH, ..Default::default() }
                    .encode_to_vec()
            }
        };
        message.into()
    }

    /// An error if the answer is not the whole answer.
    fn check(self, answer: Bytes) -> anyhow::Result<()> {
        match self {
            Self::ResolveAlias | Self::CreateVersion | Self::LogBatch => {
                ensure!(!answer.is_empty(), "{self}: no answer");
            }
            Self::ListVersions => {
                let found = ListVersionsResponse::decode(answer)?.versions;
                ensure!(found.len() as u64 == PAGE, "{self}: {} versions instead of {PAGE}", found.len());
            }
            Self::GetLineage => {
                let GetLineageResponse { nodes, edges, .. } = GetLineageResponse::decode(answer)?;
                let (found, edges) = (nodes.len(), edges.len());
                ensure!(found == NODES, "{self}: {found} versions and {edges} edges instead of {NODES} versions");
            }
        }
        Ok(())
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ResolveAlias => "ResolveAlias",
            Self::CreateVersion => "CreateVersion",
            Self::LogBatch => "LogBatch of 100 metrics",
            Self::ListVersions => "ListVersions, first page",
            Self::GetLineage => "GetLineage, depth 5",
        })
    }
}

/// The alias of a turn.
pub(super) fn alias(turn: u64) -> String {
    format!("a{}", turn % ALIASES + 1)
}

/// The version from which a turn walks: each time another one, far enough from the first for a whole walk.
pub(super) fn start(turn: u64) -> u64 {
    let longest = STEPS[STEPS.len() - 1] * u64::from(DEPTH);
    longest + 1 + turn * 7919 % (VERSIONS - longest)
}

/// The measurements of a turn.
fn points(turn: u64) -> impl Iterator<Item = MetricPoint> {
    (0..METRICS).map(move |metric| MetricPoint {
        key: format!("metric-{metric}"),
        value: metric as f64 + 0.5,
        step: turn as i64,
        timestamp: None,
    })
}

/// Turns of all clients of one database: no two writes are the same.
pub(super) type Turns = Arc<AtomicU64>;

/// A client of the registry, with a connection of its own.
pub(super) struct Caller {
    grpc: Client,
    operation: Operation,
    contents: Arc<Contents>,
    client: usize,
    turns: Turns,
}

impl Caller {
    /// `count` clients, each with one answer that was looked at.
    pub(super) async fn connect(
        address: &str,
        operation: Operation,
        contents: &Arc<Contents>,
        count: usize,
        turns: &Turns,
    ) -> anyhow::Result<Vec<Self>> {
        let mut callers = Vec::with_capacity(count);
        for client in 0..count {
            let (grpc, contents, turns) = (Client::new(address)?, Arc::clone(contents), Arc::clone(turns));
            let mut caller = Self { grpc, operation, contents, client, turns };
            operation.check(caller.call().await?)?;
            callers.push(caller);
        }
        Ok(callers)
    }

    async fn call(&mut self) -> anyhow::Result<Bytes> {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        let request = self.operation.request(&self.contents, self.client, turn);
        Ok(self.grpc.call(self.operation.path(), request).await?)
    }
}

impl Asks for Caller {
    async fn ask(&mut self) -> anyhow::Result<()> {
        self.call().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use lineal_proto::lineal::registry::v1::LineageNode;

    use super::*;

    #[test]
    fn every_walk_is_whole_and_most_start_elsewhere() {
        let starts: BTreeSet<_> = (0..1000).map(start).collect();
        assert_eq!(starts.len(), 1000);
        let longest = STEPS[STEPS.len() - 1] * u64::from(DEPTH);
        assert!(starts.iter().all(|start| (longest + 1..=VERSIONS).contains(start)));
    }

    #[test]
    fn an_answer_that_is_not_whole_is_an_error() {
        let short = ListVersionsResponse::default().encode_to_vec();
        let error = Operation::ListVersions.check(short.into()).unwrap_err().to_string();
        assert_eq!(error, "ListVersions, first page: 0 versions instead of 50");
        let lone = GetLineageResponse { nodes: vec![LineageNode::default()], ..Default::default() }.encode_to_vec();
        let error = Operation::GetLineage.check(lone.into()).unwrap_err().to_string();
        assert_eq!(error, "GetLineage, depth 5: 1 versions and 0 edges instead of 252 versions");
    }
}
