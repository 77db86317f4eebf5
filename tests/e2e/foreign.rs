//! Clients that know nothing of Lineal, and libraries that it knows.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use crate::{process, process::Process, scenario};

/// The Python that `make test` prepared.
#[allow(clippy::disallowed_methods, reason = "the tests' own setting")]
fn python() -> PathBuf {
    let set = std::env::var("LINEAL_TEST_PYTHON").unwrap_or_default();
    assert!(
        Path::new(&set).is_file(),
        "LINEAL_TEST_PYTHON names no Python with what tests/foreign asks for; run `make test`"
    );
    PathBuf::from(set)
}

/// Runs `program` on `script` of the foreign clients beside a process with a champion.
async fn served(program: &str, script: &str) {
    let folder = tempfile::tempdir().unwrap();
    let lineal = Process::dev(folder.path(), &[]).await;
    scenario::champion(&lineal.peer(), "gradient_boosting").await;
    let ours = scenario::predict(&lineal.peer()).await.unwrap();

    let here = env!("CARGO_MANIFEST_DIR");
    let script = format!("{here}/foreign/{script}");
    let address = lineal.address.trim_start_matches("http://");
    let (data, score) = (scenario::churn_file().display().to_string(), ours.scores[0].to_string());
    let contracts = format!("{here}/../proto");
    let told = process::run(program, &[&script, address, &data, &score, &contracts]).await;
    assert_eq!(told.code, 0, "{}\n{}", told.stdout, told.stderr);
    assert!(told.stdout.contains("all checks passed"), "{}", told.stdout);
}

/// F124, F133
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unmodified_triton_client_is_served() {
    served(&python().display().to_string(), "triton.py").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_of_unmodified_triton_clients_are_served() {
    served(&python().display().to_string(), "triton_stream.py").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kserves_unmodified_client_is_served() {
    served(&python().display().to_string(), "kserve_client.py").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mlservers_unmodified_converters_are_served() {
    served(&python().display().to_string(), "mlserver_converters.py").await;
}

/// NODE_PATH names the folder with what tests/foreign/package.json asks for; Node reads it by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_client_with_the_contract_alone_is_served() {
    served("node", "grpc_js.js").await;
}

/// F66
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lightgbm_and_xgboost_are_found_in_the_active_python_and_serve() {
    let folder = tempfile::tempdir().unwrap();
    let environment = python().ancestors().nth(2).unwrap().display().to_string();
    let lineal = Process::dev(folder.path(), &[("VIRTUAL_ENV", &environment)]).await;
    for family in ["lightgbm", "xgboost"] {
        scenario::champion(&lineal.peer(), family).await;
        assert_eq!(scenario::predict(&lineal.peer()).await.unwrap().scores.len(), 1, "{family}");
    }
}

/// F66
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_graph_is_run_by_the_library_of_the_active_python() {
    const GRAPHS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/models/tests/reference/onnx");
    let folder = tempfile::tempdir().unwrap();
    let environment = python().ancestors().nth(2).unwrap().display().to_string();
    let lineal = Process::dev(folder.path(), &[("VIRTUAL_ENV", &environment)]).await;
    let sample = folder.path().join("rows.csv");
    let mut rows = String::from("plan,age,calls,left\n");
    for i in 0..40 {
        let (plan, age, calls) = (["basic", "gold", "none"][i % 3], 20 + i, (i * 7 % 20) as f64 / 10.0 - 0.5);
        // What the model was trained to find.
        let left = calls + f64::from(u8::from(plan == "gold")) + age as f64 / 80.0 > 1.0;
        writeln!(rows, "{plan},{age},{calls},{}", if left { "yes" } else { "no" }).unwrap();
    }
    std::fs::write(&sample, rows).unwrap();
    let (columns, zipmap) = (format!("{GRAPHS}/sklearn_columns.onnx"), format!("{GRAPHS}/refused_zipmap.onnx"));
    let (forest, sample) = (format!("{GRAPHS}/sklearn_forest.onnx"), sample.display().to_string());
    for (words, code, said) in [
        (&["import", &zipmap, "--model", "iris"][..], 2, "zipmap"),
        (&["import", &columns, "--model", "churn"], 2, "column `plan` holds texts"),
        (&["import", &forest, "--model", "iris", "--family", "lightgbm"], 2, "was written by onnx"),
        (&["import", &forest, "--model", "iris", "--classes", "a,b"], 2, "the model has 3 classes"),
        (&["import", &forest, "--model", "iris"], 0, "onnx skl2onnx 1.20.0, graph of 1 nodes, 4 features"),
        (
            &["import", &columns, "--model", "churn", "--label", "left", "--classes", "no,yes", "--signature", &sample],
            0,
            "imported churn/1",
        ),
        (&["validate", "churn", "1"], 0, ""),
        (&["promote", "churn", "1"], 0, ""),
        (&["explain", "churn/1"], 0, "onnx"),
        (&["predict", "churn", "--row", "plan=gold,age=30,calls=1.5"], 0, "yes"),
        (&["predict", "churn", "--row", "plan=gold,age=30.5,calls=1.5"], 2, "whole numbers"),
    ] {
        let ended = lineal.cli_with(words, &[("VIRTUAL_ENV", &environment)]).await;
        assert_eq!(ended.code, code, "{words:?}\n{}{}", ended.stdout, ended.stderr);
        assert!(
            ended.stdout.contains(said) || ended.stderr.contains(said),
            "{words:?}\n{}{}",
            ended.stdout,
            ended.stderr
        );
    }
}
