//! The registry over gRPC.

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use lineal_bundles::Source as _;
use lineal_kernel::{AliasName, Digest, FieldError, ModelName, Name, Slot, Timestamp, VersionNumber};
use lineal_proto::{
    lineal::registry::v1::{
        DeregisterReplicaRequest, GetServingTableRequest, GetServingTableResponse, HeartbeatRequest,
        RegisterReplicaRequest, ReportUsageRequest, ServingEntry, StandbyReport, UsageCount,
        alias_service_client::AliasServiceClient, replica_service_client::ReplicaServiceClient,
        usage_service_client::UsageServiceClient,
    },
    pbjson_types,
};
use lineal_rpc::{Peer, timestamp, traffic_of};
use tokio::time::timeout;
use tonic::{Code, Request, Status};

use super::{BatchRecord, Beat, Lease, Registry, RegistryError, batches};
use crate::domain::{Facts, Listing, ScoringDefaults, Standing, VersionCounts, Wanted};

/// Longest time that a call may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// Longest time that the download of one file may take.
const DOWNLOAD_DEADLINE: Duration = Duration::from_mins(10);

/// The registry behind an address.
#[derive(Debug, Clone)]
pub(crate) struct RemoteRegistry {
    peer: Peer,
}

impl RemoteRegistry {
    pub(crate) fn new(peer: Peer) -> Self {
        Self { peer }
    }

    fn replicas(&self) -> ReplicaServiceClient<Peer> {
        ReplicaServiceClient::new(self.peer.clone())
    }
}

#[async_trait]
impl Registry for RemoteRegistry {
    async fn serving_table(&self) -> Result<Listing, RegistryError> {
        let mut aliases = AliasServiceClient::new(self.peer.clone());
        let request = GetServingTableRequest { include_standbys: false };
        let answer = aliases.get_serving_table(timed(request)).await.map_err(unavailable)?;
        Ok(listing(answer.into_inner())?)
    }

    async fn standbys(&self) -> Result<Vec<Digest>, RegistryError> {
        let mut aliases = AliasServiceClient::new(self.peer.clone());
        let request = GetServingTableRequest { include_standbys: true };
        let standbys = aliases.get_serving_table(timed(request)).await.map_err(unavailable)?.into_inner().standbys;
        let bundles = standbys.into_iter().flat_map(|standby| standby.bundles);
        let digests: BTreeSet<Digest> = bundles.map(|bundle| bundle.digest.parse()).collect::<Result<_, _>>()?;
        Ok(digests.into_iter().collect())
    }

    async fn download(&self, digest: Digest, limit: usize) -> Result<Bytes, RegistryError> {
        let download = timeout(DOWNLOAD_DEADLINE, self.peer.file(digest, limit));
        let late = |_| RegistryError::Unavailable { problem: format!("no end of {digest} in {DOWNLOAD_DEADLINE:?}") };
        download.await.map_err(late)?.map_err(|status| match status.code() {
            Code::NotFound => RegistryError::Absent { digest },
            Code::DataLoss | Code::ResourceExhausted => {
                RegistryError::Damaged { digest, problem: status.message().to_owned() }
            }
            _ => unavailable(status),
        })
    }

    async fn signatures(&self, bundle: Digest) -> Result<Vec<String>, RegistryError> {
        self.peer.signatures(bundle).await.map_err(unavailable)
    }

    async fn register(&self, replica: &Name, address: &str) -> Result<Lease, RegistryError> {
        let request = RegisterReplicaRequest { name: replica.to_string(), address: address.to_owned() };
        let answer = self.replicas().register_replica(timed(request)).await.map_err(unavailable)?.into_inner();
        let duration = answer
            .lease_duration
            .and_then(|length| Duration::try_from(length).ok())
            .filter(|length| !length.is_zero())
            .ok_or_else(|| FieldError::new("lease_duration", "expected more than zero"))?;
        Ok(Lease { duration, generation: answer.generation })
    }

    async fn heartbeat(&self, replica: &Name, beat: Beat) -> Result<u64, RegistryError> {
        let Beat { generation, problem, standbys } = beat;
        let standbys = standbys.into_iter().map(report).collect();
        let request = HeartbeatRequest { name: replica.to_string(), generation, problem, standbys };
        match self.replicas().heartbeat(timed(request)).await {
            Ok(answer) => Ok(answer.into_inner().generation),
            Err(status) if status.code() == Code::NotFound => Err(RegistryError::ReplicaUnknown),
            Err(status) => Err(unavailable(status)),
        }
    }

