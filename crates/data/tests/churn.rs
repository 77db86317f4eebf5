//! A real table from file to matrix.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use lineal_data::{ColumnType, FeatureSet, Parts, Snapshot, SplitRule, Table, Target, split};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../services/lineal/data/churn.csv");

fn table() -> Table {
    Table::from_csv(&std::fs::read(FILE).unwrap()).unwrap()
}

fn parts() -> Parts {
    let rule = SplitRule::rows("v1", 42, 0.2);
    split(&table(), &rule, None).unwrap()
}

fn churned(table: &Table) -> usize {
    let target = Target { column: "churn".to_owned(), positive: None };
    let classes = target.classes(table).unwrap();
    assert_eq!(classes.positive, "yes");
    classes.values.iter().filter(|label| **label > 0.5).count()
}

#[test]
fn the_file_is_read_with_its_types_and_labels() {
    let table = table();
    assert_eq!((table.rows(), table.schema().count()), (5000, 20));
    let of_type = |wanted| table.schema().filter(|(_, column_type)| *column_type == wanted).count();
    let types = [ColumnType::Integer, ColumnType::Float, ColumnType::Text, ColumnType::Boolean];
    assert_eq!(types.map(of_type), [7, 8, 5, 0]);
    assert_eq!(churned(&table), 707);
}

// F58, F59
#[test]
fn the_split_is_the_same_every_time_and_everywhere() {
    let (once, again) = (parts(), parts());
    assert_eq!(once.train.rows() + once.reference.rows(), 5000);
    assert!((930..1070).contains(&once.reference.rows()), "{}", once.reference.rows());
    assert_eq!(churned(&once.train) + churned(&once.reference), 707);
    let digest = |table: &Table| Snapshot::of(table).unwrap().digest;
    assert_eq!(digest(&once.train), digest(&again.train));
    // Another digest here means that recorded splits can no longer be made again.
    assert_eq!(
        digest(&once.reference).to_string(),
        "sha256:c16774adc81e03762a077b9e9a07e7cec9578a4dba13214f4d639ed7e3b2bc95"
    );
    let snapshot = Snapshot::of(&once.reference).unwrap();
    assert_eq!(Snapshot::open(snapshot.bytes, snapshot.digest).unwrap(), once.reference);
}

#[test]
fn inferred_features_are_standardized_and_complete() {
    let parts = parts();
    let fitted = FeatureSet::infer(&parts.train, "churn", &[]).unwrap().fit(&parts.train.to_frame()).unwrap();
    assert_eq!(fitted.inputs().len(), 19);
    let matrix = fitted.transform(&parts.train.to_frame()).unwrap();
    // 15 numbers; 51 states, 3 areas, 2 times yes and no, each with one more for unknown.
    assert_eq!((matrix.rows(), matrix.cols()), (parts.train.rows(), 15 + 52 + 4 + 3 + 3));
    assert_eq!(fitted.output_names().len(), matrix.cols());
    let rows = matrix.rows() as f64;
    let age = fitted.output_names().iter().position(|name| name == "account_length").unwrap();
    let (sum, squares) = matrix.column(age).fold((0.0, 0.0), |(sum, squares), x| (sum + x, squares + x * x));
    assert!((sum / rows).abs() < 1e-12 && (squares / rows - 1.0).abs() < 1e-12);
    assert!(matrix.values().iter().all(|value| value.is_finite()));
    let reference = fitted.transform(&parts.reference.to_frame()).unwrap();
    assert_eq!(reference.cols(), matrix.cols());
}
