//! What the Open Inference Protocol says of models: metadata, configuration, index, statistics.

use std::collections::BTreeMap;

use lineal_kernel::{ModelName, VersionNumber};
use lineal_models::{Datatype, ServedModel, SignatureColumn};
use lineal_proto::inference::{
    DataType, InferBatchStatistics, InferStatistics, MemoryUsage, ModelConfig, ModelDynamicBatching, ModelInput,
    ModelMetadataResponse, ModelOutput, ModelParameter, ModelStatistics, ModelTransactionPolicy, ModelVersionPolicy,
    StatisticDuration,
    model_config::SchedulingChoice,
    model_metadata_response::TensorMetadata,
    model_version_policy::{PolicyChoice, Specific},
    repository_index_response::ModelIndex,
};

use super::columns::MAX_ROWS;
use crate::{
    Batching,
    domain::{Counts, Entry, Facts, Gathered, Seat},
};

const PLATFORM: &str = "lineal";
/// Why a version that is ready is not in memory.
const COLD: &str = "cold";

/// The tensors of a version, and every version that can be asked for in its slot.
pub(super) fn metadata(entry: &Entry, seats: &[Seat]) -> ModelMetadataResponse {
    let model = entry.model();
    let signature = model.signature();
    ModelMetadataResponse {
        name: entry.facts.model.to_string(),
        versions: versions(seats).iter().map(VersionNumber::to_string).collect(),
        platform: PLATFORM.to_owned(),
        inputs: signature.inputs.iter().map(|input| tensor(input, 1)).collect(),
        outputs: signature.outputs.iter().map(|output| tensor(output, model.outputs())).collect(),
        // MLServer has this field as a map of another type, and refuses answers that set it: the configuration says it instead.
        properties: BTreeMap::new(),
    }
}

/// The same as Triton says it.
pub(super) fn config(entry: &Entry, seats: &[Seat]) -> ModelConfig {
    let model = entry.model();
    let signature = model.signature();
    let input = |column: &SignatureColumn| ModelInput {
        name: column.name.clone(),
        data_type: data_type(column.datatype).into(),
        dims: vec![1],
    };
    let output = |column: &SignatureColumn| ModelOutput {
        name: column.name.clone(),
        data_type: data_type(column.datatype).into(),
        dims: vec![width(column, model.outputs()) as i64],
    };
    let versions = versions(seats).into_iter().map(|version| version.get() as i64).collect();
    let parameter = |(name, string_value)| (name, ModelParameter { string_value });
    ModelConfig {
        name: entry.facts.model.to_string(),
        platform: PLATFORM.to_owned(),
        backend: PLATFORM.to_owned(),
        version_policy: Some(ModelVersionPolicy { policy_choice: Some(PolicyChoice::Specific(Specific { versions })) }),
        max_batch_size: MAX_ROWS as i32,
        input: signature.inputs.iter().map(input).collect(),
        output: signature.outputs.iter().map(output).collect(),
        parameters: properties(model).into_iter().map(parameter).collect(),
        scheduling_choice: entry.gatherer.as_ref().map(|gatherer| dynamic_batching(gatherer.batching())),
        model_transaction_policy: Some(ModelTransactionPolicy { decoupled: false }),
    }
}

fn dynamic_batching(batching: Batching) -> SchedulingChoice {
    SchedulingChoice::DynamicBatching(ModelDynamicBatching {
        preferred_batch_size: vec![batching.max_rows as i32],
        max_queue_delay_microseconds: batching.max_delay.as_micros() as u64,
    })
}

/// Every version behind `seats`, once, with its state.
pub(super) fn index(seats: &[&Seat], ready_only: bool) -> Vec<ModelIndex> {
    let index = |((name, version), seat): ((&ModelName, VersionNumber), &Seat)| {
        let (state, reason) = match seat {
            Seat::Served(_) => ("READY", ""),
            Seat::Cold(_) => ("READY", COLD),
            Seat::Unserved { problem, .. } => ("UNAVAILABLE", problem.as_str()),
        };
        let (name, version) = (name.to_string(), version.to_string());
        ModelIndex { name, version, state: state.to_owned(), reason: reason.to_owned() }
    };
    let ready = |seat: &Seat| seat.problem().is_none();
    by_version(seats).into_iter().filter(|(_, seat)| !ready_only || ready(seat)).map(index).collect()
}

