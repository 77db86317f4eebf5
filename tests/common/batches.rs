//! Files to score through a real process, and what was stored.

#![allow(dead_code, reason = "each test program uses a part")]

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use arrow::{
    array::{AsArray as _, RecordBatch},
    datatypes::Int64Type,
};
use lineal_proto::lineal::{
    inference::v1::{FinishedBatch, ScoreRequest, batch_service_client::BatchServiceClient},
    registry::v1::{ListScoringBatchesRequest, ScoringBatch, scoring_batch_service_client::ScoringBatchServiceClient},
};
use lineal_rpc::Peer;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tonic::Status;

use super::scenario::CHURN;

/// `rows` customers of the churn table, over and over, with an `account_id` from 0 on and a `note` as it is given for each.
pub(crate) fn customers(file: &Path, rows: usize, note: &str) {
    let text = std::str::from_utf8(CHURN).unwrap();
    let (header, lines) = text.split_once('\n').unwrap();
    let lines: Vec<&str> = lines.lines().collect();
    let mut out = std::io::BufWriter::new(std::fs::File::create(file).unwrap());
    let mut line = format!("account_id,note,{header}\n");
    for row in 0..rows {
        std::io::Write::write_all(&mut out, line.as_bytes()).unwrap();
        line.clear();
        let _ = writeln!(line, "{row},{note},{}", lines[row % lines.len()]);
    }
    std::io::Write::write_all(&mut out, line.as_bytes()).unwrap();
}

/// The wish to score `input` under `batch_id`.
pub(crate) fn request(input: &Path, output: &Path, batch_id: &str) -> ScoreRequest {
    ScoreRequest {
        model: "churn".to_owned(),
        batch_id: batch_id.to_owned(),
        input: input.display().to_string(),
        output: output.display().to_string(),
        key_columns: vec!["account_id".to_owned()],
        rows_per_part: 1000,
        ..ScoreRequest::default()
    }
}

/// Scores to the end.
pub(crate) async fn score(peer: &Peer, request: ScoreRequest) -> Result<FinishedBatch, Status> {
    let mut stream = BatchServiceClient::new(peer.clone()).score(request).await?.into_inner();
    let mut finished = None;
    while let Some(message) = stream.message().await? {
        finished = message.batch.or(finished);
    }
    Ok(finished.unwrap())
}

/// Batches on record, newest first.
pub(crate) async fn recorded(registry: &Peer) -> Vec<ScoringBatch> {
    let request = ListScoringBatchesRequest { model: "churn".to_owned(), page_size: 100, ..Default::default() };
    let mut batches = ScoringBatchServiceClient::new(registry.clone());
    batches.list_scoring_batches(request).await.unwrap().into_inner().batches
}

/// The Parquet files below `folder`, in order of their names, as other programs see them.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Every row of a file.
pub(crate) fn rows(file: &Path) -> Vec<RecordBatch> {
    let file = std::fs::File::open(file).unwrap();
    ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().map(Result::unwrap).collect()
}

pub(crate) fn integers(batches: &[RecordBatch], name: &str) -> Vec<i64> {
    let column =
        |batch: &RecordBatch| batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().values().to_vec();
    batches.iter().flat_map(column).collect()
}

pub(crate) fn texts(batches: &[RecordBatch], name: &str) -> Vec<String> {
    let column = |batch: &RecordBatch| {
        let column = batch.column_by_name(name).unwrap().as_string::<i32>();
        column.iter().map(|text| text.unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    batches.iter().flat_map(column).collect()
}

/// That every one of `count` customers has one prediction, all by one version; returns that version.
pub(crate) fn once_each(folder: &Path, count: usize) -> i64 {
    let stored: Vec<RecordBatch> = files(folder).iter().flat_map(|file| rows(file)).collect();
    let accounts = integers(&stored, "account_id");
    assert_eq!(accounts, (0..count as i64).collect::<Vec<_>>(), "{}", folder.display());
    let versions: BTreeSet<i64> = integers(&stored, "model_version").into_iter().collect();
    assert_eq!(versions.len(), 1, "one version scored all of them");
    versions.into_iter().next().unwrap()
}
