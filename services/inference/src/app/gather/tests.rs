//! Callers who wait, in a process without a port and with its own time.

use lineal_data::{Column, Feature, FeatureKind, FeatureSet, MissingRule, Target, Transform};
use lineal_kernel::{AliasName, Digest, ModelName, Slot, Timestamp, Traffic, VersionNumber};
use lineal_models::{Bundle, BundleParts, Decision, Hyperparameters, SplitReference, Task, family};
use tokio::sync::oneshot::{Receiver, error::TryRecvError};

use super::*;
use crate::domain::Batching;

/// An answer that is waited for.
type Answered = Receiver<Result<(Answer, Duration), ScoreError>>;

fn frame(values: Vec<f64>) -> Frame {
    let mut frame = Frame::new(values.len());
    frame.push("x", Column::Numbers(values)).unwrap();
    frame
}

/// A model of one column that answers with it.
fn model() -> ServedModel {
    let rows = frame(vec![-1.0, 1.0]);
    let feature = Feature {
        name: "x".to_owned(),
        source: "x".to_owned(),
        kind: FeatureKind::Number,
        missing: MissingRule::Reject,
        transform: Transform::Standardize,
    };
    let set = FeatureSet { version: "v1".to_owned(), features: vec![feature], history: None };
    let linear = r#"{"linear":{"weights":[1.0],"intercept":0.0,"link":"identity"}}"#;
    let family = family("ridge").unwrap();
    let bundle = Bundle::build(BundleParts {
        family: family.name(),
        task: Task::Regression,
        features: &set.fit(&rows).unwrap(),
        model: &serde_json::from_str(linear).unwrap(),
        hyperparameters: &Hyperparameters::resolve(&family.describe(), [].into()).unwrap(),
        label: Target { column: "y".to_owned(), positive: None },
        decision: Decision::Number,
        training_data: Digest::of(b"data"),
        split: SplitReference { version: "v1".to_owned(), reference: Digest::of(b"reference") },
        rows: &rows,
    });
    ServedModel::load(&bundle.unwrap()).unwrap()
}

/// It is served, scores up to so many rows together and has one session.
fn entry(max_rows: usize, max_delay: Duration) -> Arc<Entry> {
    let facts = Facts {
        model: ModelName::new("churn").unwrap(),
        slot: Slot::default(),
        alias: AliasName::champion(),
        version: VersionNumber::new(1).unwrap(),
        traffic: Traffic::default(),
        label: String::new(),
        digest: Digest::of(b"bundle"),
        run_id: String::new(),
        code_version: String::new(),
        data_digest: String::new(),
        feature_digest: String::new(),
        trained_time: None,
    };
    let gatherer = Gatherer::new(Batching { max_rows, max_delay }, 1);
    let loaded = Timestamp::from_micros(0);
    let entry = Entry::new(facts, Arc::new(model()), Arc::default(), Arc::default(), None, loaded);
    Arc::new(entry.gathering(Some(gatherer)))
}

/// Threads for large batches, and room for rows.
struct Room {
    runner: Runner,
    rows: Arc<Semaphore>,
}

impl Room {
    fn new(entry: &Arc<Entry>) -> Self {
        let runner = Runner { entry: entry.clone(), threads: Arc::new(Semaphore::new(1)) };
        Self { runner, rows: Arc::new(Semaphore::new(1 << 20)) }
    }

    /// A request of these values lines up.
    fn ask(&self, values: Vec<f64>) -> Answered {
        let admitted = self.rows.clone().try_acquire_many_owned(values.len() as u32).unwrap();
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { frame: Arc::new(frame(values)), since: Instant::now(), admitted, answer };
        if self.runner.entry.gatherer.as_ref().unwrap().join(waiting) {
            self.runner.begin();
        }
        answered
    }

    /// How many runs there were of so many rows.
    fn runs(&self) -> Vec<(usize, u64)> {
        let runs = self.runner.entry.usage.gathered().runs;
        runs.into_iter().map(|(rows, (count, _))| (rows, count)).collect()
    }
}

