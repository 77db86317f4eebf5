//! A rolling restart: one replica after the other, under load, and no caller loses anything.
//!
//! The clients do what those of gRPC do that balance with `round_robin`, watch the health of `lineal.ready` and have a retry policy: a
//! call goes to the next replica that says it is ready; one that the transport ended as UNAVAILABLE without an answer, or that a
//! closing connection refused (GOAWAY), is sent again to another replica, at most three times in all; what a replica itself answered
//! is never sent again. A stream that its replica ends because it stops is opened again elsewhere, and asks what was not answered.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use lineal_proto::inference::{
    ModelInferRequest, ModelStreamInferResponse, grpc_inference_service_client::GrpcInferenceServiceClient,
};
use lineal_rpc::{Peer, READY, reason_of};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{interval, sleep, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::{
    databases::Database,
    fleet::{Fleet, RegistryAt, replica},
    process::{PATIENCE, Process, eventually},
    scenario,
};

const REPLICAS: [&str; 3] = ["one", "two", "three"];
/// Unary requests a second.
const RATE: u32 = 200;
const STREAMS: usize = 50;
/// Between the answer to one request of a stream and the next request.
const PAUSE: Duration = Duration::from_millis(250);
/// How long a replica still answers after it has said that it stops, and how long it then waits for what is open: a client that watches
/// its health never ends that by itself.
const STOPPING: [(&str, &str); 2] = [("LINEAL__SERVER__NOTICE_SECONDS", "1"), ("LINEAL__SERVER__DRAIN_SECONDS", "5")];
const ATTEMPTS: usize = 3;

/// A replica as a client sees it.
struct Backend {
    peer: Peer,
    ready: AtomicBool,
}

/// A client over all replicas.
struct Client {
    backends: Vec<Backend>,
    next: AtomicUsize,
    stopped: AtomicBool,
    answers: AtomicU64,
    /// Calls that were sent again.
    retries: AtomicU64,
    /// Streams that were opened again.
    reopened: AtomicU64,
}

impl Client {
    fn new(replicas: &[Process]) -> Arc<Self> {
        let backend = |process: &Process| Backend { peer: process.peer(), ready: AtomicBool::new(true) };
        Arc::new(Self {
            backends: replicas.iter().map(backend).collect(),
            next: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            answers: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            reopened: AtomicU64::new(0),
        })
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Keeps an ear on one replica.
    async fn watch(self: Arc<Self>, backend: usize) {
        let Backend { peer, ready } = &self.backends[backend];
        loop {
            let request = HealthCheckRequest { service: READY.to_owned() };
            if let Ok(answers) = HealthClient::new(peer.clone()).watch(request).await {
                let mut answers = answers.into_inner();
                while let Ok(Some(answer)) = answers.message().await {
                    ready.store(answer.status() == ServingStatus::Serving, Ordering::SeqCst);
                }
            }
            ready.store(false, Ordering::SeqCst);
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// The next replica that is ready.
    async fn pick(&self) -> Peer {
        let looking = async {
            loop {
                let first = self.next.fetch_add(1, Ordering::SeqCst);
                let mut turns =
                    (first..).take(self.backends.len()).map(|turn| &self.backends[turn % self.backends.len()]);
                if let Some(backend) = turns.find(|backend| backend.ready.load(Ordering::SeqCst)) {
                    return backend.peer.clone();
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, looking).await.unwrap()
    }

    /// One unary call, as the client's retry policy has it.
    async fn call(&self) -> Result<(), Status> {
        let mut attempts = 1;
        loop {
            match scenario::predict(&self.pick().await).await {
                Ok(_) => {
                    self.answers.fetch_add(1, Ordering::SeqCst);
                    return Ok(());
                }
                Err(status) if by_transport(&status) && attempts < ATTEMPTS => {
                    self.retries.fetch_add(1, Ordering::SeqCst);
                    attempts += 1;
                }
                Err(status) => return Err(status),
            }
        }
    }

    /// Calls at a steady rate; returns what failed.
    async fn call_steadily(self: Arc<Self>) -> Vec<Status> {
        let mut calls = JoinSet::new();
        let mut ticks = interval(Duration::from_secs(1) / RATE);
        while !self.is_stopped() {
            ticks.tick().await;
            let client = Arc::clone(&self);
            calls.spawn(async move { client.call().await });
        }
        calls.join_all().await.into_iter().filter_map(Result::err).collect()
    }

    /// One stream that is always open somewhere; returns how many requests it had answered, each once.
    async fn stream(self: Arc<Self>) -> u64 {
        let mut answered = 0;
        while !self.is_stopped() {
            let (sender, mut answers) = match open(self.pick().await).await {
                Ok(opened) => opened,
                // It was never open: nothing of it was taken up.
                Err(status) => {
                    assert!(by_transport(&status), "{status:?}");
                    continue;
                }
            };
            while !self.is_stopped() {
                let request = ModelInferRequest { id: answered.to_string(), ..scenario::tensors(scenario::customer()) };
                // Whoever takes no requests any more says why in its last answer.
                let _ = sender.send(request).await;
                match answers.message().await {
                    Ok(answer) => assert_eq!(id(answer.unwrap()), answered.to_string()),
                    Err(status) => {
                        let ended = (status.code(), reason_of(&status));
                        assert_eq!(ended, (Code::Unavailable, Some("SHUTTING_DOWN".to_owned())), "{status:?}");
                        self.reopened.fetch_add(1, Ordering::SeqCst);
                        break;
                    }
                }
                answered += 1;
                sleep(PAUSE).await;
            }
        }
        answered
    }

    /// Waits for so many more answers.
    async fn further(&self, answers: u64) {
        let enough = self.answers.load(Ordering::SeqCst) + answers;
        eventually("the load goes on", async || (self.answers.load(Ordering::SeqCst) >= enough).then_some(())).await;
    }
}

/// Whether the transport says so and no replica.
fn by_transport(status: &Status) -> bool {
    status.code() == Code::Unavailable && reason_of(status).is_none()
}

type Opened = (mpsc::Sender<ModelInferRequest>, Streaming<ModelStreamInferResponse>);

async fn open(peer: Peer) -> Result<Opened, Status> {
    let (sender, requests) = mpsc::channel(1);
    let answers = GrpcInferenceServiceClient::new(peer).model_stream_infer(ReceiverStream::new(requests)).await?;
    Ok((sender, answers.into_inner()))
}

fn id(answer: ModelStreamInferResponse) -> String {
    assert_eq!(answer.error_message, "");
    answer.infer_response.unwrap().id
}

/// Stops a replica and starts it again at the same place. The others move on from one champion to another while it is away.
async fn restart(process: Process, name: &str, folder: &Path, registry: &Process, [from, to]: [u64; 2]) -> Process {
    let listen = process.listen().to_owned();
    assert!(process.stop().await.success(), "{name} ends in order");
    let moved = scenario::rollback(&registry.peer(), to, from).await.unwrap();
    assert_eq!((moved.replicas.len(), moved.replicas.iter().all(|it| it.reloaded)), (2, true), "{moved:?}");
    let process = replica(folder, &registry.address, name, &listen, &STOPPING);
    process.ready().await;
    let serving = scenario::serving(&process.peer()).await;
    assert_eq!((serving.generation, serving.served[0].version), (moved.generation, to), "{name} is at the alias");
    process
}

/// F125, F126
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_fails_no_request_and_every_stream_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let registry = RegistryAt::new(folder.path(), Database::Sqlite).start("127.0.0.1:0", None).await;
    let fleet = Fleet::with(folder.path(), &registry.address, &REPLICAS, &STOPPING).await;
    let peer = registry.peer();
    let mut versions = [0; 2];
    for (version, family) in versions.iter_mut().zip(["logistic_regression", "gradient_boosting"]) {
        *version = fleet.candidate(&peer, scenario::spec(family)).await;
        scenario::promote(&peer, *version).await.unwrap();
    }

    let client = Client::new(&fleet.replicas);
    let watching: Vec<_> = (0..REPLICAS.len()).map(|i| tokio::spawn(Arc::clone(&client).watch(i))).collect();
    let calls = tokio::spawn(Arc::clone(&client).call_steadily());
    let streams: Vec<_> = (0..STREAMS).map(|_| tokio::spawn(Arc::clone(&client).stream())).collect();
    client.further(100).await;
    let mut restarted = Vec::new();
    for (turn, process) in fleet.replicas.into_iter().enumerate() {
        let [to, from] = [versions[turn % 2], versions[1 - turn % 2]];
        restarted.push(restart(process, REPLICAS[turn], folder.path(), &registry, [from, to]).await);
        eventually("the client sees it", async || client.backends[turn].ready.load(Ordering::SeqCst).then_some(()))
            .await;
        client.further(100).await;
    }
    client.stopped.store(true, Ordering::SeqCst);
    let failed = calls.await.unwrap();
    assert!(failed.is_empty(), "{} of the calls failed: {:?}", failed.len(), failed.first());
    let mut answered = 0;
    for stream in streams {
        let count = stream.await.unwrap();
        assert!(count > 0, "every stream has had answers");
        answered += count;
    }
    watching.iter().for_each(tokio::task::JoinHandle::abort);
    let count = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
    let (answers, retries, reopened) = (count(&client.answers), count(&client.retries), count(&client.reopened));
    assert!(reopened >= STREAMS as u64, "only {reopened} streams were ended");
    println!(
        "{answers} calls, 0 failed, {retries} sent again; {answered} answers in {STREAMS} streams, opened again {reopened} times"
    );
}
