//! Ensembles: versions that answer together, from the command line to the answer.

use std::fs;

use crate::process::Process;

/// Rows whose label follows from both columns.
fn rows() -> String {
    let row = |i: u32| {
        let (age, visits) = (20 + i * 7 % 60, i * 5 % 11);
        format!("{age},{visits},{}\n", if age + 4 * visits > 70 { "yes" } else { "no" })
    };
    "age,visits,left\n".to_owned() + &(0..400).map(row).collect::<String>()
}

/// F141
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_become_an_ensemble_that_is_judged_promoted_and_asked_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let lineal = Process::dev(folder.path(), &[]).await;
    let file = folder.path().join("rows.csv").display().to_string();
    fs::write(&file, rows()).unwrap();
    let train = |model, family| ["train", file.as_str(), "--model", model, "--label", "left", "--family", family];
    for (words, code, said) in [
        (&train("churn", "logistic_regression")[..], 0, ""),
        (&train("churn", "gradient_boosting"), 0, ""),
        (
            &["ensemble", "both", "churn/1", "churn/2=3", "--rule", "renormalise"],
            0,
            "made both/1 of churn/1=1 churn/2=3",
        ),
        (&["ensemble", "both", "churn/1"], 2, ""),
        (&["ensemble", "both", "churn/1", "churn/1"], 2, "`churn/1` is given twice"),
        (&["ensemble", "both", "churn/1", "both/1"], 2, "`both/1` is an ensemble itself"),
        (&["ensemble", "both", "churn/1", "churn/9"], 5, ""),
        (&["ensemble", "both", "churn/1", "churn/2=0"], 2, "expected a weight more than 0"),
        (&["validate", "both", "1"], 0, ""),
        (&["promote", "both", "1"], 0, ""),
        (&["explain", "both/1"], 0, ""),
        (&["predict", "both", "--row", "age=50,visits=6"], 0, ""),
        (&["predict", "churn", "--row", "age=50,visits=6"], 5, "has no champion"),
    ] {
        let ended = lineal.cli(words).await;
        assert_eq!(ended.code, code, "{words:?}\n{}{}", ended.stdout, ended.stderr);
        assert!(ended.stdout.contains(said) || ended.stderr.contains(said), "{words:?}\n{}", ended.stderr);
    }
}
