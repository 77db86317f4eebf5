//! Models that were trained elsewhere.

use std::{fmt::Write as _, fs, path::PathBuf};

use serde_json::Value;

use crate::process::Process;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/models/tests/reference/foreign");

/// Rows of a reference model with the class that it finds likelier; every tenth row says otherwise.
fn sample(name: &str, columns: &str) -> String {
    let expected: Value = serde_json::from_slice(&fs::read(format!("{FOLDER}/expected.json")).unwrap()).unwrap();
    let (rows, scores) = (&expected[name]["rows"], expected[name]["scores"].as_array().unwrap());
    let mut csv = format!("{columns},left\n");
    for (i, (row, score)) in rows.as_array().unwrap().iter().zip(scores).enumerate() {
        for value in row.as_array().unwrap() {
            write!(csv, "{},", value.as_f64().map(|value| value.to_string()).unwrap_or_default()).unwrap();
        }
        let likely = score.as_f64().unwrap() >= 0.5;
        writeln!(csv, "{}", if likely == (i % 10 != 9) { "yes" } else { "no" }).unwrap();
    }
    csv
}

/// F66
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_another_library_becomes_a_version_that_scores_as_there() {
    let folder = tempfile::tempdir().unwrap();
    let lineal = Process::dev(folder.path(), &[]).await;
    let write = |name: &str, content: &[u8]| -> String {
        let path: PathBuf = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let rows = write("rows.csv", sample("xgboost_binary", "age,spend,debt,steps,region").as_bytes());
    let narrow = write("narrow.csv", b"age,spend\n1,2\n");
    let pickle = write("model.bin", b"\x80\x04cos\nsystem\n");
    let (zip, joblib) = (write("model.zip", b"PK\x03\x04model/data.pkl"), write("model.joblib", b"x\x9c"));
    let (light, extreme) = (format!("{FOLDER}/lightgbm_binary.txt"), format!("{FOLDER}/xgboost_binary.json"));
    let several = format!("{FOLDER}/xgboost_multiclass_ubj.ubj");
    let into = ["--model", "churn", "--label", "left", "--classes", "no,yes"];
    for (words, code, said) in [
        (&["import", &extreme, "--signature", &rows][..], 0, "imported churn/1 from"),
        (&["import", &light, "--family", "lightgbm"], 0, "lightgbm v4, binary sigmoid:1, 5 features"),
        (&["import", &light, "--family", "xgboost"], 2, "was written by lightgbm"),
        (&["import", &pickle], 2, "save_model"),
        (&["import", &several], 2, "the model has 3 classes, 2 names are given"),
        (&["import", &extreme, "--signature", &narrow], 2, "debt"),
        (&["import", &rows], 2, "neither a LightGBM text nor an XGBoost"),
        (&["import", &zip], 2, "torch.onnx.export"),
        (&["import", &joblib], 2, "skl2onnx.to_onnx"),
    ] {
        let ended = lineal.cli(&[words, &into].concat()).await;
        assert_eq!(ended.code, code, "{words:?}\n{}{}", ended.stdout, ended.stderr);
        assert!(
            ended.stdout.contains(said) || ended.stderr.contains(said),
            "{words:?}\n{}{}",
            ended.stdout,
            ended.stderr
        );
    }
    for words in [
        &["validate", "churn", "1"][..],
        &["promote", "churn", "1"],
        &["explain", "churn/1"],
        &["predict", "churn", "--row", "age=0.5,spend=100,debt=0,steps=2,region=3"],
    ] {
        let ended = lineal.cli(words).await;
        assert_eq!(ended.code, 0, "{words:?}\n{}{}", ended.stdout, ended.stderr);
    }
}
