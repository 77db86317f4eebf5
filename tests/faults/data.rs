//! Data that is fetched, described and split by processes that die, and by one without room on its disk: the old state or the new
//! one, never a part.

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use lineal_proto::lineal::{
    registry::v1::{ListVersionsRequest, version_service_client::VersionServiceClient},
    trainer::v1::{
        self as pb, dataset_service_client::DatasetServiceClient, job_service_client::JobServiceClient,
        source_service_client::SourceServiceClient, split_service_client::SplitServiceClient,
    },
};
use lineal_rpc::{Peer, artifacts, reason_of};
use lineal_trainer::failpoints::DATA;
use tonic::Status;

use crate::{process::Process, scenario};

/// More than a process may write into one file in the test of a full disk.
const ROOM: u64 = 1 << 20;

fn import() -> pb::CreateImportRequest {
    pb::CreateImportRequest {
        dataset: "churn".to_owned(),
        source: "lake".to_owned(),
        path: "churn.csv".to_owned(),
        request_id: "weekly".to_owned(),
        ..Default::default()
    }
}

fn split() -> pb::Split {
    pb::Split { dataset: "churn".to_owned(), name: "spring".to_owned(), ..Default::default() }
}

/// Fetches rows, looks at them and names a split of them; the digest of the rows.
async fn prepared(peer: &Peer) -> Result<String, Status> {
    let made = SourceServiceClient::new(peer.clone()).create_import(import()).await?.into_inner().import.unwrap();
    let source = made.data.unwrap();
    let check = pb::CheckDataRequest { source: Some(source.clone()) };
    DatasetServiceClient::new(peer.clone()).check_data(check).await?;
    let create = pb::CreateSplitRequest { split: Some(split()) };
    SplitServiceClient::new(peer.clone()).create_split(create).await?;
    Ok(source.digest)
}

/// Trains on the split; the digest of its reference set.
async fn reference(peer: &Peer) -> String {
    let spec = pb::JobSpec { split_version: "spring".to_owned(), ..scenario::spec("logistic_regression") };
    let job = scenario::train(peer, spec).await.unwrap();
    assert_eq!(job.state(), pb::JobState::Succeeded, "{}", job.error);
    let get = pb::GetSplitRequest { dataset: "churn".to_owned(), name: "spring".to_owned() };
    let found = SplitServiceClient::new(peer.clone()).get_split(get).await.unwrap().into_inner();
    found.split.unwrap().reference_digest
}

/// Files that an upload left unfinished.
fn parts(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let entries = entries.map(|entry| entry.unwrap().path());
    entries
        .map(|path| if path.is_dir() { parts(&path) } else { usize::from(path.to_string_lossy().contains('#')) })
        .sum()
}

/// F60, F61
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_may_die_at_any_point_of_preparing_data() {
    let folder = tempfile::tempdir().unwrap();
    let lake = format!("file://{}", scenario::churn_file().parent().unwrap().display());
    let source = ("LINEAL__TRAINER__SOURCES__LAKE__URL", lake.as_str());
    let mut references = Vec::new();
    for point in DATA {
        let state = folder.path().join(point);
        let points = format!("trainer::job::{point}=return");
        let dying = Process::dev(&state, &[source, ("FAILPOINTS", &points)]).await;
        assert!(prepared(&dying.peer()).await.is_err(), "{point}");
        assert!(!dying.died().await.success(), "{point}");

        let lineal = Process::dev(&state, &[source]).await;
        let peer = lineal.peer();
        let digest = prepared(&peer).await.unwrap();
        assert_eq!(digest, lineal_kernel::Digest::of(scenario::CHURN).to_string(), "{point}");
        artifacts::verify(&peer, digest.parse().unwrap()).await.unwrap();
        let list = pb::ListImportsRequest { dataset: "churn".to_owned(), ..Default::default() };
        let imports = SourceServiceClient::new(peer.clone()).list_imports(list).await.unwrap().into_inner().imports;
        assert_eq!(imports.len(), 1, "{point}: one import");
        let list = pb::ListDataReportsRequest { dataset: "churn".to_owned(), ..Default::default() };
        let reports = DatasetServiceClient::new(peer.clone()).list_data_reports(list).await.unwrap().into_inner();
        for report in reports.reports {
            let get = pb::GetDataReportRequest { report_id: report.report_id };
            let whole = DatasetServiceClient::new(peer.clone()).get_data_report(get).await.unwrap().into_inner();
            assert!(!whole.report.unwrap().columns.is_empty(), "{point}: every report is whole");
        }
        assert_eq!(fs::read_dir(state.join("scratch")).map_or(0, Iterator::count), 0, "{point}");
        // Made by the first training, and never again.
        let first = reference(&peer).await;
        assert_eq!(reference(&peer).await, first, "{point}");
        references.push(first);
        lineal.kill();
    }
    assert!(!references[0].is_empty() && references.iter().all(|reference| *reference == references[0]));
}

/// Larger than [`ROOM`] as a file.
fn many() -> Vec<u8> {
    let mut csv = "calls,minutes,churn\n".to_owned();
    for row in 0..120_000 {
        let (calls, minutes) = (row % 7, (row * 37) % 101);
        let leaves = (calls * 10 + minutes) % 60 > 35;
        let _ = writeln!(csv, "{calls},{minutes}.5,{}", if leaves { "yes" } else { "no" });
    }
    csv.into_bytes()
}

async fn job(peer: &Peer, digest: &str) -> pb::Job {
    let source = pb::DataSource { digest: digest.to_owned(), ..scenario::spec("").source.unwrap() };
    let spec = pb::JobSpec { source: Some(source), ..scenario::spec("logistic_regression") };
    let request = pb::CreateJobRequest { spec: Some(spec), ..Default::default() };
    let job = JobServiceClient::new(peer.clone()).create_job(request).await.unwrap().into_inner().job.unwrap();
    tokio::time::timeout(Duration::from_mins(1), scenario::finish(peer, &job.job_id)).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_leaves_a_failed_job_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let lineal = Process::dev(folder.path(), &[]).await;
    let digest = artifacts::upload(&lineal.peer(), many().into()).await.unwrap().to_string();
    assert!(lineal.stop().await.success());

    let lineal = Process::dev_within(folder.path(), ROOM).await;
    let peer = lineal.peer();
    let full = artifacts::upload(&peer, [many(), b"1,1,yes\n".to_vec()].concat().into()).await.unwrap_err();
    assert_eq!(reason_of(&full).as_deref(), Some("STORAGE_FULL"), "{full}");
    assert!(full.message().contains("the artifact store is full and nothing was kept"), "{full}");
    let failed = job(&peer, &digest).await;
    assert_eq!((failed.state(), failed.attempt), (pb::JobState::Failed, 1), "{}", failed.error);
    assert_eq!(failed.failure_reason(), pb::JobFailureReason::StorageFull, "{}", failed.error);
    assert!(
        failed.error.contains("load: ") && failed.error.contains("free space in the data folder"),
        "{}",
        failed.error
    );
    let list = ListVersionsRequest { model: "churn".to_owned(), ..Default::default() };
    let none = VersionServiceClient::new(peer.clone()).list_versions(list).await;
    assert!(none.map_or(true, |answer| answer.into_inner().versions.is_empty()), "no version");
    assert_eq!(parts(&folder.path().join("artifacts")), 0, "no part of a file");
    assert!(lineal.stop().await.success());

    let lineal = Process::dev(folder.path(), &[]).await;
    let done = job(&lineal.peer(), &digest).await;
    assert_eq!((done.state(), done.version), (pb::JobState::Succeeded, 1), "{}", done.error);
}
