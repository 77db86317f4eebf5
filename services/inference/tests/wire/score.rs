//! Files scored over the wire: each row once, by one version, into a place of its own.

use std::{collections::BTreeSet, time::Duration};

use lineal_data::{Snapshot, Table};
use lineal_models::Task;
use lineal_proto::lineal::{
    inference::v1::{self as pb, ScoringStage},
    registry::v1::ScoringSettings,
};
use lineal_rpc::reason_of;
use tonic::Code;

use crate::fixture::{
    FakeRegistry, Listening, TestReplica,
    batches::{customers, files, integers, numbers, score, stored, texts, times},
    version, version_of,
};

struct Bench {
    registry: FakeRegistry,
    replica: TestReplica,
    folder: tempfile::TempDir,
    _listening: Listening,
}

impl Bench {
    /// A replica that serves version 1 of `churn`.
    async fn start() -> Self {
        let registry = FakeRegistry::default();
        let listening = registry.listen(0).await;
        registry.promote(&version("churn", 1));
        let folder = tempfile::tempdir().unwrap();
        let replica = TestReplica::start(&listening.address, folder.path().join("cache")).await;
        registry.until_served(1).await;
        Self { registry, replica, folder, _listening: listening }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }
}

#[tokio::test]
async fn ten_thousand_rows_are_stamped_predictions_once_and_for_all() {
    // F127, F129, F130, F133
    let bench = Bench::start().await;
    let input = customers(&bench.path("rows.csv"), 10_000);
    let request = score(&input, &bench.path("scores"), "january");
    let (batch, told) = bench.replica.score(request.clone()).await.unwrap();
    assert_eq!((batch.rows, batch.parts, batch.version, batch.replayed), (10_000, 10, 1, false));
    let stages: Vec<ScoringStage> = told.iter().map(pb::ScoringProgress::stage).collect();
    assert!(stages.is_sorted() && stages.last() == Some(&ScoringStage::Finished), "{stages:?}");

    let folder = bench.path("scores/churn/january");
    let rows = stored(&folder);
    assert_eq!(integers(&rows, "account_id"), (1000..11_000).collect::<Vec<i64>>());
    let probabilities = numbers(&rows, "churn_probability");
    let labels = texts(&rows, "churn_predicted");
    for (probability, label) in probabilities.iter().zip(&labels) {
        assert_eq!(label, if *probability >= 0.5 { "leaves" } else { "stays" });
    }
    let leaves = labels.iter().filter(|label| *label == "leaves").count() as u64;
    assert_eq!((batch.label_counts["leaves"], batch.label_counts["stays"]), (leaves, 10_000 - leaves));
    for (name, value) in
        [("model_name", "churn"), ("run_id", "run-1"), ("git_sha", "4f2a"), ("score_batch_id", "january")]
    {
        assert!(texts(&rows, name).iter().all(|text| text == value), "{name}");
    }
    assert!(integers(&rows, "model_version").iter().all(|number| *number == 1));
    assert!(times(&rows, "trained_at").iter().all(|time| *time == 1_736_951_422_000_000));
    assert!(times(&rows, "scored_at").iter().all(|time| *time > 1_736_951_422_000_000));
    assert_eq!(texts(&rows, "prediction_id").into_iter().collect::<BTreeSet<_>>().len(), 10);
    assert!(texts(&rows, "prediction_id")[0].starts_with("churn:1:bjanuary:"));

    let before = files(&folder);
    let (again, _) = bench.replica.score(request).await.unwrap();
    assert_eq!(again, pb::FinishedBatch { replayed: true, ..batch });
    assert_eq!(files(&folder), before, "nothing was written");
    assert_eq!(bench.registry.with(|state| state.scoring_batches.len()), 1);
}

#[tokio::test]
async fn the_same_scores_come_online_and_from_either_format() {
    // F64, F127
    let bench = Bench::start().await;
    let input = customers(&bench.path("rows.csv"), 500);
    let table = Table::from_csv(&std::fs::read(&input).unwrap()).unwrap();
    std::fs::write(bench.path("rows.parquet"), Snapshot::of(&table).unwrap().bytes).unwrap();
    for file in ["rows.csv", "rows.parquet"] {
        let request = score(&bench.path(file), &bench.path("scores"), &file.replace('.', "-"));
        bench.replica.score(pb::ScoreRequest { key_columns: Vec::new(), ..request }).await.unwrap();
    }
    let csv = stored(&bench.path("scores/churn/rows-csv"));
    let parquet = stored(&bench.path("scores/churn/rows-parquet"));
    assert_eq!(integers(&csv, "row"), (0..500).collect::<Vec<i64>>());
    let probabilities = numbers(&csv, "churn_probability");
    assert_eq!(probabilities, numbers(&parquet, "churn_probability"));
    let online = bench.replica.predict().await.unwrap();
    // Row 87 is the first of a customer of 25 years with plan `basic`, as the first row online.
    assert_eq!(probabilities[87].to_bits(), online.scores[0].to_bits());
}

