//! From raw rows to a served bundle and back.

use lineal_data::{Column, DataError, FeatureSet, FittedFeatures, Frame, Table, Target};
use lineal_kernel::Digest;
use lineal_models::{
    Bundle, BundleError, BundleParts, Datatype, Decision, Manifest, Model, MostProbable, Rule, ScoreError, ServedModel,
    SplitReference, Task, Threshold, TrainingData, family,
};

use crate::common::{CHURN, quiet, resolve};

/// What a training process holds when it is done.
struct Trained {
    features: FittedFeatures,
    model: Model,
    held_out: Frame,
    bundle: Bundle,
}

fn train(name: &str, threads: usize) -> Trained {
    let table = Table::from_csv(CHURN.as_bytes()).unwrap();
    let (held_out, training): (Vec<_>, Vec<_>) = (0..table.rows()).partition(|row| row % 5 == 0);
    let (held_out, training) = (table.take(&held_out).unwrap().to_frame(), table.take(&training).unwrap());
    let features = FeatureSet::infer(&table, "churn", &[]).unwrap().fit(&training.to_frame()).unwrap();
    let classes = Target { column: "churn".into(), positive: None }.classes(&training).unwrap();
    let (matrix, names) = (features.transform(&training.to_frame()).unwrap(), features.output_names());
    let data = TrainingData::new(Task::BinaryClassification, &matrix, &classes.values, &names).unwrap();
    let hyperparameters = resolve(name, "{}");
    let model = family(name).unwrap().fit(&data, &hyperparameters, &quiet(3, threads)).unwrap();
    let bundle = Bundle::build(BundleParts {
        family: name,
        task: Task::BinaryClassification,
        features: &features,
        model: &model,
        hyperparameters: &hyperparameters,
        label: Target { column: "churn".into(), positive: Some("yes".into()) },
        decision: Decision::Threshold(Threshold {
            positive_class: "yes".into(),
            negative_class: Some("no".into()),
            threshold: 0.5,
            rule: Rule::AtLeast,
        }),
        training_data: Digest::of(CHURN.as_bytes()),
        split: SplitReference { version: "v1".into(), reference: Digest::of(b"reference") },
        rows: &held_out,
    });
    Trained { features, model, held_out, bundle: bundle.unwrap() }
}

/// The bundle of a family.
pub(crate) fn packed(name: &str) -> Bundle {
    train(name, 2).bundle
}

fn logistic() -> Trained {
    train("logistic_regression", 1)
}

fn reassemble(bundle: &Bundle) -> Result<Bundle, BundleError> {
    Bundle::assemble(bundle.manifest_bytes().to_vec(), bundle.digest(), bundle.files().clone())
}

/// The bundle with another manifest and a digest that fits it, as a forger would make it.
fn forged(bundle: &Bundle, change: impl Fn(&mut serde_json::Value)) -> Result<Bundle, BundleError> {
    let mut manifest: serde_json::Value = serde_json::from_slice(bundle.manifest_bytes()).unwrap();
    change(&mut manifest);
    let bytes = serde_json::to_vec(&manifest).unwrap();
    let digest = Digest::of(&bytes);
    Bundle::assemble(bytes, digest, bundle.files().clone())
}

/// The bundle with one file replaced and every digest made to fit.
fn with_file(bundle: &Bundle, file: &str, bytes: Vec<u8>) -> Bundle {
    let mut files = bundle.files().clone();
    let mut manifest: serde_json::Value = serde_json::from_slice(bundle.manifest_bytes()).unwrap();
    manifest["files"][file] = serde_json::json!({"digest": Digest::of(&bytes), "size": bytes.len()});
    files.insert(file.to_owned(), bytes);
    let manifest = serde_json::to_vec(&manifest).unwrap();
    let digest = Digest::of(&manifest);
    Bundle::assemble(manifest, digest, files).unwrap()
}

fn bits(scores: &[f64]) -> Vec<u64> {
    scores.iter().map(|score| score.to_bits()).collect()
}

