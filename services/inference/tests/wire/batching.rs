//! Requests are scored together where that pays, and nobody can tell from the answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::{
    StreamExt as _,
    future::{join, join_all},
    stream::FuturesUnordered,
};
use lineal_inference::{Batching, DynamicBatching, InferenceConfig};
use lineal_kernel::{ModelName, Name};
use lineal_proto::{
    inference::{
        ModelConfigRequest, ModelDynamicBatching, ModelStatistics, ModelStatisticsRequest,
        model_config::SchedulingChoice,
    },
    lineal::inference::v1::PredictResponse,
};
use lineal_rpc::reason_of;
use tonic::{Code, Request, Status};

use crate::fixture::{
    Champion, FakeRegistry, Listening, TestReplica,
    graphs::{bits, graph, rows},
};

/// Longer than any test: only a full run ends it.
const ENDLESS: Duration = Duration::from_hours(1);

struct World {
    replica: TestReplica,
    registry: FakeRegistry,
    _listening: Listening,
    _folder: tempfile::TempDir,
}

impl World {
    /// A replica that serves `champion`, scores up to 8 rows of it together and has others wait so long for them.
    async fn start(champion: &Champion, max_delay: Duration, rows_in_flight: usize) -> Self {
        let registry = FakeRegistry::default();
        let listening = registry.listen(0).await;
        registry.promote(champion);
        let folder = tempfile::tempdir().unwrap();
        let own = (ModelName::new("churn").unwrap(), Batching { max_rows: 8, max_delay });
        let alone = Batching { max_rows: 1, ..Batching::default() };
        let config = InferenceConfig {
            rows_in_flight,
            batching: DynamicBatching { default: alone, models: [own].into() },
            ..InferenceConfig::new(Name::new("r-0").unwrap(), "http://127.0.0.1:7400".to_owned(), folder.path().into())
        };
        let replica = TestReplica::start_with(&listening.address, config).await;
        registry.until_served(1).await;
        Self { replica, registry, _listening: listening, _folder: folder }
    }

    async fn predict(&self, seeds: &[f64]) -> Result<PredictResponse, Status> {
        Ok(self.replica.predictions().predict(rows(seeds)).await?.into_inner())
    }

    async fn statistics(&self) -> ModelStatistics {
        let request = ModelStatisticsRequest { name: "churn".to_owned(), version: String::new() };
        let answer = self.replica.open_inference().model_statistics(request).await.unwrap().into_inner();
        answer.model_stats.into_iter().next().unwrap()
    }

    /// What Triton's clients are told.
    async fn scheduling(&self) -> Option<SchedulingChoice> {
        let request = ModelConfigRequest { name: "churn".to_owned(), version: String::new() };
        let answer = self.replica.open_inference().model_config(request).await.unwrap().into_inner();
        answer.config.unwrap().scheduling_choice
    }

    /// How many runs there were of so many rows.
    async fn runs(&self) -> BTreeMap<u64, u64> {
        let batches = self.statistics().await.batch_stats;
        batches.into_iter().map(|batch| (batch.batch_size, batch.compute_infer.unwrap().count)).collect()
    }
}

/// The two rows that each of four callers asks for.
fn pairs() -> [[f64; 2]; 4] {
    [[0.125, 0.5], [0.75, 1.5], [2.5, 3.5], [0.01, 9.0]]
}

/// What came in time.
async fn in_time<T>(answer: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), answer).await.unwrap()
}

#[tokio::test]
async fn requests_of_four_callers_are_one_run_and_each_gets_its_own_answer() {
    let network = graph(1, "made_network");
    let world = World::start(&network, ENDLESS, 1 << 20).await;
    let answers = in_time(join_all(pairs().iter().map(|pair| world.predict(pair)))).await;
    let mut ids = BTreeSet::new();
    for (answer, pair) in answers.into_iter().zip(pairs()) {
        let PredictResponse { scores, pedigree, left_out, .. } = answer.unwrap();
        let pedigree = pedigree.unwrap();
        assert_eq!(bits(&scores), network.alone(&pair), "equal to the last bit");
        assert_eq!((pedigree.version, left_out), (1, vec![]));
        ids.insert(pedigree.prediction_id);
    }
    assert_eq!(ids.len(), 4, "each has an id of its own");
    let statistics = world.statistics().await;
    assert_eq!(world.runs().await, [(8, 1)].into());
    assert_eq!((statistics.inference_count, statistics.execution_count), (8, 1));
    let times = statistics.inference_stats.unwrap();
    assert_eq!((times.success.unwrap().count, times.queue.unwrap().count), (4, 4));
    let said = ModelDynamicBatching { preferred_batch_size: vec![8], max_queue_delay_microseconds: 3_600_000_000 };
    assert_eq!(world.scheduling().await, Some(SchedulingChoice::DynamicBatching(said)));
}

#[tokio::test]
async fn without_a_delay_nobody_waits_for_company() {
    let network = graph(1, "pytorch_network");
    let world = World::start(&network, Duration::ZERO, 1 << 20).await;
    for pair in pairs() {
        let answer = in_time(world.predict(&pair)).await.unwrap();
        assert_eq!(bits(&answer.scores), network.alone(&pair));
    }
    assert_eq!(world.runs().await, [(2, 4)].into());
    let seeds: Vec<_> = (0..200).map(|seed| f64::from(seed) / 50.0).collect();
    let requests: Vec<_> = seeds.iter().map(std::slice::from_ref).collect();
    let answers = in_time(join_all(requests.iter().map(|row| world.predict(row)))).await;
    let scores: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().scores[0]).collect();
    assert_eq!(bits(&scores), network.alone(&seeds), "however they come together");
    let rows: u64 = world.runs().await.into_iter().map(|(rows, count)| rows * count).sum();
    assert_eq!(rows, 208);
}

