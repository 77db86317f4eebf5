//! OpenLineage: events reach a sink that takes them late.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use lineal_proto::lineal::registry::v1 as pb;
use lineal_registry::sink::SinkConfig;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::fixture::{Bench, SOON, create_run, create_version, lineage, until};

#[derive(Debug, Default)]
struct Inbox {
    /// How the next deliveries are answered; after them everything is taken.
    answers: VecDeque<StatusCode>,
    /// Bodies that were answered with an error.
    turned_away: Vec<Value>,
    taken: Vec<Value>,
}

/// A server that answers as it is told.
#[derive(Debug, Clone)]
struct FakeSink {
    inbox: Arc<Mutex<Inbox>>,
    config: SinkConfig,
}

async fn take(State(inbox): State<Arc<Mutex<Inbox>>>, headers: HeaderMap, body: String) -> StatusCode {
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["authorization"], "Bearer secret");
    let event = serde_json::from_str(&body).unwrap();
    let mut inbox = inbox.lock().unwrap();
    let Some(answer) = inbox.answers.pop_front() else {
        inbox.taken.push(event);
        return StatusCode::CREATED;
    };
    inbox.turned_away.push(event);
    answer
}

impl FakeSink {
    async fn answering(answers: &[StatusCode]) -> Self {
        let inbox = Arc::new(Mutex::new(Inbox { answers: answers.iter().copied().collect(), ..Inbox::default() }));
        let routes = Router::new().route("/api/v1/lineage", post(take)).with_state(inbox.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api/v1/lineage", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let config = SinkConfig { url, token: "secret".into(), timeout: SOON, poll: Duration::from_millis(1) };
        Self { inbox, config }
    }

    /// The first `count` events that were taken.
    async fn events(&self, count: usize) -> Vec<Value> {
        until("events arrive", async || self.inbox.lock().unwrap().taken.len() >= count).await;
        self.inbox.lock().unwrap().taken.clone()
    }
}

fn deliver(bench: &Bench) -> CancellationToken {
    let (registry, shutdown) = (bench.registry.clone(), CancellationToken::new());
    let stopped = shutdown.clone();
    tokio::spawn(async move { registry.deliver(stopped).await });
    shutdown
}

/// What the specification 2-0-2 demands of a RunEvent.
fn check(event: &Value) {
    let text =
        |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer}: {event}"));
    assert!(["START", "COMPLETE", "FAIL", "ABORT"].contains(&text("/eventType")));
    assert!(text("/eventTime").ends_with('Z') && text("/eventTime").contains('T'));
    assert!(text("/run/runId").parse::<uuid::Uuid>().is_ok(), "{event}");
    assert!(!text("/job/namespace").is_empty() && !text("/job/name").is_empty());
    assert!(text("/producer").contains(':'));
    assert_eq!(text("/schemaURL"), "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent");
    let mut facets: Vec<&Value> = event["run"]["facets"].as_object().unwrap().values().collect();
    for dataset in ["inputs", "outputs"].iter().flat_map(|part| event[*part].as_array().unwrap()) {
        assert!(dataset["namespace"].is_string() && dataset["name"].is_string(), "{dataset}");
        for part in ["facets", "inputFacets"] {
            facets.extend(dataset.get(part).and_then(Value::as_object).into_iter().flat_map(serde_json::Map::values));
        }
    }
    for facet in facets {
        assert!(facet["_producer"].is_string() && facet["_schemaURL"].is_string(), "{facet}");
    }
}

fn id(event: &Value) -> &str {
    event["run"]["facets"]["lineal_event"]["eventId"].as_str().unwrap()
}

async fn open_run(bench: &Bench) -> String {
    bench.run_service().create_run(create_run("churn")).await.unwrap().into_inner().run.unwrap().run_id
}

async fn end_run(bench: &Bench, run_id: &str, status: pb::RunStatus) {
    let request = pb::FinishRunRequest {
        run_id: run_id.into(),
        status: status.into(),
        error: "out of memory".into(),
        ..Default::default()
    };
    bench.run_service().finish_run(request).await.unwrap();
}