#[test]
fn a_loaded_bundle_predicts_what_the_training_process_did_to_the_last_bit() {
    // F64
    for name in ["logistic_regression", "gradient_boosting"] {
        let trained = train(name, 2);
        let mut expected = Vec::new();
        let matrix = trained.features.transform(&trained.held_out).unwrap();
        trained.model.evaluator(matrix.cols()).unwrap().evaluate(&matrix, &mut expected);
        let served = ServedModel::load(&reassemble(&trained.bundle).unwrap()).unwrap();
        let found = served.score(&trained.held_out).unwrap();
        assert_eq!(found.len(), 1_000);
        assert_eq!(bits(&found), bits(&expected), "{name}");
        for row in [0, 500] {
            let alone = served.score(&trained.held_out.take(&[row])).unwrap();
            assert_eq!(bits(&alone), bits(&found[row..=row]), "{name}: a row alone scores as in a batch");
        }
    }
}

#[test]
fn the_same_training_gives_the_same_digest_with_any_number_of_threads() {
    for name in ["logistic_regression", "gradient_boosting"] {
        let digest = train(name, 1).bundle.digest();
        assert_eq!(train(name, 2).bundle.digest(), digest, "{name}");
        assert_eq!(train(name, 1).bundle.digest(), digest, "{name}");
    }
}

#[test]
fn one_flipped_byte_is_refused_with_the_name_of_the_file() {
    // F21
    let bundle = logistic().bundle;
    let named = |result: Result<Bundle, BundleError>| match result.unwrap_err() {
        BundleError::DigestMismatch { file, .. } => file,
        other => panic!("{other}"),
    };
    for (name, bytes) in bundle.files() {
        for at in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut files = bundle.files().clone();
            files.get_mut(name).unwrap()[at] ^= 1;
            assert_eq!(&named(Bundle::assemble(bundle.manifest_bytes().to_vec(), bundle.digest(), files)), name);
        }
    }
    let mut manifest = bundle.manifest_bytes().to_vec();
    manifest[9] ^= 1;
    assert_eq!(named(Bundle::assemble(manifest, bundle.digest(), bundle.files().clone())), "manifest.json");
}

#[test]
fn missing_longer_and_unknown_files_are_refused_by_name() {
    let bundle = logistic().bundle;
    let problem =
        |files| Bundle::assemble(bundle.manifest_bytes().to_vec(), bundle.digest(), files).unwrap_err().to_string();
    let mut files = bundle.files().clone();
    files.remove("model.json");
    assert_eq!(problem(files), "`model.json` is missing");
    let mut files = bundle.files().clone();
    files.get_mut("golden.json").unwrap().push(b' ');
    assert!(problem(files).starts_with("`golden.json` has"));
    let mut files = bundle.files().clone();
    files.insert("../evil.so".into(), vec![]);
    assert_eq!(problem(files), "a bundle has no file `../evil.so`");
}

#[test]
fn a_manifest_that_claims_too_much_is_refused() {
    let bundle = logistic().bundle;
    assert!(forged(&bundle, |_| {}).is_ok());
    let size = forged(&bundle, |m| m["files"]["model.json"]["size"] = (1_u64 << 50).into()).unwrap_err();
    assert!(matches!(size, BundleError::TooLarge { file, size: 0x4_0000_0000_0000, .. } if file == "model.json"));
    let newer = forged(&bundle, |m| {
        m["format"] = 2.into();
        m["novelty"] = true.into();
    });
    assert!(matches!(newer, Err(BundleError::UnsupportedFormat { found: 2, supported: 1 })));
    let evil = forged(&bundle, |m| m["files"]["../evil.so"] = m["files"]["model.json"].clone());
    assert!(matches!(evil, Err(BundleError::UnknownFile { file }) if file == "../evil.so"));
    let unknown = forged(&bundle, |m| m["novelty"] = true.into());
    assert!(matches!(unknown, Err(BundleError::Malformed { file: "manifest.json", .. })));
    let rule = forged(&bundle, |m| m["decision"]["rule"] = ">".into());
    assert!(matches!(rule, Err(BundleError::Malformed { file: "manifest.json", .. })));
    let huge = vec![b' '; 2 << 20];
    assert!(matches!(Manifest::parse(&huge, Digest::of(&huge)), Err(BundleError::TooLarge { .. })));
}

