//! Trainers that die, freeze or race at any point of a job: it ends once, with one version or none, and its watchers miss nothing.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use lineal_proto::lineal::{
    registry::v1::{ListVersionsRequest, version_service_client::VersionServiceClient},
    trainer::v1::{
        CancelJobRequest, CreateJobRequest, Job, JobEvent, JobState, ListJobsRequest, WatchJobRequest,
        job_service_client::JobServiceClient,
    },
};
use lineal_rpc::{Peer, artifacts};
use lineal_trainer::failpoints::JOB;
use tonic::Status;

use crate::{
    databases::Database,
    process::{Process, eventually},
    scenario,
};

/// A job that a dead process had moves on this soon after the restart.
const TAKEN_UP: Duration = Duration::from_secs(20);
/// A lease short enough for a test to wait for its end.
const LEASE: Duration = Duration::from_secs(3);

async fn create(registry: &Peer, trainer: &Peer, request_id: &str) -> Result<Job, Status> {
    artifacts::upload(registry, scenario::CHURN.into()).await?;
    let request = CreateJobRequest {
        spec: Some(scenario::spec("logistic_regression")),
        request_id: request_id.to_owned(),
        rerun: false,
    };
    Ok(JobServiceClient::new(trainer.clone()).create_job(request).await?.into_inner().job.unwrap())
}

async fn job_of(trainer: &Peer, request_id: &str) -> Job {
    let request = ListJobsRequest { page_size: 1, ..ListJobsRequest::default() };
    let jobs = JobServiceClient::new(trainer.clone()).list_jobs(request).await.unwrap().into_inner().jobs;
    jobs.into_iter().next().unwrap_or_else(|| panic!("{request_id}: the job is gone"))
}

/// Reads events until `last` holds for one, or the stream ends.
async fn watch(trainer: &Peer, job_id: &str, after: u64, last: impl Fn(&JobEvent) -> bool) -> Vec<JobEvent> {
    let request = WatchJobRequest { job_id: job_id.to_owned(), after_sequence: after };
    let mut stream = JobServiceClient::new(trainer.clone()).watch_job(request).await.unwrap().into_inner();
    let mut events = Vec::new();
    while let Ok(Some(message)) = stream.message().await {
        events.extend(message.event);
        if events.last().is_some_and(&last) {
            break;
        }
    }
    events
}

async fn versions(registry: &Peer) -> Vec<u64> {
    let request = ListVersionsRequest { model: "churn".to_owned(), page_size: 100, ..ListVersionsRequest::default() };
    match VersionServiceClient::new(registry.clone()).list_versions(request).await {
        Ok(answer) => answer.into_inner().versions.iter().map(|version| version.number).collect(),
        Err(status) => {
            assert_eq!(status.code(), tonic::Code::NotFound, "{status}");
            Vec::new()
        }
    }
}

/// The whole log of an ended job: numbered without a gap, with one end, which is the last.
async fn whole(trainer: &Peer, job_id: &str) -> Vec<JobEvent> {
    let events = watch(trainer, job_id, 0, |_| false).await;
    let sequence: Vec<_> = events.iter().map(|event| event.sequence).collect();
    assert_eq!(sequence, (1..=events.len() as u64).collect::<Vec<_>>(), "events have no gap");
    let ends = [JobState::Succeeded, JobState::Failed, JobState::Cancelled];
    assert_eq!(events.iter().filter(|event| ends.contains(&event.state())).count(), 1, "{events:?}");
    assert!(ends.contains(&events.last().unwrap().state()));
    events
}

/// F72, F80
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trainer_may_die_at_any_point_of_a_job() {
    let folder = tempfile::tempdir().unwrap();
    let mut made = 0;
    for point in JOB {
        let points = format!("trainer::job::{point}=return");
        let dying = Process::dev(folder.path(), &[("FAILPOINTS", &points)]).await;
        let peer = dying.peer();
        let created = create(&peer, &peer, point).await;
        let seen = match &created {
            // A stream that breaks off when the process dies.
            Ok(job) => watch(&peer, &job.job_id, 0, |_| false).await.last().map_or(0, |event| event.sequence),
            Err(_) => 0,
        };
        assert!(!dying.died().await.success(), "{point}");

        let lineal = Process::dev(folder.path(), &[]).await;
        let (peer, restarted) = (lineal.peer(), Instant::now());
        let job = job_of(&peer, point).await;
        let moved = watch(&peer, &job.job_id, seen, |_| true).await;
        assert!(
            moved.first().is_none_or(|event| event.sequence == seen + 1),
            "{point}: the watcher goes on where it was"
        );
        assert!(restarted.elapsed() < TAKEN_UP, "{point}: taken up after {:?}", restarted.elapsed());
        let events = whole(&peer, &job.job_id).await;
        let job = create(&peer, &peer, point).await.unwrap();
        made += 1;
        assert_eq!((job.state(), job.version, job.last_sequence), (JobState::Succeeded, made, events.len() as u64));
        assert_eq!(versions(&peer).await.len() as u64, made, "{point}: one version");
        println!("{point}: moved on after {:?}, {} events, attempt {}", restarted.elapsed(), events.len(), job.attempt);
        lineal.kill();
    }
}

