//! Stopping and starting again loses nothing.

use lineal_proto::lineal::trainer::v1::{CreateJobRequest, JobState, job_service_client::JobServiceClient};
use lineal_rpc::artifacts;

use crate::{
    process::{self, Process},
    scenario,
};

/// F124
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_champion_serves_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let lineal = Process::dev(folder.path(), &[]).await;
    let champion = scenario::champion(&lineal.peer(), "logistic_regression").await;
    let before = scenario::predict(&lineal.peer()).await.unwrap();
    assert!(lineal.stop().await.success(), "SIGTERM ends with 0");

    let lineal = Process::dev(folder.path(), &[]).await;
    let after = scenario::predict(&lineal.peer()).await.unwrap();
    assert_eq!(after.scores, before.scores);
    assert_eq!(after.pedigree.unwrap().version, champion);
}

/// F80, F72
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_survives_a_kill_and_makes_one_version() {
    let folder = tempfile::tempdir().unwrap();
    let lineal = Process::dev(folder.path(), &[]).await;
    let peer = lineal.peer();
    artifacts::upload(&peer, scenario::CHURN.into()).await.unwrap();
    let spec = scenario::spec("gradient_boosting");
    let request = CreateJobRequest { spec: Some(spec), request_id: "once".to_owned(), rerun: false };
    let job = JobServiceClient::new(peer).create_job(request.clone()).await.unwrap().into_inner().job.unwrap();
    lineal.kill();

    let lineal = Process::dev(folder.path(), &[]).await;
    let again = JobServiceClient::new(lineal.peer()).create_job(request).await.unwrap().into_inner().job.unwrap();
    assert_eq!(again.job_id, job.job_id, "the same request is the same job");
    let finished = scenario::finish(&lineal.peer(), &job.job_id).await.unwrap();
    assert_eq!(finished.state(), JobState::Succeeded, "{}", finished.error);
    assert_eq!(finished.version, 1);
    let made = scenario::audit(&lineal.peer()).await.into_iter().filter(|entry| entry.action == "create_version");
    assert_eq!(made.count(), 1);
}

/// A second process would take what the first one does for left behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_on_the_same_folder_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let lineal = Process::dev(folder.path(), &[]).await;
    let second =
        process::program(&["dev", "--listen", "127.0.0.1:0", "--data-dir", &folder.path().display().to_string()]).await;
    assert_eq!(second.code, 1, "{}{}", second.stdout, second.stderr);
    assert!(second.stderr.contains("registry.db is in use by another process"), "{}", second.stderr);
    lineal.kill();
    Process::dev(folder.path(), &[]).await.stop().await;
}