#[test]
fn what_is_well_signed_but_wrong_is_not_loaded() {
    let Trained { bundle, model, .. } = logistic();
    let load = |bundle: &Bundle| ServedModel::load(bundle).err().unwrap();

    let Model::Linear(mut linear) = model else { panic!("not linear") };
    linear.intercept += 1e-6;
    let other = serde_json::to_vec(&Model::Linear(linear.clone())).unwrap();
    assert!(matches!(load(&with_file(&bundle, "model.json", other)), BundleError::GoldenMismatch { row: 0, .. }));

    linear.weights.pop();
    let narrow = serde_json::to_vec(&Model::Linear(linear)).unwrap();
    assert!(matches!(load(&with_file(&bundle, "model.json", narrow)), BundleError::Model(_)));

    let garbage = with_file(&bundle, "model.json", b"{\"pickle\": 1}".to_vec());
    assert!(matches!(load(&garbage), BundleError::Malformed { file: "model.json", .. }));
    let empty = with_file(&bundle, "golden.json", br#"{"rows": {"rows": 0, "columns": []}, "scores": []}"#.to_vec());
    assert!(matches!(load(&empty), BundleError::Malformed { file: "golden.json", .. }));

    let signature = forged(&bundle, |m| m["signature"]["inputs"][0]["name"] = "nation".into()).unwrap();
    assert!(matches!(load(&signature), BundleError::Malformed { file: "manifest.json", .. }));
}

#[test]
fn the_manifest_says_what_goes_in_and_how_a_label_is_made() {
    // F130
    let trained = logistic();
    let served = ServedModel::load(&trained.bundle).unwrap();
    let inputs = &served.signature().inputs;
    assert_eq!((inputs[0].name.as_str(), inputs[0].datatype), ("state", Datatype::Bytes));
    assert_eq!((inputs[1].name.as_str(), inputs[1].datatype), ("account_length", Datatype::Fp64));
    assert_eq!(inputs.len(), 19);
    assert_eq!((served.label(&[0.5]), served.label(&[0.5_f64.next_down()])), (Some("yes"), Some("no")));
    let manifest = std::str::from_utf8(trained.bundle.manifest_bytes()).unwrap();
    assert!(manifest.contains(r#""threshold":0.5,"rule":">=""#), "{manifest}");
    assert!(served.bytes() > 1_000);
}

#[test]
fn a_row_that_cannot_be_scored_is_an_error_and_never_a_label() {
    let Trained { bundle, features, .. } = logistic();
    let served = ServedModel::load(&bundle).unwrap();
    assert!(matches!(served.score(&Frame::new(1)), Err(ScoreError::Data(DataError::MissingColumns { .. }))));

    // The same weights on features that let a missing number through.
    let mut lenient = serde_json::to_value(&features).unwrap();
    let feature = &mut lenient["set"]["features"][6];
    assert_eq!(feature["name"], "total_day_minutes");
    feature["missing"] = "unknown".into();
    lenient["steps"][6]["number"]["fill"] = serde_json::Value::Null;
    let feature_set: FeatureSet = serde_json::from_value(lenient["set"].clone()).unwrap();
    let lenient = with_file(&bundle, "features.json", serde_json::to_vec(&lenient).unwrap());
    let lenient = forged(&lenient, |m| m["feature_set"] = feature_set.digest().unwrap().to_string().into()).unwrap();
    let served = ServedModel::load(&lenient).unwrap();
    let row = |minutes: f64| {
        let raw = Table::from_csv(CHURN.as_bytes()).unwrap().take(&[0]).unwrap().to_frame();
        let mut frame = Frame::new(1);
        for name in raw.names() {
            let minutes = (name == "total_day_minutes").then(|| Column::Numbers(vec![minutes]));
            frame.push(name, minutes.unwrap_or_else(|| raw.column(name).cloned().unwrap())).unwrap();
        }
        frame
    };
    assert!(served.score(&row(180.0)).is_ok());
    let missing = served.score(&row(f64::NAN)).unwrap_err();
    let ScoreError::Data(DataError::MissingValue { column, row: 0 }) = missing else { panic!("{missing:?}") };
    assert_eq!(column, "total_day_minutes");
}

/// Wine: which of three kinds it is, or how much alcohol it has.
fn wine(task: Task) -> (Bundle, Frame, Vec<f64>) {
    let table = Table::from_csv(include_bytes!("../reference/wine.csv")).unwrap();
    let label = if task == Task::Regression { "alcohol" } else { "cultivar" };
    let features = FeatureSet::infer(&table, label, &[]).unwrap().fit(&table.to_frame()).unwrap();
    let target = Target { column: label.into(), positive: None };
    let (labels, decision, name) = if task == Task::Regression {
        (target.numbers(&table).unwrap(), Decision::Number, "ridge")
    } else {
        let classes = ["2", "0", "1"].map(str::to_owned).to_vec();
        let labels = target.positions(&table, &classes).unwrap();
        (labels, Decision::MostProbable(MostProbable { classes }), "random_forest")
    };
    let (matrix, names) = (features.transform(&table.to_frame()).unwrap(), features.output_names());
    let data = TrainingData::new(task, &matrix, &labels, &names).unwrap();
    let hyperparameters = resolve(name, "{}");
    let model = family(name).unwrap().fit(&data, &hyperparameters, &quiet(3, 2)).unwrap();
    let bundle = Bundle::build(BundleParts {
        family: name,
        task,
        features: &features,
        model: &model,
        hyperparameters: &hyperparameters,
        label: target,
        decision,
        training_data: Digest::of(b"wine"),
        split: SplitReference { version: "v1".into(), reference: Digest::of(b"reference") },
        rows: &table.to_frame(),
    });
    (bundle.unwrap(), table.to_frame(), labels)
}

#[test]
fn several_classes_are_served_with_a_probability_each_and_a_label() {
    let (bundle, frame, labels) = wine(Task::MulticlassClassification);
    let served = ServedModel::load(&reassemble(&bundle).unwrap()).unwrap();
    let outputs: Vec<_> = served.signature().outputs.iter().map(|output| output.name.as_str()).collect();
    assert_eq!((served.outputs(), outputs), (3, vec!["probabilities", "label"]));
    let scores = served.score(&frame).unwrap();
    assert_eq!(scores.len(), 3 * frame.rows());
    assert_eq!((served.label(&scores[..3]), served.label(&scores[3 * 177..])), (Some("0"), Some("2")));
    let metrics = served.measure(&labels, &scores).unwrap();
    assert!(metrics["accuracy"] > 0.99 && metrics["auc"] > 0.99, "{metrics:?}");
    let shares = served.importances();
    assert!(shares.len() == 13 && (shares.iter().map(|(_, share)| share).sum::<f64>() - 1.0).abs() < 1e-9);
    assert!(shares.iter().any(|(name, _)| name == "proline"), "{shares:?}");
}

#[test]
fn a_number_is_served_without_a_label() {
    let (bundle, frame, labels) = wine(Task::Regression);
    let served = ServedModel::load(&reassemble(&bundle).unwrap()).unwrap();
    assert_eq!(served.signature().outputs[0].name, "value");
    let scores = served.score(&frame).unwrap();
    assert_eq!((served.outputs(), served.label(&scores[..1])), (1, None));
    assert!(served.measure(&labels, &scores).unwrap()["rmse"] < 0.6);
}

#[test]
fn a_decision_that_does_not_fit_the_scores_is_refused() {
    let (bundle, ..) = wine(Task::MulticlassClassification);
    let two = forged(&bundle, |m| m["decision"]["classes"] = serde_json::json!(["a", "b"])).unwrap();
    assert!(matches!(ServedModel::load(&two), Err(BundleError::Malformed { file: "model.json", .. })));
    let number = forged(&bundle, |m| m["decision"] = serde_json::Value::Null);
    assert!(matches!(number, Err(BundleError::Malformed { file: "manifest.json", .. })));
}
