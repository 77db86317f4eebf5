//! Settings of models: files that are read once, kept for ever and refused as a whole.

use lineal_kernel::Digest;
use lineal_proto::lineal::registry::v1 as pb;
use tonic::{Code, Status};

use crate::fixture::{Bench, Refusal, reason};

const FILE: &str = r#"model = "churn"

[data]
dataset = "customers"
label_column = "churn"
classes = ["no", "yes"]
exclude_columns = ["phone"]
split_version = "v2"
reference_fraction = 0.25

[training]
family = "gradient_boosting"
hyperparameters = { learning_rate = 0.05, rounds = 200 }
threshold = 0.4
seed = 7

[validation]
comparison_metric = "f1"

[validation.limits]
auc = 0.8

[scoring]
output = "s3://predictions/churn"
key_columns = ["account_id"]
"#;

fn apply(text: &str) -> pb::ApplySettingsRequest {
    pb::ApplySettingsRequest { text: text.into(), ..Default::default() }
}

impl Bench {
    async fn apply(&self, request: pb::ApplySettingsRequest) -> Result<pb::ApplySettingsResponse, Status> {
        Ok(self.settings_service().apply_settings(request).await?.into_inner())
    }

    async fn settings(&self, revision: u64, digest: &str) -> Result<pb::Settings, Status> {
        let request = pb::GetSettingsRequest { model: "churn".into(), revision, digest: digest.into() };
        Ok(self.settings_service().get_settings(request).await?.into_inner().settings.unwrap())
    }
}

#[tokio::test]
async fn a_file_becomes_the_newest_settings_once() {
    // F88
    let bench = Bench::start().await;
    let first = bench.apply(apply(FILE)).await.unwrap();
    let settings = first.settings.clone().unwrap();
    assert!(first.created && settings.text == FILE && settings.actor == "ada");
    assert_eq!((settings.revision, &settings.digest), (1, &Digest::of(FILE.as_bytes()).to_string()));
    let training = settings.training.as_ref().unwrap();
    assert_eq!((training.dataset.as_str(), training.threshold, training.seed), ("customers", 0.4, 7));
    assert_eq!((training.classes.len(), training.hyperparameters.len()), (2, 2));
    let validation = settings.validation.as_ref().unwrap();
    assert_eq!((validation.limits["auc"], validation.comparison_metric.as_str()), (0.8, "f1"));
    assert_eq!(settings.scoring.as_ref().unwrap().output, "s3://predictions/churn");
    let lines = bench.audit().await;
    assert_eq!((lines[0].action.as_str(), lines[0].model.as_str()), ("apply_settings", "churn"));
    assert!(lines[0].detail.contains(&settings.digest), "{}", lines[0].detail);

    let again = bench.apply(apply(FILE)).await.unwrap();
    assert_eq!((again.settings, again.created), (Some(settings.clone()), false));
    assert_eq!(bench.audit().await, lines, "nothing changed");

    let stricter = FILE.replace("auc = 0.8", "auc = 0.99");
    let second = bench.apply(apply(&stricter)).await.unwrap().settings.unwrap();
    assert_eq!((second.revision, second.validation.as_ref().unwrap().limits["auc"]), (2, 0.99));
    assert_eq!(bench.settings(0, "").await.unwrap(), second);
    assert_eq!(bench.settings(1, "").await.unwrap(), settings);
    assert_eq!(bench.settings(0, &settings.digest).await.unwrap(), settings);
    let bench = bench.restart().await;
    assert_eq!(bench.settings(0, "").await.unwrap(), second);
    let request = pb::ListSettingsRequest { model: "churn".into(), ..Default::default() };
    let listed = bench.settings_service().list_settings(request).await.unwrap().into_inner().settings;
    assert_eq!(listed.iter().map(|one| one.revision).collect::<Vec<_>>(), [2, 1]);
    assert!(listed.iter().all(|one| one.text.is_empty()));
}

#[tokio::test]
async fn every_bad_value_of_a_file_is_named_by_its_path_and_nothing_is_kept() {
    // F88
    let bench = Bench::start().await;
    let bad = FILE
        .replace("threshold = 0.4", "threshold = 4")
        .replace("auc = 0.8", "auk = 0.8")
        .replace("[scoring]", "[score]");
    let refusal = Refusal::from(bench.apply(apply(&bad)).await.unwrap_err());
    assert_eq!((refusal.code, refusal.reason.as_str()), (Code::InvalidArgument, "INVALID_FIELD"));
    assert_eq!(refusal.fields, ["training.threshold", "validation.limits.auk", "score"]);
    let lines = bench.audit().await;
    assert!(lines[0].action == "apply_settings" && !lines[0].done, "{:?}", lines[0]);
    assert_eq!(reason(bench.settings(0, "").await), (Code::NotFound, "SETTINGS_NOT_FOUND".into()));

    let other = pb::ApplySettingsRequest { model: "fraud".into(), ..apply(FILE) };
    assert_eq!(Refusal::from(bench.apply(other).await.unwrap_err()).fields, ["model"]);
    let long = format!("{FILE}# {}", "x".repeat(64 << 10));
    assert_eq!(Refusal::from(bench.apply(apply(&long)).await.unwrap_err()).fields, ["text"]);
    assert_eq!(Refusal::from(bench.settings(1, "sha256:0a").await.unwrap_err()).fields, ["digest"]);
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_and_a_stale_one_is_refused() {
    // F88, F164
    let bench = Bench::start().await;
    let request = pb::ApplySettingsRequest { request_id: "apply-1".into(), etag: "r0".into(), ..apply(FILE) };
    let first = bench.apply(request.clone()).await.unwrap();
    bench.apply(apply(&FILE.replace("0.8", "0.9"))).await.unwrap();
    assert_eq!(bench.apply(request.clone()).await.unwrap(), first);
    let other = pb::ApplySettingsRequest { text: FILE.replace("0.8", "0.7"), ..request.clone() };
    assert_eq!(reason(bench.apply(other.clone()).await), (Code::AlreadyExists, "REQUEST_ID_REUSED".into()));
    let stale = pb::ApplySettingsRequest { request_id: String::new(), ..other };
    assert_eq!(reason(bench.apply(stale).await), (Code::Aborted, "STALE_ETAG".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_come_at_once_get_a_revision_each() {
    // F88
    let bench = Bench::start().await;
    let files: Vec<_> = (1..=4).map(|i| FILE.replace("seed = 7", &format!("seed = {i}"))).collect();
    let applied = futures::future::join_all(files.iter().map(|file| bench.apply(apply(file)))).await;
    let mut revisions: Vec<_> = applied.into_iter().map(|answer| answer.unwrap().settings.unwrap().revision).collect();
    revisions.sort_unstable();
    assert_eq!(revisions, [1, 2, 3, 4]);
}
