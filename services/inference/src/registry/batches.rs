//! What batches need of the registry, over gRPC.

use std::collections::BTreeMap;

use lineal_kernel::{ModelName, Name, Slot, Timestamp, Traffic, VersionNumber};
use lineal_proto::lineal::registry::v1::{
    GetScoringBatchRequest, GetSettingsRequest, GetVersionRequest, ListScoringBatchesRequest,
    RecordScoringBatchRequest, ResolveAliasRequest, ScoreDistribution, ScoreQuantile, ScoringBatch, SlotFilter,
    Version, alias_service_client::AliasServiceClient, scoring_batch_service_client::ScoringBatchServiceClient,
    settings_service_client::SettingsServiceClient, version_service_client::VersionServiceClient,
};
use lineal_rpc::{Peer, timestamp};
use tonic::{Code, Response, Status};

use super::{
    BatchRecord, RegistryError,
    remote::{moment, timed, unavailable},
};
use crate::{
    domain::{Facts, ScoringDefaults, Wanted},
    folder::BatchManifest,
};

/// What the registry says of a version that `wanted` names.
pub(super) async fn version(
    peer: &Peer,
    model: &ModelName,
    slot: &Slot,
    wanted: &Wanted,
) -> Result<Option<Facts>, RegistryError> {
    let number = match wanted {
        Wanted::Number(number) => number.get(),
        Wanted::Any | Wanted::Alias(_) => {
            let alias = wanted.alias();
            let request =
                ResolveAliasRequest { model: model.to_string(), slot: slot.labels().clone(), alias: alias.to_string() };
            let answer = AliasServiceClient::new(peer.clone()).resolve_alias(timed(request)).await;
            match found(answer)?.and_then(|answer| answer.alias) {
                Some(alias) => alias.number,
                None => return Ok(None),
            }
        }
    };
    let request = GetVersionRequest { model: model.to_string(), number };
    let answer = VersionServiceClient::new(peer.clone()).get_version(timed(request)).await;
    let version = found(answer)?.and_then(|answer| answer.version);
    version.map(|version| facts(version, model, slot, wanted)).transpose()
}

/// What the model's settings say of batches.
pub(super) async fn settings(peer: &Peer, model: &ModelName) -> Result<Option<ScoringDefaults>, RegistryError> {
    let request = GetSettingsRequest { model: model.to_string(), ..GetSettingsRequest::default() };
    let answer = match SettingsServiceClient::new(peer.clone()).get_settings(timed(request)).await {
        // A registry of an earlier release keeps none.
        Err(status) if status.code() == Code::Unimplemented => return Ok(None),
        answer => found(answer)?,
    };
    let scoring = answer.and_then(|answer| answer.settings).and_then(|settings| settings.scoring);
    Ok(scoring.map(|scoring| ScoringDefaults {
        output: scoring.output,
        key_columns: scoring.key_columns,
        rows_per_part: scoring.rows_per_part,
    }))
}

/// Where a batch on record was written to.
pub(super) async fn output(peer: &Peer, model: &ModelName, batch_id: &Name) -> Result<Option<String>, RegistryError> {
    let request = GetScoringBatchRequest { model: model.to_string(), batch_id: batch_id.to_string() };
    let answer = ScoringBatchServiceClient::new(peer.clone()).get_scoring_batch(timed(request)).await;
    Ok(found(answer)?.and_then(|answer| answer.batch).map(|batch| batch.output))
}

/// The batch on record last, and the edges of its bins.
pub(super) async fn last(
    peer: &Peer,
    model: &ModelName,
    slot: &Slot,
) -> Result<Option<(String, Vec<f64>)>, RegistryError> {
    let request = ListScoringBatchesRequest {
        model: model.to_string(),
        slot: Some(SlotFilter { labels: slot.labels().clone() }),
        page_size: 1,
        page_token: String::new(),
    };
    let answer = ScoringBatchServiceClient::new(peer.clone()).list_scoring_batches(timed(request)).await;
    let last = found(answer)?.and_then(|answer| answer.batches.into_iter().next());
    Ok(last.map(|batch| (batch.batch_id, batch.distribution.unwrap_or_default().edges)))
}

/// Puts a batch on record; the same one again changes nothing.
pub(super) async fn record(peer: &Peer, record: &BatchRecord<'_>) -> Result<Option<f64>, RegistryError> {
    let request = RecordScoringBatchRequest { batch: Some(batch(record)), request_id: String::new() };
    match ScoringBatchServiceClient::new(peer.clone()).record_scoring_batch(timed(request)).await {
        Ok(answer) => Ok(answer.into_inner().batch.and_then(|batch| batch.psi)),
        Err(status) if status.code() == Code::AlreadyExists => Err(RegistryError::BatchTaken),
        Err(status) => Err(unavailable(status)),
    }
}

/// The answer; `None` if what was asked for is not there.
fn found<T>(answer: Result<Response<T>, Status>) -> Result<Option<T>, RegistryError> {
    match answer {
        Ok(answer) => Ok(Some(answer.into_inner())),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(unavailable(status)),
    }
}

fn facts(version: Version, model: &ModelName, slot: &Slot, wanted: &Wanted) -> Result<Facts, RegistryError> {
    let lineage = version.lineage.unwrap_or_default();
    Ok(Facts {
        model: model.clone(),
        slot: slot.clone(),
        // A number stands behind no alias; what is kept of a batch says what was asked for.
        alias: wanted.alias(),
        traffic: Traffic::default(),
        version: VersionNumber::new(version.number)?,
        label: version.label,
        digest: version.digest.parse()?,
        run_id: lineage.run_id,
        code_version: lineage.code_version,
        data_digest: lineage.data_digest,
        feature_digest: lineage.feature_digest,
        trained_time: version.create_time.map(moment),
    })
}

fn batch(record: &BatchRecord<'_>) -> ScoringBatch {
    let BatchRecord { manifest, digest, output, facts } = record;
    let BatchManifest { first, distribution, previous, .. } = manifest;
    let quantile = |(level, score): &(f64, f64)| ScoreQuantile { level: *level, score: *score };
    ScoringBatch {
        batch_id: first.batch_id.clone(),
        model: facts.model.to_string(),
        slot: BTreeMap::clone(facts.slot.labels()),
        number: facts.version.get(),
        generation: first.generation,
        replica: manifest.replica.clone(),
        input: first.input.clone(),
        input_digest: first.input_digest.to_string(),
        output: (*output).to_owned(),
        manifest_digest: digest.to_string(),
        rows: first.rows,
        parts: manifest.parts.len() as u64,
        label_counts: manifest.label_counts.clone(),
        distribution: Some(ScoreDistribution {
            quantiles: distribution.quantiles.iter().map(quantile).collect(),
            mean: distribution.mean,
            edges: distribution.edges.clone(),
            counts: distribution.counts.clone(),
        }),
        previous_batch_id: previous.as_ref().map(|previous| previous.batch_id.clone()).unwrap_or_default(),
        previous_counts: previous.as_ref().map(|previous| previous.counts.clone()).unwrap_or_default(),
        start_time: Some(timestamp(Timestamp::from_micros(first.started_us))),
        finish_time: Some(timestamp(Timestamp::from_micros(manifest.finished_us))),
        ..ScoringBatch::default()
    }
}
