//! The command line: every command on a running Lineal, exit codes, JSON.

use crate::{
    process::{Process, eventually, program},
    scenario,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_does_what_it_says_and_ends_with_its_code() {
    let folder = tempfile::tempdir().unwrap();
    let lineal = Process::dev(folder.path(), &[]).await;
    let table = scenario::churn_file().display().to_string();
    let train = ["train", &table, "--model", "churn", "--label", "churn", "--seed", "7"];
    let lineage = ["--family", "logistic_regression", "--git-sha", "0123abc", "--tag", "team=growth"];
    for (words, code) in [
        (&[&train[..], &lineage].concat()[..], 0),
        (&["validate", "churn", "1"], 0),
        (&["promote", "churn", "1", "--dry-run"], 0),
        (&["promote", "churn", "1"], 0),
        (&["promote", "churn", "1"], 4),
        (&["rollback", "churn", "--reason", "drill"], 4),
        (&train, 0),
        (&["promote", "churn", "2"], 4),
        (&["validate", "churn", "2", "--limit", "auc=0.99"], 4),
        (&["validate", "churn", "2"], 0),
        (&["promote", "churn", "2", "--expected", "7"], 6),
        (&["promote", "churn", "2", "--reason", "better"], 0),
        (&["rollback", "churn", "--reason", "drill"], 0),
        (&["predict", "churn", "--file", &table, "--limit", "2"], 0),
        (&["predict", "nobody", "--file", &table, "--limit", "2"], 5),
        (&["predict", "churn", "--row", "state=KS"], 2),
        (&["explain", "churn@champion"], 0),
        (&["explain", "models:/churn/2"], 0),
        (&["explain", "churn/9"], 5),
        (&["versions", "churn"], 0),
        (&["versions", "nobody"], 5),
        (&["usage", "churn"], 0),
        (&["usage", "churn", "2"], 0),
        (&["usage", "churn", "9"], 5),
        (&["performance", "churn", "--metric", "auc", "--last", "24h", "--step", "1h"], 0),
        (&["performance", "nobody"], 5),
        (&["compare", "churn", "2", "1"], 0),
        (&["compare", "churn", "2", "9"], 5),
        (&["aliases", "churn"], 0),
        (&["alias", "set", "churn", "stable", "1"], 0),
        (&["alias", "share", "churn", "stable", "2.5%"], 0),
        (&["alias", "set", "churn", "champion", "2"], 4),
        (&["models"], 0),
        (&["families"], 0),
        (&["jobs"], 0),
        (&["audit"], 0),
        (&["status"], 0),
        (&["health"], 0),
        (&["tag", "churn/1", "team=growth"], 0),
        (&["describe", "churn", "--description", "who will leave"], 0),
        (&["describe", "churn", "--metadata", "{}"], 2),
        (&["fail", "churn", "@champion", "--reason", "drill"], 4),
        (&["demote", "churn", "--reason", "drill"], 0),
        (&["fail", "churn", "2", "--reason", "drill"], 0),
        (&["fail", "churn", "9", "--reason", "drill"], 5),
        (&["predict", "churn", "--file", &table, "--limit", "2"], 5),
        (&["train", "/nonexistent.csv", "--model", "churn", "--label", "churn"], 2),
        (&["train", &table, "--model", "Churn/..", "--label", "churn"], 2),
        (&["train", &table, "--model", "churn", "--label", "gone"], 1),
    ] {
        let told = lineal.cli(words).await;
        assert_eq!(told.code, code, "{words:?}\n{}\n{}", told.stdout, told.stderr);
        assert_eq!(told.stderr.contains("error: "), code != 0 && told.stdout.is_empty(), "{words:?}: {}", told.stderr);
    }
}

/// F8, F124
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prediction_asks_for_a_version_or_an_alias() {
    let folder = tempfile::tempdir().unwrap();
    let lineal = Process::dev(folder.path(), &[]).await;
    scenario::champion(&lineal.peer(), "logistic_regression").await;
    let second = scenario::version(&lineal.peer(), "gradient_boosting").await;
    let generation = scenario::alias_to(&lineal.peer(), "candidate", second).await.unwrap().generation;
    eventually("the alias is served", async || {
        (scenario::serving(&lineal.peer()).await.generation == generation).then_some(())
    })
    .await;
    let table = scenario::churn_file().display().to_string();
    let predict = ["-o", "json", "predict", "churn", "--file", &table, "--limit", "1"];
    for (asked, version) in [
        (&[][..], "1"),
        (&["--version", "1"], "1"),
        (&["--version", "2"], "2"),
        (&["--alias", "prod"], "1"),
        (&["--alias", "candidate"], "2"),
    ] {
        let told = lineal.cli(&[&predict[..], asked].concat()).await;
        assert_eq!(told.code, 0, "{asked:?}: {}", told.stderr);
        let answer: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
        assert_eq!(answer["pedigree"]["version"], version, "{asked:?}");
    }
    for (asked, code) in [
        (&["--version", "9"][..], 5),
        (&["--alias", "nobody"], 5),
        (&["--alias", "7"], 2),
        (&["--alias", "prod", "--version", "1"], 2),
    ] {
        assert_eq!(lineal.cli(&[&predict[..], asked].concat()).await.code, code, "{asked:?}");
    }
}

/// F33, F42, F133
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_get_one_json_document_and_a_prediction_leads_back_to_its_run() {
    let folder = tempfile::tempdir().unwrap();
    let lineal = Process::dev(folder.path(), &[]).await;
    let table = scenario::churn_file().display().to_string();
    let json = async |words: &[&str]| -> serde_json::Value {
        let told = lineal.cli(&[&["-o", "json"], words].concat()).await;
        assert_eq!(told.code, 0, "{words:?}: {}", told.stderr);
        serde_json::from_str(&told.stdout).unwrap_or_else(|error| panic!("{words:?}: {error}: {}", told.stdout))
    };
    let train = ["train", &table, "--model", "churn", "--label", "churn", "--git-sha", "0123abc"];
    let job = json(&train).await;
    assert_eq!(job["job"]["version"], "1", "{job}");
    json(&["validate", "churn", "1"]).await;
    let promoted = json(&["promote", "churn", "1"]).await;
    assert_eq!(promoted["promotion"]["state"], "PROMOTION_STATE_CONVERGED", "{promoted}");
    let answer = json(&["predict", "churn", "--file", &table, "--limit", "1"]).await;
    let id = answer["pedigree"]["prediction_id"].as_str().unwrap().to_owned();
    let traced = json(&["explain", &id]).await;
    assert_eq!(traced["git_sha"], "0123abc", "{traced}");
    assert_eq!(traced["run_id"], job["job"]["run_id"]);
    assert_eq!(traced["version"]["digest"], answer["pedigree"]["digest"]);
    for fact in ["trained_time", "scored_time"] {
        assert!(traced[fact].is_string(), "{fact}: {traced}");
    }
    let status = json(&["status"]).await;
    assert!(status.is_object());
}

#[tokio::test]
async fn without_a_server_the_next_step_is_named() {
    let told = program(&["--address", "http://127.0.0.1:1", "models"]).await;
    assert_eq!(told.code, 7);
    assert!(told.stderr.contains("lineal dev"), "{}", told.stderr);
    assert_eq!(program(&["serve", "--roles", "registry", "--config", "/nonexistent.yaml"]).await.code, 2);
    assert_eq!(program(&["dance"]).await.code, 2);
}