#[tokio::test]
async fn a_batch_id_stands_for_one_input_in_one_form() {
    // F127
    let bench = Bench::start().await;
    let input = customers(&bench.path("rows.csv"), 100);
    let request = score(&input, &bench.path("scores"), "january");
    bench.replica.score(request.clone()).await.unwrap();
    let before = files(&bench.path("scores"));
    let other = customers(&bench.path("other.csv"), 101).display().to_string();
    let changed = [
        ("input", pb::ScoreRequest { input: other, ..request.clone() }),
        ("key_columns", pb::ScoreRequest { key_columns: vec!["age".to_owned()], ..request.clone() }),
        ("rows_per_part", pb::ScoreRequest { rows_per_part: 7, ..request.clone() }),
        ("model_version", pb::ScoreRequest { model_version: "1".to_owned(), ..request.clone() }),
        ("output", pb::ScoreRequest { output: bench.path("elsewhere").display().to_string(), ..request.clone() }),
    ];
    for (field, request) in changed {
        let refused = bench.replica.score(request).await.unwrap_err();
        assert_eq!((refused.code(), reason_of(&refused).as_deref()), (Code::AlreadyExists, Some("BATCH_EXISTS")));
        assert!(refused.message().contains(&format!("another {field};")), "{}", refused.message());
    }
    assert_eq!(files(&bench.path("scores")), before);
    assert!(!bench.path("elsewhere").exists(), "nothing was begun there");
    // The same rows under another name are the same input.
    std::fs::copy(&input, bench.path("copy.csv")).unwrap();
    let copy = pb::ScoreRequest { input: bench.path("copy.csv").display().to_string(), ..request };
    assert!(bench.replica.score(copy).await.unwrap().0.replayed);
}

#[tokio::test]
async fn two_models_never_write_into_each_other() {
    // F131
    let bench = Bench::start().await;
    let generation = bench.registry.promote(&version("fraud", 2));
    bench.registry.until_served(generation).await;
    let input = customers(&bench.path("rows.csv"), 2500);
    let churn = score(&input, &bench.path("scores"), "january");
    let fraud = pb::ScoreRequest { model: "fraud".to_owned(), ..churn.clone() };
    let (churn, fraud) = tokio::join!(bench.replica.score(churn), bench.replica.score(fraud));
    assert_eq!((churn.unwrap().0.version, fraud.unwrap().0.version), (1, 2));
    for (model, number) in [("churn", 1), ("fraud", 2)] {
        let rows = stored(&bench.path(&format!("scores/{model}/january")));
        assert_eq!(numbers(&rows, &format!("{model}_probability")).len(), 2500);
        assert!(texts(&rows, "model_name").iter().all(|name| name == model));
        assert!(integers(&rows, "model_version").iter().all(|found| *found == number));
    }
}

