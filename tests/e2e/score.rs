//! Files scored by whole processes: from the command line, in bounded memory, and traced back.

use lineal_proto::lineal::registry::v1::{TracePredictionRequest, lineage_service_client::LineageServiceClient};
use serde_json::Value;

use crate::{
    batches::{self, once_each, request, score},
    process::Process,
    scenario,
};

/// Memory that scoring may take beside what the process has anyway.
const CAP: u64 = 48 << 20;

/// F127, F129, F132, F133
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_scored_from_the_command_line_and_every_row_is_traced() {
    let folder = tempfile::tempdir().unwrap();
    let lineal = Process::dev(&folder.path().join("data"), &[]).await;
    let peer = lineal.peer();
    let champion = scenario::champion(&peer, "logistic_regression").await;
    let other = scenario::version(&peer, "gradient_boosting").await;
    let input = folder.path().join("customers.csv");
    batches::customers(&input, 10_000, "");
    let (input, scores) = (input.display().to_string(), folder.path().join("scores"));
    let out = scores.display().to_string();
    let mut words = vec!["-o", "json", "score", "churn", &input, "--out", &out, "--key", "account_id", "--batch-id"];
    words.push("january");
    let done = lineal.cli(&words).await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    let batch: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((batch["rows"].as_str(), batch["parts"].as_str()), (Some("10000"), Some("1")));
    assert_eq!(once_each(&scores.join("churn/january"), 10_000) as u64, champion);
    // Any version can be asked for, by number or alias.
    scenario::alias_to(&peer, "canary", other).await.unwrap();
    for (batch_id, wanted) in [("february", other.to_string()), ("march", "@canary".to_owned())] {
        let words = [&words[..10], &[batch_id, "--model-version", &wanted]].concat();
        let done = lineal.cli(&words).await;
        assert_eq!(done.code, 0, "{}", done.stderr);
        assert_eq!(once_each(&scores.join("churn").join(batch_id), 10_000) as u64, other);
    }
    let done = lineal.cli(&[&words[..10], &["april", "--model-version", "99"]].concat()).await;
    assert_eq!(done.code, 5, "{}", done.stderr);

    let listed = lineal.cli(&["batches", "churn"]).await;
    let ids: Vec<&str> = listed.stdout.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(ids, ["march", "february", "january"], "{}", listed.stdout);
    let recorded = batches::recorded(&peer).await;
    assert_eq!((recorded[2].psi, recorded[0].psi), (None, Some(0.0)), "march is february again");
    assert!(recorded[1].psi.unwrap() > 0.0);
    let shown = lineal.cli(&["batches", "churn", "march"]).await;
    assert!(shown.stdout.contains("0.0000 against february"), "{}", shown.stdout);

    for (batch_id, version) in [("january", champion), ("march", other)] {
        let files = batches::files(&scores.join("churn").join(batch_id));
        let id = batches::texts(&batches::rows(&files[0]), "prediction_id").remove(0);
        let trace = TracePredictionRequest { prediction_id: id.clone() };
        let traced = LineageServiceClient::new(peer.clone()).trace_prediction(trace).await.unwrap().into_inner();
        assert_eq!((traced.version.unwrap().number, traced.score_batch_id.as_str()), (version, batch_id));
        let explained = lineal.cli(&["explain", &id]).await;
        assert!(explained.stdout.starts_with(&format!("answered by churn {version}")), "{}", explained.stdout);
    }
}

/// F127
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_four_times_the_memory_is_scored() {
    let folder = tempfile::tempdir().unwrap();
    let lineal = Process::dev(&folder.path().join("data"), &[]).await;
    scenario::champion(&lineal.peer(), "logistic_regression").await;
    let input = folder.path().join("customers.csv");
    let rows = 220_000;
    batches::customers(&input, rows, &"x".repeat(900));
    let size = std::fs::metadata(&input).unwrap().len();
    assert!(size >= 4 * CAP, "{size}");
    // What was needed once, as for training, is not counted.
    scenario::predict(&lineal.peer()).await.unwrap();
    let idle = lineal.forget_peak_memory();
    let scores = folder.path().join("scores");
    let wish = lineal_proto::lineal::inference::v1::ScoreRequest {
        rows_per_part: 50_000,
        ..request(&input, &scores, "january")
    };
    score(&lineal.peer(), wish).await.unwrap();
    let grown = lineal.peak_memory().saturating_sub(idle);
    println!("a file of {} MiB took {} MiB beside {} MiB", size >> 20, grown >> 20, idle >> 20);
    assert!(grown < CAP, "{} MiB", grown >> 20);
    once_each(&scores.join("churn/january"), rows);
}