    async fn report_usage(
        &self,
        replica: &Name,
        incarnation: &str,
        counts: &[VersionCounts],
    ) -> Result<(), RegistryError> {
        let request = ReportUsageRequest {
            replica: replica.to_string(),
            incarnation: incarnation.to_owned(),
            counts: counts.iter().map(usage_count).collect(),
        };
        let mut usage = UsageServiceClient::new(self.peer.clone());
        usage.report_usage(timed(request)).await.map_err(unavailable)?;
        Ok(())
    }

    async fn version(&self, model: &ModelName, slot: &Slot, wanted: &Wanted) -> Result<Option<Facts>, RegistryError> {
        batches::version(&self.peer, model, slot, wanted).await
    }

    async fn settings(&self, model: &ModelName) -> Result<Option<ScoringDefaults>, RegistryError> {
        batches::settings(&self.peer, model).await
    }

    async fn batch_output(&self, model: &ModelName, batch_id: &Name) -> Result<Option<String>, RegistryError> {
        batches::output(&self.peer, model, batch_id).await
    }

    async fn last_batch(&self, model: &ModelName, slot: &Slot) -> Result<Option<(String, Vec<f64>)>, RegistryError> {
        batches::last(&self.peer, model, slot).await
    }

    async fn record_batch(&self, batch: &BatchRecord<'_>) -> Result<Option<f64>, RegistryError> {
        batches::record(&self.peer, batch).await
    }

    async fn deregister(&self, replica: &Name) -> Result<(), RegistryError> {
        let request = DeregisterReplicaRequest { name: replica.to_string() };
        self.replicas().deregister_replica(timed(request)).await.map_err(unavailable)?;
        Ok(())
    }
}

pub(super) fn timed<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(DEADLINE);
    request
}

fn usage_count(counted: &VersionCounts) -> UsageCount {
    let counts = counted.counts;
    UsageCount {
        model: counted.model.to_string(),
        number: counted.version.get(),
        requests: counts.requests,
        errors: counts.errors,
        rows: counts.rows,
        inference_micros: counts.micros(),
        last_use_time: counts.last_use.map(timestamp),
    }
}

pub(super) fn unavailable(status: Status) -> RegistryError {
    RegistryError::Unavailable { problem: format!("{}: {}", status.code(), status.message()) }
}

fn listing(answer: GetServingTableResponse) -> Result<Listing, FieldError> {
    let entries = answer.entries.into_iter().enumerate();
    let aliases = entries.map(|(i, entry)| facts(entry).map_err(|error| error.under(&format!("entries[{i}]"))));
    Ok(Listing { generation: answer.generation, aliases: aliases.collect::<Result<_, _>>()? })
}

fn facts(entry: ServingEntry) -> Result<Facts, FieldError> {
    Ok(Facts {
        model: ModelName::new(&entry.model).map_err(|error| error.under("model"))?,
        slot: Slot::new(entry.slot).map_err(|error| error.under("slot"))?,
        alias: AliasName::new(&entry.alias).map_err(|error| error.under("alias"))?,
        version: VersionNumber::new(entry.number).map_err(|error| error.under("number"))?,
        traffic: traffic_of(entry.traffic)?,
        label: entry.label,
        digest: entry.digest.parse()?,
        run_id: entry.run_id,
        code_version: entry.code_version,
        data_digest: entry.data_digest,
        feature_digest: entry.feature_digest,
        trained_time: entry.trained_time.map(moment),
    })
}

pub(super) fn moment(moment: pbjson_types::Timestamp) -> Timestamp {
    let micros = moment.seconds.saturating_mul(1_000_000).saturating_add(i64::from(moment.nanos / 1000));
    Timestamp::from_micros(micros)
}

fn report((digest, standing): (Digest, Standing)) -> StandbyReport {
    StandbyReport {
        digest: digest.to_string(),
        ready_time: standing.ready.map(timestamp),
        check_time: Some(timestamp(standing.checked)),
        problem: standing.problem,
    }
}