/// Each version with its best seat: the same one may be served behind one alias, asleep behind another and not served behind a third.
fn by_version<'a>(seats: &[&'a Seat]) -> BTreeMap<(&'a ModelName, VersionNumber), &'a Seat> {
    let rank = |seat: &Seat| (seat.entry().is_some(), seat.problem().is_none());
    let mut found: BTreeMap<_, &Seat> = BTreeMap::new();
    for &seat in seats {
        let Facts { model, version, .. } = seat.facts();
        let known = found.entry((model, *version)).or_insert(seat);
        if rank(known) < rank(seat) {
            *known = seat;
        }
    }
    found
}

/// What every version behind `seats` did, once each.
pub(super) fn statistics(seats: &[&Seat]) -> Vec<ModelStatistics> {
    by_version(seats).into_values().filter_map(version_statistics).collect()
}

fn version_statistics(seat: &Seat) -> Option<ModelStatistics> {
    let counts = seat.usage()?.counts();
    let bytes = seat.entry().map_or(0, |entry| entry.model().bytes());
    let Counts { requests, errors, rows, answered, failed, waiting, decoding, scoring, last_use } = counts;
    let answers = requests.saturating_sub(errors);
    let Gathered { requests: gathered, runs } = seat.usage()?.gathered();
    let executions = answers.saturating_sub(gathered) + runs.values().map(|(count, _)| count).sum::<u64>();
    let time = |count, time: std::time::Duration| Some(StatisticDuration { count, ns: time.as_nanos() as u64 });
    let batch = |(rows, (count, took)): (usize, _)| InferBatchStatistics {
        batch_size: rows as u64,
        compute_infer: time(count, took),
        ..InferBatchStatistics::default()
    };
    let encoding = answered.saturating_sub(waiting + decoding + scoring);
    Some(ModelStatistics {
        name: seat.facts().model.to_string(),
        version: seat.facts().version.to_string(),
        last_inference: last_use.map_or(0, |moment| (moment.micros() / 1000) as u64),
        inference_count: rows,
        execution_count: executions,
        inference_stats: Some(InferStatistics {
            success: time(answers, answered),
            fail: time(errors, failed),
            queue: time(answers, waiting),
            compute_input: time(answers, decoding),
            compute_infer: time(answers, scoring),
            compute_output: time(answers, encoding),
            cache_hit: Some(StatisticDuration::default()),
            cache_miss: Some(StatisticDuration::default()),
        }),
        batch_stats: runs.into_iter().map(batch).collect(),
        memory_usage: vec![MemoryUsage { r#type: "CPU".to_owned(), id: 0, byte_size: bytes as u64 }],
        ..ModelStatistics::default()
    })
}

/// Every version that can be asked for, each once.
fn versions(seats: &[Seat]) -> Vec<VersionNumber> {
    let mut versions: Vec<_> =
        seats.iter().filter(|seat| seat.problem().is_none()).map(|seat| seat.facts().version).collect();
    versions.sort_unstable();
    versions.dedup();
    versions
}

/// What the outputs mean: the task, and the classes in the order of their probabilities.
fn properties(model: &ServedModel) -> BTreeMap<String, String> {
    let mut properties = BTreeMap::from([("task".to_owned(), model.task().name().to_owned())]);
    let classes = serde_json::to_string(model.classes()).unwrap_or_default();
    if !model.classes().is_empty() {
        properties.insert("classes".to_owned(), classes);
    }
    properties
}

/// A column of as many rows as there are; numbers are `outputs` to the row, texts one.
fn tensor(column: &SignatureColumn, outputs: usize) -> TensorMetadata {
    let datatype = match column.datatype {
        Datatype::Fp64 => "FP64",
        Datatype::Bytes => "BYTES",
    };
    let width = width(column, outputs);
    let shape = if width > 1 { vec![-1, width as i64] } else { vec![-1] };
    TensorMetadata { name: column.name.clone(), datatype: datatype.to_owned(), shape }
}

fn width(column: &SignatureColumn, outputs: usize) -> usize {
    match column.datatype {
        Datatype::Fp64 => outputs,
        Datatype::Bytes => 1,
    }
}

fn data_type(datatype: Datatype) -> DataType {
    match datatype {
        Datatype::Fp64 => DataType::TypeFp64,
        Datatype::Bytes => DataType::TypeString,
    }
}