/// F70, F78
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancellation_that_races_the_end_leaves_one_version_or_none() {
    for (point, step, end, made) in
        [("uploaded", "register", JobState::Cancelled, 0), ("prepared", "create_version", JobState::Succeeded, 1)]
    {
        let folder = tempfile::tempdir().unwrap();
        let points = format!("trainer::job::{point}=sleep(1500)");
        let lineal = Process::dev(folder.path(), &[("FAILPOINTS", &points)]).await;
        let peer = lineal.peer();
        let job_id = create(&peer, &peer, point).await.unwrap().job_id;
        watch(&peer, &job_id, 0, |event| event.step == step).await;
        let request = CancelJobRequest { job_id: job_id.clone() };
        JobServiceClient::new(peer.clone()).cancel_job(request).await.unwrap();
        assert_eq!(whole(&peer, &job_id).await.last().unwrap().state(), end, "{point}");
        assert_eq!(versions(&peer).await.len(), made, "{point}");
    }
}

/// A registry, and trainers that share a database.
struct Shop {
    registry: Process,
    data: String,
    database: String,
}

impl Shop {
    async fn open(folder: &Path) -> Self {
        let data = folder.display().to_string();
        let registry = Process::spawn(&["serve", "--roles", "registry", "--data-dir", &data], &[]);
        registry.ready().await;
        Self { registry, data, database: Database::Postgres.url() }
    }

    async fn trainer(&self, points: &str) -> Process {
        let lease = LEASE.as_secs().to_string();
        let environment = [
            ("LINEAL__PEERS__REGISTRY", self.registry.address.as_str()),
            ("LINEAL__TRAINER__DATABASE_URL", &self.database),
            ("LINEAL__TRAINER__LEASE_SECONDS", &lease),
            ("FAILPOINTS", points),
        ];
        let process = Process::spawn(&["serve", "--roles", "trainer", "--data-dir", &self.data], &environment);
        process.ready().await;
        process
    }
}

/// F78, F80, F92
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_trainers_share_a_queue_and_one_takes_over_from_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(folder.path()).await;
    let registry = shop.registry.peer();
    let one = shop.trainer("trainer::job::fitting=1*sleep(600000)->1*sleep(600000)").await;
    let job_id = create(&registry, &one.peer(), "cancelled").await.unwrap().job_id;
    watch(&one.peer(), &job_id, 0, |event| event.step == "train").await;

    let two = shop.trainer("").await;
    let peer = two.peer();
    let asked = Instant::now();
    JobServiceClient::new(peer.clone()).cancel_job(CancelJobRequest { job_id: job_id.clone() }).await.unwrap();
    assert_eq!(whole(&peer, &job_id).await.last().unwrap().state(), JobState::Cancelled);
    println!("cancelled by another process after {:?}", asked.elapsed());
    assert!(asked.elapsed() < Duration::from_secs(2), "cancelled after {:?}", asked.elapsed());

    // Only the one that hangs is there to take the next job.
    two.kill();
    let job_id = create(&registry, &one.peer(), "lost").await.unwrap().job_id;
    let seen = watch(&one.peer(), &job_id, 0, |event| event.step == "train").await.len() as u64;
    let two = shop.trainer("").await;
    let peer = two.peer();
    let killed = Instant::now();
    one.kill();
    let moved = watch(&peer, &job_id, seen, |event| event.state() == JobState::Queued).await;
    println!("taken over after {:?}", killed.elapsed());
    assert!(moved.last().unwrap().message.contains("its worker is gone"), "{moved:?}");
    whole(&peer, &job_id).await;
    let job = create(&registry, &peer, "lost").await.unwrap();
    assert_eq!((job.state(), job.attempt, job.version), (JobState::Succeeded, 2, 1), "{}", job.error);
    assert_eq!(versions(&registry).await, [1]);

    let mut times = Vec::new();
    for i in 0..50 {
        let begun = Instant::now();
        let request = CreateJobRequest { spec: job.spec.clone(), request_id: format!("timed-{i}"), rerun: false };
        JobServiceClient::new(peer.clone()).create_job(request).await.unwrap();
        times.push(begun.elapsed());
    }
    times.sort();
    println!("CreateJob on PostgreSQL: median {:?}, slowest of 50 {:?}", times[25], times[49]);
}

/// F80
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trainer_that_was_frozen_beyond_its_lease_writes_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(folder.path()).await;
    let registry = shop.registry.peer();
    let frozen = shop.trainer("trainer::job::fitting=1*sleep(2000)").await;
    let job_id = create(&registry, &frozen.peer(), "frozen").await.unwrap().job_id;
    watch(&frozen.peer(), &job_id, 0, |event| event.step == "train").await;
    frozen.signal("-STOP");

    let other = shop.trainer("").await;
    let events = whole(&other.peer(), &job_id).await;
    assert_eq!(events.last().unwrap().state(), JobState::Succeeded);
    assert_eq!(versions(&registry).await, [1]);
    other.kill();

    frozen.signal("-CONT");
    // Its only worker gets to the next job once it has given up the old one.
    let next = create(&registry, &frozen.peer(), "next").await.unwrap().job_id;
    eventually("the frozen trainer works again", async || {
        let done = whole(&frozen.peer(), &next).await;
        (done.last().unwrap().state() == JobState::Succeeded).then_some(())
    })
    .await;
    assert_eq!(whole(&frozen.peer(), &job_id).await, events, "the log has not changed");
    assert_eq!(versions(&registry).await.len(), 2);
}