#[tokio::test]
async fn a_run_has_as_many_rows_as_the_limit_and_larger_requests_are_scored_alone() {
    let network = graph(1, "made_network");
    let world = World::start(&network, ENDLESS, 1 << 20).await;
    let large: Vec<_> = (0..8).map(f64::from).collect();
    let answer = in_time(world.predict(&large)).await.unwrap();
    assert_eq!(answer.scores.len(), 8);
    assert_eq!((world.runs().await, world.statistics().await.execution_count), (BTreeMap::new(), 1));

    // Three of three are more than eight: two go, and the third waits with the next ones.
    let mut waiting: FuturesUnordered<_> = (0..5).map(|_| world.predict(&[0.5, 1.5, 2.5])).collect();
    for _ in 0..4 {
        in_time(waiting.next()).await.unwrap().unwrap();
    }
    assert_eq!(world.runs().await, [(6, 2)].into());
    let (last, five) = in_time(join(waiting.next(), world.predict(&[1.0, 2.0, 3.0, 4.0, 5.0]))).await;
    assert_eq!(bits(&last.unwrap().unwrap().scores), network.alone(&[0.5, 1.5, 2.5]));
    assert_eq!(bits(&five.unwrap().scores), network.alone(&[1.0, 2.0, 3.0, 4.0, 5.0]));
    assert_eq!(world.runs().await, [(6, 2), (8, 1)].into());
}

#[tokio::test]
async fn a_caller_whose_deadline_passes_is_told_and_its_rows_are_not_scored() {
    let world = World::start(&graph(1, "made_network"), ENDLESS, 1 << 20).await;
    let mut late = Request::new(rows(&[1.0, 2.0]));
    late.set_timeout(Duration::from_millis(50));
    let told = in_time(world.replica.predictions().predict(late)).await.unwrap_err();
    assert!(matches!(told.code(), Code::DeadlineExceeded | Code::Cancelled), "{told:?}");
    let failed = async || world.statistics().await.inference_stats.unwrap().fail.unwrap().count;
    in_time(async {
        while failed().await == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    for answer in in_time(join_all(pairs().iter().map(|pair| world.predict(pair)))).await {
        answer.unwrap();
    }
    assert_eq!(world.runs().await, [(8, 1)].into(), "those of the four others alone");
}

#[tokio::test]
async fn one_request_that_cannot_be_scored_fails_no_other() {
    let network = graph(1, "made_network");
    let world = World::start(&network, ENDLESS, 1 << 20).await;
    let bad = [1.0, f64::NAN];
    let good = &pairs()[..3];
    let requests = good.iter().map(|pair| world.predict(pair)).chain([world.predict(&bad)]);
    let mut answers = in_time(join_all(requests)).await;
    let refused = answers.pop().unwrap().unwrap_err();
    assert_eq!((refused.code(), reason_of(&refused).as_deref()), (Code::InvalidArgument, Some("INVALID_FIELD")));
    assert!(refused.message().contains("row 1"), "a row of its own: {}", refused.message());
    for (answer, pair) in answers.into_iter().zip(good) {
        assert_eq!(bits(&answer.unwrap().scores), network.alone(pair));
    }
    assert_eq!(world.runs().await, [(2, 3)].into());
}

#[tokio::test]
async fn a_reload_mixes_no_versions_of_callers_who_wait() {
    let (one, two) = (graph(1, "made_network"), graph(2, "pytorch_network"));
    let world = World::start(&one, Duration::from_secs(1), 14).await;
    let asked = in_time(join(join_all([world.predict(&[0.5, 1.5]), world.predict(&[2.5, 3.5])]), async {
        // Rows that wait take room: this many find none once the four are there.
        let all: Vec<_> = (0..11).map(f64::from).collect();
        while world.predict(&all).await.is_ok() {}
        world.registry.promote(&two);
        world.registry.until_served(2).await;
        world.predict(&[0.5, 1.5, 2.5]).await.unwrap()
    }));
    let (old, new) = asked.await;
    for (answer, pair) in old.into_iter().zip([[0.5, 1.5], [2.5, 3.5]]) {
        let answer = answer.unwrap();
        assert_eq!((answer.pedigree.unwrap().version, bits(&answer.scores)), (1, one.alone(&pair)));
    }
    assert_eq!((new.pedigree.unwrap().version, bits(&new.scores)), (2, two.alone(&[0.5, 1.5, 2.5])));
}

#[tokio::test]
async fn what_scores_otherwise_among_others_or_takes_single_rows_is_scored_alone() {
    for name in ["made_dependent_rows", "made_fixed_batch"] {
        let champion = graph(1, name);
        let world = World::start(&champion, ENDLESS, 1 << 20).await;
        let answer = in_time(world.predict(&[0.5])).await.unwrap();
        assert_eq!(bits(&answer.scores), champion.alone(&[0.5]), "{name}");
        assert_eq!((world.runs().await, world.statistics().await.execution_count), (BTreeMap::new(), 1), "{name}");
        assert_eq!(world.scheduling().await, None, "{name}");
    }
}
