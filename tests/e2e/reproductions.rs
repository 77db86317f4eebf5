//! Versions trained again by another process, from what the first one recorded.

use std::{
    fs,
    path::{Path, PathBuf},
};

use lineal_models::Task;
use lineal_proto::lineal::trainer::v1::{
    self as trainer, JobState, ReproductionStep, job_service_client::JobServiceClient,
    reproduction_service_client::ReproductionServiceClient,
};
use lineal_rpc::{Peer, artifacts, reason_of};

use crate::{process::Process, scenario};

const WINE: &[u8] = include_bytes!("../../crates/models/tests/reference/wine.csv");
const SEASON: &[u8] = include_bytes!("../../crates/models/tests/reference/football/season.csv");

/// Trains the first version of a model that is called like its family.
async fn train(peer: &Peer, family: &str, rows: &'static [u8], spec: trainer::JobSpec) {
    let spec = trainer::JobSpec {
        model: family.to_owned(),
        source: Some(trainer::DataSource {
            dataset: "rows".to_owned(),
            digest: artifacts::upload(peer, rows.into()).await.unwrap().to_string(),
            format: trainer::SourceFormat::Csv.into(),
        }),
        split_version: format!("v{}", rows.len()),
        family: family.to_owned(),
        seed: 11,
        ..spec
    };
    let request = trainer::CreateJobRequest { spec: Some(spec), ..Default::default() };
    let job = JobServiceClient::new(peer.clone()).create_job(request).await.unwrap().into_inner().job.unwrap();
    let job = scenario::finish(peer, &job.job_id).await.unwrap();
    assert_eq!((job.state(), job.version), (JobState::Succeeded, 1), "{family}: {}", job.error);
}

/// A specification that the family can learn wines from.
fn wine(tasks: &[Task]) -> trainer::JobSpec {
    let known = [
        (Task::MulticlassClassification, trainer::Task::Multiclass, "cultivar"),
        (Task::Count, trainer::Task::Count, "cultivar"),
        (Task::Regression, trainer::Task::Regression, "alcohol"),
    ];
    let (_, task, label) = known.into_iter().find(|(task, ..)| tasks.contains(task)).unwrap();
    trainer::JobSpec { task: task.into(), label_column: label.to_owned(), ..trainer::JobSpec::default() }
}

async fn reproduce(peer: &Peer, model: &str, threads: u32) -> trainer::Reproduction {
    let request = trainer::ReproduceVersionRequest { model: model.to_owned(), number: 1, threads };
    let mut reproductions = ReproductionServiceClient::new(peer.clone());
    let mut answers = reproductions.reproduce_version(request).await.unwrap().into_inner();
    let mut last = None;
    while let Some(answer) = answers.message().await.unwrap() {
        last = answer.reproduction;
    }
    last.unwrap()
}

/// The file that holds the content with this digest.
fn stored(folder: &Path, digest: &str) -> PathBuf {
    let name = digest.trim_start_matches("sha256:");
    folder.join("artifacts").join("sha256").join(&name[..2]).join(name)
}

/// Flips one bit of a file.
fn damage(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).unwrap();
}

/// The digest in the verdict on `step`.
fn digest(found: &trainer::Reproduction, step: usize, subject: &str) -> String {
    let comparisons = &found.verdicts[step].comparisons;
    comparisons.iter().find(|comparison| comparison.subject == subject).unwrap().recorded.clone()
}

