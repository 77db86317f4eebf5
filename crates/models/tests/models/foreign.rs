//! Models that other libraries trained, beside what these libraries score with them.

use std::{collections::BTreeMap, fs, path::PathBuf};

use lineal_data::{Column, Matrix};
use lineal_models::{ForeignModel, Library, Model};
use serde::Deserialize;

/// What a library says of one of its models.
#[derive(Deserialize)]
struct Expected {
    rows: Vec<Vec<Option<f64>>>,
    margins: Vec<f64>,
    scores: Vec<f64>,
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/foreign"))
}

fn expected() -> BTreeMap<String, Expected> {
    serde_json::from_slice(&fs::read(folder().join("expected.json")).unwrap()).unwrap()
}

fn bytes(name: &str) -> Vec<u8> {
    let files = ["txt", "json", "ubj"].map(|form| folder().join(format!("{name}.{form}")));
    let file = files.iter().find(|file| file.exists()).unwrap_or_else(|| panic!("there is no file of {name}"));
    fs::read(file).unwrap()
}

fn read(name: &str) -> ForeignModel {
    ForeignModel::read(&bytes(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn scores(model: &Model, x: &Matrix) -> Vec<f64> {
    let mut scores = Vec::new();
    model.evaluator(x.cols()).unwrap().evaluate(x, &mut scores);
    scores
}

fn matrix(rows: &[Vec<Option<f64>>]) -> Matrix {
    let values = rows.iter().flatten().map(|value| value.unwrap_or(f64::NAN)).collect();
    Matrix::new(rows.len(), rows[0].len(), values).unwrap()
}

/// F66. The libraries' own exponential may be another machine's: scores may differ in their last bit, margins never.
#[test]
fn every_margin_is_the_librarys_to_the_last_bit() {
    let expected = expected();
    assert!(expected.len() > 30, "only {} models", expected.len());
    for (name, expected) in expected {
        let (foreign, x) = (read(&name), matrix(&expected.rows));
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        let margins = scores(&foreign.model.margins(), &x);
        for (row, (ours, theirs)) in margins.iter().zip(&expected.margins).enumerate() {
            assert_eq!(ours.to_bits(), theirs.to_bits(), "{name}, margin {row}: {ours} is not {theirs}");
        }
        assert_eq!(margins.len(), expected.margins.len(), "{name}");
        let found = scores(&foreign.model, &x);
        let ulp = if foreign.library == Library::XgBoost { f64::from(f32::EPSILON) } else { f64::EPSILON };
        for (row, (ours, theirs)) in found.iter().zip(&expected.scores).enumerate() {
            assert!((ours - theirs).abs() <= ulp * theirs.abs(), "{name}, score {row}: {ours} is not {theirs}");
        }
        assert_eq!(found.len(), expected.scores.len(), "{name}");
        let stored: Model = serde_json::from_slice(&serde_json::to_vec(&foreign.model).unwrap()).unwrap();
        assert_eq!(bits(&scores(&stored, &x)), bits(&found), "{name} after storing");
    }
}

#[test]
fn probes_reach_many_leaves() {
    for name in expected().into_keys().filter(|name| name != "lightgbm_without_splits") {
        let foreign = read(&name);
        let probes = foreign.probes().unwrap();
        let columns: Vec<_> = probes.names().map(|name| probes.column(name).unwrap()).collect();
        let value = |row: usize, column: &Column| match column {
            Column::Numbers(values) => values[row],
            Column::Texts(_) => panic!("probes are numbers"),
        };
        let values = (0..probes.rows()).flat_map(|row| columns.iter().map(move |column| value(row, column))).collect();
        let x = Matrix::new(probes.rows(), columns.len(), values).unwrap();
        let mut found = scores(&foreign.model.margins(), &x);
        found.sort_by(f64::total_cmp);
        found.dedup();
        assert!(found.len() > 8, "{name}: {found:?}");
    }
}