#[tokio::test]
async fn a_run_is_told_from_start_to_end_although_the_sink_fails_twice() {
    // X13
    let sink = FakeSink::answering(&[StatusCode::SERVICE_UNAVAILABLE, StatusCode::INTERNAL_SERVER_ERROR]).await;
    let bench = Bench::telling(sink.config.clone()).await;
    let _running = deliver(&bench);
    let run_id = open_run(&bench).await;
    let digest = bench.upload("rows").await.to_string();
    let snapshot = pb::CreateSnapshotRequest {
        dataset: "churn".into(),
        digest: digest.clone(),
        rows: 800,
        columns: vec!["state".into()],
    };
    bench.dataset_service().create_snapshot(snapshot).await.unwrap();
    let rows = pb::DatasetReference {
        name: "churn".into(),
        role: "training".into(),
        digest: digest.clone(),
        rows: 800,
        ..Default::default()
    };
    let log = pb::LogBatchRequest { run_id: run_id.clone(), datasets: vec![rows], ..Default::default() };
    bench.run_service().log_batch(log).await.unwrap();
    let lineage = Some(pb::Lineage { run_id: run_id.clone(), ..lineage() });
    let version = pb::CreateVersionRequest { lineage, ..create_version("churn", bench.bundle("model").await) };
    bench.version_service().create_version(version).await.unwrap();
    end_run(&bench, &run_id, pb::RunStatus::Finished).await;

    let events = sink.events(2).await;
    events.iter().for_each(check);
    let kinds: Vec<_> = events.iter().map(|event| event["eventType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["START", "COMPLETE"]);
    assert!(events.iter().all(|event| event["run"]["runId"] == run_id && event["job"] == events[0]["job"]));
    let input = &events[1]["inputs"][0];
    assert_eq!(
        (input["name"].as_str(), input["facets"]["version"]["datasetVersion"].as_str()),
        (Some("churn"), Some(digest.as_str()))
    );
    assert_eq!(input["facets"]["schema"]["fields"][0]["name"], "state");
    assert_eq!(input["inputFacets"]["dataQualityMetrics"]["rowCount"], 800);
    assert_eq!(events[1]["outputs"][0]["name"], "churn/1");
    let turned_away = sink.inbox.lock().unwrap().turned_away.clone();
    assert_eq!(turned_away.iter().map(id).collect::<Vec<_>>(), [id(&events[0]), id(&events[0])], "one id each time");
}

#[tokio::test]
async fn failed_and_stopped_runs_and_every_move_of_a_champion_are_told() {
    // X13
    let sink = FakeSink::answering(&[]).await;
    let bench = Bench::telling(sink.config.clone()).await;
    let _running = deliver(&bench);
    for status in [pb::RunStatus::Failed, pb::RunStatus::Killed] {
        let run_id = open_run(&bench).await;
        end_run(&bench, &run_id, status).await;
    }
    bench.crown("churn").await;
    bench.crown("churn").await;
    let back = bench.rollback("churn").await.unwrap();
    let events = sink.events(7).await;
    events.iter().for_each(check);
    let kinds: Vec<_> = events.iter().map(|event| event["eventType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["START", "FAIL", "START", "ABORT", "COMPLETE", "COMPLETE", "COMPLETE"]);
    assert_eq!(events[1]["run"]["facets"]["errorMessage"]["message"], "out of memory");
    let last = &events[6];
    assert_eq!(
        (last["run"]["runId"].as_str(), last["job"]["name"].as_str()),
        (Some(back.promotion_id.as_str()), Some("rollback.churn"))
    );
    assert_eq!(
        (last["inputs"][0]["name"].as_str(), last["outputs"][0]["name"].as_str()),
        (Some("churn/1"), Some("churn@champion"))
    );
    assert_eq!(last["run"]["facets"]["lineal_promotion"]["reason"], "worse at weekends");
    assert_eq!(last["job"]["namespace"], "lineal.uat");
}

#[tokio::test]
async fn a_refused_event_holds_up_its_own_run_only() {
    // X13
    let sink = FakeSink::answering(&[StatusCode::UNPROCESSABLE_ENTITY]).await;
    let bench = Bench::telling(sink.config.clone()).await;
    let first = open_run(&bench).await;
    end_run(&bench, &first, pb::RunStatus::Finished).await;
    let second = open_run(&bench).await;
    let _running = deliver(&bench);
    let events = sink.events(3).await;
    let seen: Vec<_> = events
        .iter()
        .map(|event| (event["run"]["runId"].as_str().unwrap(), event["eventType"].as_str().unwrap()))
        .collect();
    assert_eq!(seen, [(second.as_str(), "START"), (first.as_str(), "START"), (first.as_str(), "COMPLETE")]);
}

#[tokio::test]
async fn a_stop_between_change_and_delivery_loses_nothing() {
    // X13
    let sink = FakeSink::answering(&[]).await;
    let bench = Bench::telling(sink.config.clone()).await;
    let run_id = open_run(&bench).await;
    let bench = bench.restart_telling(sink.config.clone()).await;
    assert!(sink.inbox.lock().unwrap().taken.is_empty());
    let _running = deliver(&bench);
    assert_eq!(sink.events(1).await[0]["run"]["runId"], run_id);
}

#[tokio::test]
async fn without_a_sink_nothing_is_kept() {
    // X13
    let sink = FakeSink::answering(&[]).await;
    let bench = Bench::start().await;
    open_run(&bench).await;
    bench.crown("churn").await;
    let bench = bench.restart_telling(sink.config.clone()).await;
    let _running = deliver(&bench);
    let later = open_run(&bench).await;
    let events = sink.events(1).await;
    assert_eq!((events.len(), &events[0]["run"]["runId"]), (1, &Value::from(later)));
}