async fn scores(answered: Answered) -> (Vec<f64>, Duration) {
    let (answer, waited) = answered.await.unwrap().unwrap();
    (answer.scores, waited)
}

#[tokio::test(start_paused = true)]
async fn the_first_waits_as_long_as_it_may_and_the_others_no_longer() {
    let room = Room::new(&entry(8, Duration::from_millis(10)));
    let begun = Instant::now();
    let first = room.ask(vec![1.0, 2.0]);
    tokio::time::sleep(Duration::from_millis(6)).await;
    let second = room.ask(vec![3.0]);
    let (first, waited) = scores(first).await;
    assert_eq!((first, waited), (vec![1.0, 2.0], Duration::from_millis(10)));
    assert_eq!(scores(second).await, (vec![3.0], Duration::from_millis(4)));
    assert_eq!((begun.elapsed(), room.runs()), (Duration::from_millis(10), vec![(3, 1)]));
    assert_eq!(room.rows.available_permits(), 1 << 20);
}

#[tokio::test(start_paused = true)]
async fn enough_rows_end_the_wait() {
    let room = Room::new(&entry(8, Duration::from_hours(1)));
    let begun = Instant::now();
    let first = room.ask(vec![1.0; 5]);
    tokio::time::sleep(Duration::from_millis(1)).await;
    let second = room.ask(vec![2.0; 3]);
    assert_eq!(scores(first).await, (vec![1.0; 5], Duration::from_millis(1)));
    assert_eq!(scores(second).await, (vec![2.0; 3], Duration::ZERO));
    assert_eq!((begun.elapsed(), room.runs()), (Duration::from_millis(1), vec![(8, 1)]));
}

#[tokio::test(start_paused = true)]
async fn what_arrives_while_all_threads_are_busy_comes_along_and_who_left_does_not() {
    // Too many values for the thread that serves.
    let room = Room::new(&entry(8000, Duration::ZERO));
    let busy = room.runner.threads.clone().acquire_owned().await.unwrap();
    let mut first = room.ask(vec![1.0; 4500]);
    let leaves = room.ask(vec![2.0; 1000]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(first.try_recv().unwrap_err(), TryRecvError::Empty, "no thread is free");
    let last = room.ask(vec![3.0; 500]);
    drop(leaves);
    drop(busy);
    assert_eq!(scores(first).await.0, vec![1.0; 4500]);
    assert_eq!(scores(last).await.0, vec![3.0; 500]);
    assert_eq!(room.runs(), [(5000, 1)]);
    assert_eq!(room.rows.available_permits(), 1 << 20, "no room is lost to who left");
}

#[tokio::test]
async fn a_request_that_fails_is_told_its_own_row_and_the_others_are_answered() {
    let room = Room::new(&entry(8, Duration::ZERO));
    let (good, bad, other) = (room.ask(vec![1.0, 2.0]), room.ask(vec![3.0, f64::NAN]), room.ask(vec![4.0]));
    let refused = bad.await.unwrap().unwrap_err().to_string();
    assert!(refused.contains("row 1"), "{refused}");
    assert_eq!((scores(good).await.0, scores(other).await.0), (vec![1.0, 2.0], vec![4.0]));
    assert_eq!(room.runs(), [(1, 1), (2, 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_forgotten_however_they_come_and_go() {
    let entry = entry(8, Duration::ZERO);
    let room = Arc::new(Room::new(&entry));
    let callers = (0..32).map(|caller: u32| {
        let room = room.clone();
        tokio::spawn(async move {
            for turn in 0..200 {
                let value = f64::from(caller * 1000 + turn);
                let answered = room.ask(vec![value; 1 + (turn as usize % 3)]);
                if (turn + caller).is_multiple_of(7) {
                    drop(answered);
                } else {
                    let (scores, _) = scores(answered).await;
                    assert_eq!(scores, vec![value; 1 + (turn as usize % 3)]);
                }
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        tokio::time::timeout(Duration::from_mins(1), caller).await.expect("all are answered").unwrap();
    }
    assert!(entry.usage.gathered().runs.keys().all(|rows| *rows <= 8));
}
