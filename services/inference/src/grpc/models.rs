//! What the Open Inference Protocol says of models: metadata, configuration, index, statistics.

use std::collections::BTreeMap;

use lineal_kernel::{ModelName, VersionNumber};
use lineal_models::{Datatype, ServedModel, SignatureColumn};
use lineal_proto::inference::{
    DataType, InferStatistics, MemoryUsage, ModelConfig, ModelInput, ModelMetadataResponse, ModelOutput,
    ModelParameter, ModelStatistics, ModelTransactionPolicy, ModelVersionPolicy, StatisticDuration,
    model_metadata_response::TensorMetadata,
    model_version_policy::{PolicyChoice, Specific},
    repository_index_response::ModelIndex,
};

use super::columns::MAX_ROWS;
use crate::domain::{Counts, Entry, Facts, Seat};

const PLATFORM: &str = "lineal";

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
        model_transaction_policy: Some(ModelTransactionPolicy { decoupled: false }),
    }
}

/// Every version behind `seats`, once, with its state.
pub(super) fn index(seats: &[&Seat], ready_only: bool) -> Vec<ModelIndex> {
    let mut found: BTreeMap<(&ModelName, VersionNumber), &Seat> = BTreeMap::new();
    for &seat in seats {
        let Facts { model, version, .. } = seat.facts();
        let known = found.entry((model, *version)).or_insert(seat);
        // The same version may be served behind one alias and not behind another.
        if known.entry().is_none() {
            *known = seat;
        }
    }
    let index = |((name, version), seat): ((&ModelName, VersionNumber), &Seat)| ModelIndex {
        name: name.to_string(),
        version: version.to_string(),
        state: if seat.problem().is_none() { "READY" } else { "UNAVAILABLE" }.to_owned(),
        reason: seat.problem().unwrap_or_default().to_owned(),
    };
    found.into_iter().filter(|(_, seat)| !ready_only || seat.entry().is_some()).map(index).collect()
}

/// What every version behind `entries` did, once each.
pub(super) fn statistics<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<ModelStatistics> {
    let found: BTreeMap<_, _> = entries.map(|entry| ((&entry.facts.model, entry.facts.version), entry)).collect();
    found.into_values().map(version_statistics).collect()
}

fn version_statistics(entry: &Entry) -> ModelStatistics {
    let counts = entry.usage.counts();
    let Counts { requests, errors, rows, answered, failed, waiting, decoding, scoring, last_use } = counts;
    let executions = requests.saturating_sub(errors);
    let time = |count, time: std::time::Duration| Some(StatisticDuration { count, ns: time.as_nanos() as u64 });
    let encoding = answered.saturating_sub(waiting + decoding + scoring);
    ModelStatistics {
        name: entry.facts.model.to_string(),
        version: entry.facts.version.to_string(),
        last_inference: last_use.map_or(0, |moment| (moment.micros() / 1000) as u64),
        inference_count: rows,
        execution_count: executions,
        inference_stats: Some(InferStatistics {
            success: time(executions, answered),
            fail: time(errors, failed),
            queue: time(executions, waiting),
            compute_input: time(executions, decoding),
            compute_infer: time(executions, scoring),
            compute_output: time(executions, encoding),
            cache_hit: Some(StatisticDuration::default()),
            cache_miss: Some(StatisticDuration::default()),
        }),
        memory_usage: vec![MemoryUsage { r#type: "CPU".to_owned(), id: 0, byte_size: entry.model().bytes() as u64 }],
        ..ModelStatistics::default()
    }
}

/// Every version that can be asked for, each once.
fn versions(seats: &[Seat]) -> Vec<VersionNumber> {
    let mut versions: Vec<_> = seats.iter().filter_map(Seat::entry).map(|entry| entry.facts.version).collect();
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