#[tokio::test]
async fn a_batch_that_was_left_goes_on_with_the_version_it_began_with() {
    // F127, F128
    let bench = Bench::start().await;
    let input = customers(&bench.path("rows.csv"), 10_000);
    let request = pb::ScoreRequest { rows_per_part: 40, ..score(&input, &bench.path("scores"), "january") };
    let mut stream = bench.replica.batches().score(request.clone()).await.unwrap().into_inner();
    while let Some(told) = stream.message().await.unwrap() {
        if told.progress.unwrap().parts_done >= 2 {
            break;
        }
    }
    drop(stream);
    let generation = bench.registry.promote(&version("churn", 2));
    bench.registry.until_served(generation).await;
    let batch = loop {
        match bench.replica.score(request.clone()).await {
            Ok((batch, _)) => break batch,
            Err(status) => assert_eq!(reason_of(&status).as_deref(), Some("BATCH_RUNNING"), "{status}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!((batch.version, batch.champion_now, batch.rows), (1, 2, 10_000));
    assert!((2..250).contains(&batch.parts_resumed), "{}", batch.parts_resumed);
    let rows = stored(&bench.path("scores/churn/january"));
    assert_eq!(integers(&rows, "account_id"), (1000..11_000).collect::<Vec<i64>>());
    assert!(integers(&rows, "model_version").iter().all(|number| *number == 1));
    // The next batch is scored by the champion of its moment.
    let (next, _) = bench.replica.score(score(&input, &bench.path("scores"), "february")).await.unwrap();
    assert_eq!((next.version, next.champion_now), (2, 0));
    assert!(next.psi.is_some(), "it is compared with the batch before");
}

#[tokio::test]
async fn a_cancelled_batch_stops_and_says_so() {
    let bench = Bench::start().await;
    let input = customers(&bench.path("rows.csv"), 10_000);
    let request = pb::ScoreRequest { rows_per_part: 40, ..score(&input, &bench.path("scores"), "january") };
    let mut stream = bench.replica.batches().score(request.clone()).await.unwrap().into_inner();
    stream.message().await.unwrap();
    let taken = bench.replica.score(request).await.unwrap_err();
    assert_eq!(reason_of(&taken).as_deref(), Some("BATCH_RUNNING"));
    let cancel = pb::CancelScoreRequest { model: "churn".to_owned(), batch_id: "january".to_owned() };
    bench.replica.batches().cancel_score(cancel.clone()).await.unwrap();
    let ended = loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the batch ended as if it were whole"),
            Err(status) => break status,
        }
    };
    assert_eq!((ended.code(), reason_of(&ended).as_deref()), (Code::Aborted, Some("BATCH_CANCELLED")));
    let gone = bench.replica.batches().cancel_score(cancel).await.unwrap_err();
    assert_eq!((gone.code(), reason_of(&gone).as_deref()), (Code::NotFound, Some("BATCH_NOT_RUNNING")));
}

#[tokio::test]
async fn damaged_and_unfinished_files_are_written_anew() {
    // F127
    let bench = Bench::start().await;
    let input = customers(&bench.path("rows.csv"), 3000);
    let request = score(&input, &bench.path("scores"), "january");
    bench.replica.score(request.clone()).await.unwrap();
    let folder = bench.path("scores/churn/january");
    let whole = numbers(&stored(&folder), "churn_probability");
    std::fs::remove_file(folder.join("_manifest.json")).unwrap();
    std::fs::write(folder.join("part-00000.parquet"), b"nonsense").unwrap();
    std::fs::remove_file(folder.join("_parts/part-00001.json")).unwrap();
    std::fs::write(folder.join("part-00002.parquet#1"), b"half").unwrap();
    bench.registry.with(|state| state.scoring_batches.clear());
    let (batch, _) = bench.replica.score(request).await.unwrap();
    assert_eq!((batch.parts, batch.parts_resumed), (3, 2));
    assert_eq!(numbers(&stored(&folder), "churn_probability"), whole);
    assert!(!folder.join("part-00002.parquet#1").exists());

    std::fs::write(folder.join("_manifest.json"), b"{}").unwrap();
    let damaged = bench.replica.score(score(&input, &bench.path("scores"), "january")).await.unwrap_err();
    assert_eq!((damaged.code(), reason_of(&damaged).as_deref()), (Code::FailedPrecondition, Some("BATCH_DAMAGED")));
}

#[tokio::test]
async fn classes_and_numbers_have_columns_of_their_own() {
    // F129
    let bench = Bench::start().await;
    bench.registry.promote(&version_of(Task::MulticlassClassification, "red-wines", 1));
    let generation = bench.registry.promote(&version_of(Task::Regression, "prices", 1));
    bench.registry.until_served(generation).await;
    let input = customers(&bench.path("rows.csv"), 50);
    for model in ["red-wines", "prices"] {
        let request = score(&input, &bench.path("scores"), "b-1");
        bench.replica.score(pb::ScoreRequest { model: model.to_owned(), ..request }).await.unwrap();
    }
    let wines = stored(&bench.path("scores/red-wines/b-1"));
    let classes = ["red", "rose", "white"].map(|class| numbers(&wines, &format!("red_wines_probability_{class}")));
    for (row, label) in texts(&wines, "red_wines_predicted").iter().enumerate() {
        let best = classes.iter().map(|class| class[row]).fold(0.0, f64::max);
        let at = ["red", "rose", "white"].iter().position(|class| class == label).unwrap();
        assert_eq!(classes[at][row].to_bits(), best.to_bits());
    }
    let prices = stored(&bench.path("scores/prices/b-1"));
    assert_eq!(numbers(&prices, "prices_value").len(), 50);
    assert!(prices[0].column_by_name("prices_predicted").is_none());
}

#[tokio::test]
async fn what_cannot_be_scored_is_refused_before_anything_is_written() {
    let bench = Bench::start().await;
    let input = customers(&bench.path("rows.csv"), 3000);
    let write = |name: &str, text: String| {
        std::fs::write(bench.path(name), text).unwrap();
        bench.path(name).display().to_string()
    };
    let text = std::fs::read_to_string(&input).unwrap();
    let request = score(&input, &bench.path("scores"), "january");
    let with = |input: String| pb::ScoreRequest { input, ..request.clone() };
    let column = with(write("column.csv", text.replacen("plan", "tariff", 1)));
    let kind = with(write("kind.csv", text.replace(",21,", ",young,")));
    let cases = [
        ("missing columns: `plan`", column),
        ("column `age` holds texts, expected numbers", kind),
        ("there is no column `name`", pb::ScoreRequest { key_columns: vec!["name".into()], ..request.clone() }),
        ("No such file", with(bench.path("nowhere.csv").display().to_string())),
        ("give CSV or PARQUET", with("rows.txt".to_owned())),
        ("a name is 1 to 63", pb::ScoreRequest { batch_id: "Jan/1".into(), ..request.clone() }),
        ("expected at most 10000000", pb::ScoreRequest { rows_per_part: 10_000_001, ..request.clone() }),
    ];
    for (expected, request) in cases {
        let refused = bench.replica.score(request).await.unwrap_err();
        assert_eq!((refused.code(), reason_of(&refused).as_deref()), (Code::InvalidArgument, Some("INVALID_FIELD")));
        assert!(refused.message().contains(expected), "{expected}: {}", refused.message());
    }
    let unknown = pb::ScoreRequest { model: "nobody".to_owned(), ..request.clone() };
    let refused = bench.replica.score(unknown).await.unwrap_err();
    assert_eq!(reason_of(&refused).as_deref(), Some("MODEL_NOT_SERVED"));
    assert!(!bench.path("scores").exists());

    // A row that only shows itself on the way is told by its place in the file.
    let row = with(write("row.csv", text.replacen("3345,28,", "3345,,", 1)));
    let refused = bench.replica.score(pb::ScoreRequest { batch_id: "b-2".into(), ..row }).await.unwrap_err();
    assert!(refused.message().contains("column `age` has no value in row 2345"), "{}", refused.message());
}

#[tokio::test]
async fn blanks_are_filled_from_the_settings_of_the_model() {
    // F88
    let bench = Bench::start().await;
    let input = customers(&bench.path("rows.csv"), 3000);
    let blank = |batch_id: &str| pb::ScoreRequest {
        key_columns: Vec::new(),
        rows_per_part: 0,
        output: String::new(),
        ..score(&input, &bench.path("scores"), batch_id)
    };
    let nowhere = bench.replica.score(blank("b-1")).await.unwrap_err();
    assert_eq!((nowhere.code(), reason_of(&nowhere).as_deref()), (Code::InvalidArgument, Some("INVALID_FIELD")));
    assert!(nowhere.message().starts_with("output: "), "{}", nowhere.message());

    let place = bench.path("predictions");
    let settings = ScoringSettings {
        output: place.display().to_string(),
        key_columns: vec!["account_id".to_owned()],
        rows_per_part: 1500,
    };
    bench.registry.with(|state| state.settings.insert("churn".to_owned(), settings));
    let (batch, _) = bench.replica.score(blank("b-1")).await.unwrap();
    assert_eq!((batch.parts, batch.output.as_str()), (2, place.join("churn/b-1").to_str().unwrap()));
    assert_eq!(integers(&stored(&place.join("churn/b-1")), "account_id").len(), 3000);
    // What is said counts.
    let said = score(&input, &bench.path("scores"), "b-2");
    let (batch, _) = bench.replica.score(pb::ScoreRequest { key_columns: Vec::new(), ..said }).await.unwrap();
    assert_eq!(batch.parts, 3);
    assert_eq!(integers(&stored(&bench.path("scores/churn/b-2")), "account_id").len(), 3000);
}
