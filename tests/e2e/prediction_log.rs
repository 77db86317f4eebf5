//! The prediction log of a whole process: what is answered is written down, whole files only, whatever ends the process.

use std::{collections::BTreeSet, path::Path};

use arrow::{array::AsArray as _, datatypes::Float64Type};
use lineal_kernel::Digest;
use lineal_proto::lineal::inference::v1::{PredictResponse, PredictionLogState};

use crate::{
    batches::{files, integers, rows, texts},
    process::{Process, eventually},
    scenario,
};

async fn start(data: &Path, log: &Path, more: &[(&str, &str)]) -> Process {
    let log = log.display().to_string();
    let place = ("LINEAL__INFERENCE__PREDICTION_LOG__PLACE", log.as_str());
    Process::dev(data, &[&[place], more].concat()).await
}

async fn predict(lineal: &Process, times: usize) -> Vec<PredictResponse> {
    let mut answers = Vec::new();
    for _ in 0..times {
        answers.push(scenario::predict(&lineal.peer()).await.unwrap());
    }
    answers
}

async fn state(lineal: &Process) -> PredictionLogState {
    scenario::serving(&lineal.peer()).await.prediction_log.unwrap()
}

fn ids(answers: &[PredictResponse]) -> BTreeSet<String> {
    answers.iter().map(|answer| answer.pedigree.as_ref().unwrap().prediction_id.clone()).collect()
}

fn logged(log: &Path) -> BTreeSet<String> {
    files(log).iter().flat_map(|file| texts(&rows(file), "prediction_id")).collect()
}

/// F133
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_is_written_down_before_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let lineal = start(&data, &log, &[]).await;
    let version = scenario::champion(&lineal.peer(), "logistic_regression").await;
    let answers = predict(&lineal, 30).await;
    assert!(files(&log).is_empty(), "a file appears when it is whole");
    assert!(lineal.stop().await.success());

    let found = files(&log);
    assert_eq!(found.len(), 1);
    let pedigree = answers[0].pedigree.clone().unwrap();
    let folder = found[0].parent().unwrap();
    let scored = lineal_kernel::Timestamp::from_micros(pedigree.scored_time.unwrap().seconds * 1_000_000).to_string();
    assert!(folder.ends_with(format!("model=churn/day={}", &scored[..10])), "{}", folder.display());
    let stored = rows(&found[0]);
    assert_eq!(texts(&stored, "prediction_id").into_iter().collect::<BTreeSet<_>>(), ids(&answers));
    assert!(integers(&stored, "version").iter().all(|number| *number as u64 == version));
    assert!(integers(&stored, "generation").iter().all(|generation| *generation == 1));
    for (name, value) in [("digest", &pedigree.digest), ("run_id", &pedigree.run_id), ("replica", &pedigree.replica)] {
        assert!(texts(&stored, name).iter().all(|text| text == value), "{name}");
    }
    assert_eq!(texts(&stored, "label")[0], answers[0].labels[0]);
    let number = |name: &str| stored[0].column_by_name(name).unwrap().as_primitive::<Float64Type>().value(0);
    assert_eq!((number("score"), number("input_account_length")), (answers[0].scores[0], 128.0));
    assert_eq!(texts(&stored, "input_state")[0], "KS");
}

/// F133
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_leaves_whole_files_and_the_next_start_sweeps_up() {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let every_second = [("LINEAL__INFERENCE__PREDICTION_LOG__ROTATE_SECONDS", "1")];
    let lineal = start(&data, &log, &every_second).await;
    scenario::champion(&lineal.peer(), "logistic_regression").await;
    let first = predict(&lineal, 5).await;
    eventually("the first file is whole", async || (state(&lineal).await.logged_rows == 5).then_some(())).await;
    predict(&lineal, 3).await;
    lineal.kill();
    assert!(logged(&log).is_superset(&ids(&first)), "what was in a whole file stays");
    let day = files(&log)[0].parent().unwrap().to_owned();
    for name in ["local-0197.parquet#1", "other-0197.parquet#1"] {
        std::fs::write(day.join(name), b"PAR1 half").unwrap();
    }

    let lineal = start(&data, &log, &every_second).await;
    eventually("what was left is swept", async || (!day.join("local-0197.parquet#1").exists()).then_some(())).await;
    assert!(day.join("other-0197.parquet#1").exists(), "what another replica writes is left alone");
    let second = predict(&lineal, 4).await;
    assert!(lineal.stop().await.success());
    assert!(logged(&log).is_superset(&ids(&second)));
}

/// F133
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_is_chosen_by_the_id_and_what_does_not_fit_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let lineal = start(&data, &log, &[("LINEAL__INFERENCE__PREDICTION_LOG__SHARE", "0.3")]).await;
    scenario::champion(&lineal.peer(), "logistic_regression").await;
    let answers = predict(&lineal, 100).await;
    assert!(lineal.stop().await.success());
    // 0.3 of the 52-bit numbers.
    let chosen = |id: &String| u64::from_str_radix(&Digest::of(id.as_bytes()).hex()[..13], 16).unwrap();
    let expected: BTreeSet<String> =
        ids(&answers).into_iter().filter(|id| chosen(id) < 1_351_079_888_211_149).collect();
    assert!((5..80).contains(&expected.len()), "{}", expected.len());
    assert_eq!(logged(&log), expected);
}
