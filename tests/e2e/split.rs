//! Four processes instead of one: the same calls, the same answers.

use crate::{process::Process, scenario};

/// F125, F126
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_per_service_and_two_replicas_work_like_one() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    let registry = Process::spawn(&["serve", "--roles", "registry", "--data-dir", &data], &[]);
    let at = ("LINEAL__PEERS__REGISTRY", registry.address.as_str());
    let trainer = Process::spawn(&["serve", "--roles", "trainer", "--data-dir", &data], &[at]);
    let validator = Process::spawn(&["serve", "--roles", "validator", "--data-dir", &data], &[at]);
    let mut replicas = Vec::new();
    for name in ["one", "two"] {
        let cache = folder.path().join(name).display().to_string();
        let own = [at, ("LINEAL__INFERENCE__REPLICA", name), ("LINEAL__INFERENCE__CACHE_DIR", cache.as_str())];
        replicas.push(Process::spawn(&["serve", "--roles", "inference", "--data-dir", &data], &own));
    }
    for process in [&registry, &trainer, &validator].into_iter().chain(&replicas) {
        process.ready().await;
    }

    // Files go to the registry, jobs to the trainer: the command line knows both addresses.
    let table = scenario::churn_file().display().to_string();
    let addresses = ["--trainer", &trainer.address, "--validator", &validator.address];
    let typed = async |words: &[&str]| {
        let told = registry.cli(&[words, &addresses[..]].concat()).await;
        assert_eq!(told.code, 0, "{words:?}: {}\n{}", told.stdout, told.stderr);
        told.stdout
    };
    typed(&["train", &table, "--model", "churn", "--label", "churn", "--family", "logistic_regression"]).await;
    typed(&["validate", "churn", "1"]).await;
    let promoted = typed(&["promote", "churn", "1"]).await;
    assert!(promoted.contains("one") && promoted.contains("two"), "{promoted}");
    for replica in &replicas {
        let answer = scenario::predict(&replica.peer()).await.unwrap().pedigree.unwrap();
        assert_eq!((answer.version, answer.generation), (1, 1));
    }

    // A replica that is gone is not waited for once it gave its lease back.
    let gone = replicas.pop().unwrap();
    assert!(gone.stop().await.success());
    typed(&["train", &table, "--model", "churn", "--label", "churn"]).await;
    typed(&["validate", "churn", "2"]).await;
    let promoted = typed(&["promote", "churn", "2"]).await;
    assert!(promoted.contains("one") && !promoted.contains("two"), "{promoted}");
}