/// F58, F64, F94
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_own_family_is_reproduced_by_another_process_with_one_two_and_three_threads() {
    let folder = tempfile::tempdir().unwrap();
    let first = Process::dev(folder.path(), &[("LINEAL__TRAINER__THREADS", "2")]).await;
    let own = lineal_models::families().iter().filter(|family| family.check_available().is_ok());
    let mut models = Vec::new();
    for family in own {
        train(&first.peer(), family.name(), WINE, wine(family.describe().tasks)).await;
        models.push(family.name());
    }
    let poisson = trainer::Upstream { model: "poisson".to_owned(), number: 1 };
    let draws = trainer::Upstream { model: "draw_calibration".to_owned(), number: 1 };
    let blending = trainer::Upstream { model: "blending".to_owned(), number: 1 };
    for (family, upstreams) in [
        ("poisson", vec![]),
        ("draw_calibration", vec![poisson.clone()]),
        ("blending", vec![poisson, draws]),
        ("calibration", vec![blending]),
    ] {
        train(&first.peer(), family, SEASON, trainer::JobSpec { upstreams, ..trainer::JobSpec::default() }).await;
        models.push(family);
    }
    assert!(first.stop().await.success());

    let second = Process::dev(folder.path(), &[("LINEAL__TRAINER__THREADS", "1")]).await;
    for model in models {
        for threads in 1..=3 {
            let found = reproduce(&second.peer(), model, threads).await;
            assert!(found.reproduced && found.verdicts.len() == 5, "{model}, {threads} threads: {found:#?}");
        }
    }
}

/// F34, F94
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_byte_in_the_snapshot_is_reported_at_step_load() {
    let folder = tempfile::tempdir().unwrap();
    let lineal = Process::dev(folder.path(), &[]).await;
    scenario::version(&lineal.peer(), "logistic_regression").await;
    let told = lineal.cli(&["reproduce", "churn", "1", "--threads", "3"]).await;
    assert_eq!(told.code, 0, "{} {}", told.stdout, told.stderr);
    assert!(told.stdout.starts_with("churn 1 is reproduced bit for bit\n"), "{}", told.stdout);
    assert_eq!(lineal.cli(&["reproduce", "churn", "9"]).await.code, 5);

    let found = reproduce(&lineal.peer(), "churn", 1).await;
    damage(&stored(folder.path(), &digest(&found, 0, "snapshot")));
    let told = lineal.cli(&["-o", "json", "reproduce", "churn", "1"]).await;
    let answer: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(told.code, 4, "{answer}");
    assert_eq!(answer["reproduction"]["differs_at"], ReproductionStep::Load.as_str_name(), "{answer}");
    let table = lineal.cli(&["reproduce", "churn", "1"]).await;
    assert!(table.stdout.contains("it differs from step load on"), "{}", table.stdout);
}

/// F34
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_whose_inputs_moved_while_it_was_made_is_not_promoted() {
    let folder = tempfile::tempdir().unwrap();
    // The second job rests between its fit and the look at its inputs.
    let points = [("FAILPOINTS", "trainer::job::uploaded=1*off->1*sleep(3000)")];
    let lineal = Process::dev(folder.path(), &points).await;
    let peer = lineal.peer();
    let sound = scenario::version(&peer, "logistic_regression").await;
    let training = digest(&reproduce(&peer, "churn", 1).await, 1, "training");
    let mut jobs = JobServiceClient::new(peer.clone());
    let request = trainer::CreateJobRequest { spec: Some(scenario::spec("logistic_regression")), ..Default::default() };
    let job = jobs.create_job(request).await.unwrap().into_inner().job.unwrap();
    let watch = trainer::WatchJobRequest { job_id: job.job_id.clone(), after_sequence: 0 };
    let mut events = jobs.watch_job(watch).await.unwrap().into_inner();
    let mut messages = Vec::new();
    while let Some(answer) = events.message().await.unwrap() {
        let event = answer.event.unwrap();
        if event.message == "storing the bundle" {
            damage(&stored(folder.path(), &training));
        }
        messages.push(event.message);
    }
    let said = messages.iter().find(|message| message.starts_with("tainted: "));
    assert!(
        said.is_some_and(|said| said.contains(&format!("the training part is no longer {training}"))),
        "{messages:?}"
    );
    let job = scenario::finish(&peer, &job.job_id).await.unwrap();
    assert_eq!(job.state(), JobState::Succeeded, "{}", job.error);
    for number in [sound, job.version] {
        assert!(scenario::validate(&peer, number, false).await.unwrap().passed);
    }
    let refused = scenario::promote(&peer, job.version).await.unwrap_err();
    assert_eq!(reason_of(&refused).as_deref(), Some("RUN_TAINTED"), "{refused}");
    scenario::promote(&peer, sound).await.unwrap();
}
