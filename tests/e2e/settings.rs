//! One file says how a model is trained, judged and scored; what it says counts from the next call on.

use std::path::{Path, PathBuf};

use lineal_kernel::Digest;
use lineal_proto::lineal::{
    trainer::v1::{self as trainer, job_service_client::JobServiceClient},
    validator::v1::{self as validator, report_service_client::ReportServiceClient},
};
use serde_json::Value;

use crate::{
    batches,
    process::{Finished, Process},
    scenario,
};

/// Settings under which the churn table can be learned from.
fn file(folder: &Path, auc: f64) -> PathBuf {
    let path = folder.join("churn.toml");
    let text = format!(
        r#"model = "churn"

[data]
dataset = "customers"
label_column = "churn"
classes = ["no", "yes"]
exclude_columns = ["area_code"]

[training]
family = "logistic_regression"
threshold = 0.4
seed = 7

[validation.limits]
auc = {auc}

[scoring]
output = "{}"
"#,
        folder.join("predictions").display()
    );
    std::fs::write(&path, text).unwrap();
    path
}

fn digest(file: &Path) -> String {
    Digest::of(&std::fs::read(file).unwrap()).to_string()
}

/// The answer of a command that is done.
fn done(finished: &Finished) -> Value {
    assert_eq!(finished.code, 0, "{}{}", finished.stdout, finished.stderr);
    serde_json::from_str(&finished.stdout).unwrap()
}

async fn validate(validator: &Process) -> validator::Report {
    let request = validator::ValidateRequest { model: "churn".to_owned(), number: 1, ..Default::default() };
    let mut reports = ReportServiceClient::new(validator.peer());
    reports.validate(request).await.unwrap().into_inner().report.unwrap()
}

/// F88
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_limit_counts_at_once_and_the_run_holds_the_digest_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let lineal = Process::dev(&folder.path().join("data"), &[]).await;
    let table = scenario::churn_file().display().to_string();
    let settings = file(folder.path(), 0.7);
    let (path, first) = (settings.display().to_string(), digest(&settings));

    let trained = done(&lineal.cli(&["-o", "json", "train", &table, "--settings", &path]).await);
    let (run_id, spec) = (trained["job"]["run_id"].as_str().unwrap().to_owned(), &trained["job"]["spec"]);
    assert_eq!((spec["settings_digest"].as_str(), spec["threshold"].as_f64()), (Some(first.as_str()), Some(0.4)));
    assert_eq!((spec["family"].as_str(), spec["label_column"].as_str()), (Some("logistic_regression"), Some("churn")));
    let run = done(&lineal.cli(&["-o", "json", "runs", "show", &run_id]).await);
    assert_eq!(run["run"]["parameters"]["settings_digest"].as_str(), Some(first.as_str()));
    let explained = lineal.cli(&["explain", "churn/1"]).await;
    assert!(explained.stdout.contains(&first), "{}", explained.stdout);

    let report = validate(&lineal).await;
    assert!(report.passed && report.settings_digest == first, "{report:?}");
    // Only the limit is another one.
    let second = digest(&file(folder.path(), 0.99));
    let applied = done(&lineal.cli(&["-o", "json", "settings", "apply", &path]).await);
    assert_eq!((applied["settings"]["revision"].as_str(), applied["created"].as_bool()), (Some("2"), Some(true)));
    let report = validate(&lineal).await;
    assert!(!report.passed && report.settings_digest == second, "{report:?}");
    let told = lineal.cli(&["validate", "churn", "1"]).await;
    assert!(told.code == 4 && told.stdout.contains(">= 0.9900"), "{}{}", told.stdout, told.stderr);
    assert_eq!(lineal.cli(&["promote", "churn", "1"]).await.code, 4);

    // The way back is the earlier file; the run still names its own.
    file(folder.path(), 0.7);
    assert_eq!(lineal.cli(&["settings", "apply", &path]).await.code, 0);
    assert!(lineal.cli(&["settings", "apply", &path]).await.stdout.contains("nothing changed"));
    assert!(lineal.cli(&["settings", "show", "churn"]).await.stdout.contains("auc = 0.7\n"));
    let history = lineal.cli(&["settings", "history", "churn"]).await;
    assert_eq!(history.stdout.lines().count(), 4, "{}", history.stdout);
    assert_eq!(lineal.cli(&["validate", "churn", "1"]).await.code, 0);
    assert_eq!(lineal.cli(&["promote", "churn", "1"]).await.code, 0);
    assert_eq!(lineal.cli(&["reproduce", "churn", "1"]).await.code, 0);

    let input = folder.path().join("customers.csv");
    batches::customers(&input, 1000, "");
    let input = input.display().to_string();
    let scored = ["score", "churn", &input, "--batch-id", "january", "--key", "account_id"];
    let told = lineal.cli(&scored).await;
    assert_eq!(told.code, 0, "{}", told.stderr);
    batches::once_each(&folder.path().join("predictions/churn/january"), 1000);
}

/// F88
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_file_is_refused_as_a_whole_and_an_absent_one_named() {
    let folder = tempfile::tempdir().unwrap();
    let lineal = Process::dev(&folder.path().join("data"), &[]).await;
    let table = scenario::churn_file().display().to_string();
    let path = folder.path().join("churn.toml");
    std::fs::write(&path, "model = \"churn\"\n[training]\nthreshold = 4\nfamly = \"ridge\"\n").unwrap();
    let path = path.display().to_string();
    for words in [&["settings", "apply", &path][..], &["train", &table, "--settings", &path]] {
        let told = lineal.cli(words).await;
        assert_eq!(told.code, 2, "{}", told.stderr);
        for problem in ["training.threshold: must be between", "training.famly: is unknown, known are task, family"] {
            assert!(told.stderr.contains(problem), "{}", told.stderr);
        }
    }
    for words in [&["settings", "show", "churn"][..], &["train", &table, "--model", "churn", "--use-settings"]] {
        let told = lineal.cli(words).await;
        assert!(told.code == 5 && told.stderr.contains("lineal settings apply FILE"), "{}", told.stderr);
    }
    assert_eq!(lineal.cli(&["settings", "apply", "/nonexistent.toml"]).await.code, 2);
}

/// F88
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_of_their_own_use_the_settings_of_the_registry() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    let serve = |role: &str, environment: &[(&str, &str)]| {
        Process::spawn(&["serve", "--roles", role, "--data-dir", &data], environment)
    };
    let registry = serve("registry", &[]);
    registry.ready().await;
    let peers = [("LINEAL__PEERS__REGISTRY", registry.address.as_str())];
    let (trainer, validator) = (serve("trainer", &peers), serve("validator", &peers));
    trainer.ready().await;
    validator.ready().await;
    let settings = file(folder.path(), 0.99);
    let (table, path) = (scenario::churn_file().display().to_string(), settings.display().to_string());
    let words = ["train", &table, "--settings", &path, "--trainer", &trainer.address];
    let trained = registry.cli(&words).await;
    assert_eq!(trained.code, 0, "{}{}", trained.stdout, trained.stderr);
    let report = validate(&validator).await;
    assert!(!report.passed && report.settings_digest == digest(&settings), "{report:?}");

    assert!(registry.stop().await.success());
    let spec = trainer::JobSpec { use_settings: true, ..scenario::spec("logistic_regression") };
    let request = trainer::CreateJobRequest { spec: Some(spec), ..Default::default() };
    let away = JobServiceClient::new(trainer.peer()).create_job(request).await.unwrap_err();
    assert_eq!(lineal_rpc::reason_of(&away).as_deref(), Some("REGISTRY_UNAVAILABLE"), "{away}");
}
