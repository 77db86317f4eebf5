//! Models that are told of earlier rows: from the command line, in a batch and one row at a time.

use std::{fmt::Write as _, path::Path};

use arrow::{
    array::{AsArray as _, RecordBatch},
    datatypes::Float64Type,
};
use lineal_proto::lineal::inference::v1::{
    Column, FinishedBatch, NumberColumn, PredictRequest, PredictResponse, ScoreRequest, column::Values,
    prediction_service_client::PredictionServiceClient,
};
use lineal_rpc::Peer;
use tonic::{Code, Status};

use crate::{
    batches::{self, request, score},
    process::Process,
};

const SHOPS: usize = 3;
const DAYS: usize = 150;

fn visits(day: usize, shop: usize) -> usize {
    (day * 7 + shop * 5) * (day + 3) % 31
}

/// Day by day; whether a day is good tells the visits of the day before.
fn write_days(file: &Path) {
    let mut csv = "id,day,shop,visits,price,good\n".to_owned();
    for (id, (day, shop)) in (1..=DAYS).flat_map(|day| (0..SHOPS).map(move |shop| (day, shop))).enumerate() {
        let good = if visits(day - 1, shop) > 14 { "yes" } else { "no" };
        let (count, price) = (visits(day, shop), (day * 3 + shop) % 7);
        let _ = writeln!(csv, "{id},2025-{:02}-{:02},shop {shop},{count},{price},{good}", 1 + day / 28, 1 + day % 28);
    }
    std::fs::write(file, csv).unwrap();
}

/// What the model says of a day, given the visits of the day before.
async fn predict(peer: &Peer, price: f64, before: Option<f64>) -> Result<PredictResponse, Status> {
    let column = |name: &str, value: f64| Column {
        name: name.to_owned(),
        values: Some(Values::Numbers(NumberColumn { values: vec![value] })),
    };
    let columns = [column("price", price), column("day", 20_000.0), column("visits", 3.0)].into_iter();
    let columns = columns.chain(before.map(|value| column("visits_lag_1", value))).collect();
    let request = PredictRequest { model: "visits".to_owned(), columns, ..Default::default() };
    Ok(PredictionServiceClient::new(peer.clone()).predict(request).await?.into_inner())
}

async fn scored(peer: &Peer, input: &Path, output: &Path, batch_id: &str) -> Result<FinishedBatch, Status> {
    let wish = ScoreRequest {
        model: "visits".to_owned(),
        key_columns: vec!["id".to_owned()],
        rows_per_part: 100,
        ..request(input, output, batch_id)
    };
    score(peer, wish).await
}

fn probabilities(folder: &Path) -> Vec<f64> {
    let stored: Vec<RecordBatch> = batches::files(folder).iter().flat_map(|file| batches::rows(file)).collect();
    let column = |batch: &RecordBatch| {
        batch.column_by_name("visits_probability").unwrap().as_primitive::<Float64Type>().values().to_vec()
    };
    assert_eq!(batches::integers(&stored, "id"), (0..(DAYS * SHOPS) as i64).collect::<Vec<_>>());
    stored.iter().flat_map(column).collect()
}

/// F63, F127, F128
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prediction_with_its_lag_given_is_that_of_the_batch() {
    let folder = tempfile::tempdir().unwrap();
    let (data, scores) = (folder.path().join("data"), folder.path().join("scores"));
    let (input, lineal) = (folder.path().join("days.csv"), Process::dev(&data, &[]).await);
    write_days(&input);
    let file = input.display().to_string();
    let typed = async |words: &[&str]| {
        let told = lineal.cli(words).await;
        assert_eq!(told.code, 0, "{words:?}: {}\n{}", told.stdout, told.stderr);
        told.stdout
    };
    typed(&["split", "create", "shops", "spring", "--by", "time", "--column", "day"]).await;
    let lags = ["--order", "day", "--group", "shop", "--lag", "visits=1"];
    let create = ["features", "create", "visits", "yesterday", "--feature", "price:as_is"];
    typed(&[&create[..], &["--feature", "visits_lag_1:standardize"], &lags].concat()).await;
    assert!(typed(&["features", "list", "visits"]).await.contains("yesterday"));
    assert!(
        typed(&["features", "show", "visits", "yesterday"]).await.contains("visits=1, rows back by day of each shop")
    );
    let train = ["train", &file, "--model", "visits", "--dataset", "shops", "--label", "good"];
    let refused = lineal.cli(&[&train[..], &["--feature-version", "yesterdya"]].concat()).await;
    assert_eq!(refused.code, 5, "{}", refused.stderr);
    assert!(refused.stderr.contains("lineal features list visits"), "{}", refused.stderr);
    let recipe = ["--family", "logistic_regression", "--feature-version", "yesterday", "--split-version", "spring"];
    typed(&[&train[..], &recipe].concat()).await;
    typed(&["validate", "visits", "1"]).await;
    typed(&["promote", "visits", "1"]).await;

    let peer = lineal.peer();
    scored(&peer, &input, &scores, "whole").await.unwrap();
    let whole = probabilities(&scores.join("visits/whole"));
    for (row, scored) in whole.iter().enumerate().step_by(7) {
        let (day, shop) = (1 + row / SHOPS, row % SHOPS);
        // The first day of the file has none before it, whatever happened then.
        let before = if day == 1 { f64::NAN } else { visits(day - 1, shop) as f64 };
        let answer = predict(&peer, ((day * 3 + shop) % 7) as f64, Some(before)).await.unwrap();
        assert_eq!(answer.scores[0].to_bits(), scored.to_bits(), "row {row}");
    }
    // One row has no history, also if it has the columns that one is told from.
    let alone = predict(&peer, 1.0, None).await.unwrap_err();
    assert_eq!(alone.code(), Code::InvalidArgument);
    assert!(alone.message().contains("visits_lag_1"), "{alone}");

    // A batch that is taken up in the middle looks back beyond its beginning.
    assert!(lineal.stop().await.success());
    let dying = Process::dev(&data, &[("FAILPOINTS", "inference::score::part_recorded=1*off->return")]).await;
    scored(&dying.peer(), &input, &scores, "resumed").await.unwrap_err();
    dying.died().await;
    let lineal = Process::dev(&data, &[]).await;
    let batch = scored(&lineal.peer(), &input, &scores, "resumed").await.unwrap();
    assert_eq!((batch.parts, batch.parts_resumed), (5, 2));
    assert_eq!(probabilities(&scores.join("visits/resumed")), whole);
    // A file in another order does not say what was before.
    let mut lines: Vec<String> = std::fs::read_to_string(&input).unwrap().lines().map(str::to_owned).collect();
    lines[1..].reverse();
    let backwards = folder.path().join("backwards.csv");
    std::fs::write(&backwards, lines.join("\n")).unwrap();
    let late = scored(&lineal.peer(), &backwards, &scores, "backwards").await.unwrap_err();
    assert!(late.message().contains("row 3 comes after a later row of its group, sort the file by `day`"), "{late}");
}
