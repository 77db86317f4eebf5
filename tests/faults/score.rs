//! Replicas that die at any point of a batch: every row is scored once, by one version.

use lineal_inference::failpoints::SCORE;

use crate::{
    batches::{self, once_each, recorded, request, score},
    process::Process,
    scenario,
};

const ROWS: usize = 10_000;

/// F127, F128
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_may_die_at_any_point_of_a_batch() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let lineal = Process::dev(&data, &[]).await;
    let first = scenario::champion(&lineal.peer(), "logistic_regression").await;
    let second = scenario::version(&lineal.peer(), "gradient_boosting").await;
    scenario::validate(&lineal.peer(), second, false).await.unwrap();
    assert!(lineal.stop().await.success());
    let input = folder.path().join("customers.csv");
    batches::customers(&input, ROWS, "");
    let scores = folder.path().join("scores");

    for point in SCORE {
        let request = request(&input, &scores, &point.replace('_', "-"));
        let folder = scores.join("churn").join(&request.batch_id);
        // In the middle of the files, where there are several.
        let action = if point.starts_with("part_") { "3*off->return" } else { "return" };
        let points = format!("inference::score::{point}={action}");
        let dying = Process::dev(&data, &[("FAILPOINTS", &points)]).await;
        let answer = score(&dying.peer(), request.clone()).await;
        assert!(answer.is_err(), "{point}: the process died before it answered: {answer:?}");
        assert!(!dying.died().await.success(), "{point}");
        let before = batches::files(&folder).len();

        let lineal = Process::dev(&data, &[]).await;
        if point == "part_recorded" {
            // Another champion comes in between; the batch keeps the version that it began with.
            scenario::promote(&lineal.peer(), second).await.unwrap();
        }
        let batch = score(&lineal.peer(), request.clone()).await.unwrap();
        let finished =
            SCORE.iter().position(|p| *p == point) > SCORE.iter().position(|p| *p == "manifest_half_written");
        assert_eq!(batch.replayed, finished, "{point}");
        assert_eq!((batch.rows, batch.parts), (ROWS as u64, 10), "{point}");
        if !finished {
            assert_eq!(batch.parts_resumed as usize, before, "{point}: whole files are not scored again");
        }
        let version = once_each(&folder, ROWS);
        assert_eq!(version as u64, batch.version);
        if point == "part_recorded" {
            assert_eq!((batch.version, batch.champion_now), (first, second));
        }
        let left = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(
            !left.into_iter().any(|name| name.to_string_lossy().contains('#')),
            "{point}: nothing half written is left"
        );
        assert!(score(&lineal.peer(), request).await.unwrap().replayed);
        let on_record = recorded(&lineal.peer()).await;
        assert_eq!(on_record.iter().filter(|known| known.batch_id == batch.batch_id).count(), 1, "{point}");
        assert_eq!(on_record[0].rows, ROWS as u64);
        assert!(lineal.stop().await.success());
    }
    let lineal = Process::dev(&data, &[]).await;
    let lines =
        scenario::audit(&lineal.peer()).await.into_iter().filter(|entry| entry.action == "record_scoring_batch");
    assert_eq!(lines.filter(|entry| entry.done).count(), SCORE.len(), "each batch came on record once");
}
