//! Clients that know nothing of Lineal, and libraries that it knows.

use std::path::{Path, PathBuf};

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
