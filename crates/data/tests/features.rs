//! Features against NumPy's figures, over batches and over single rows.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use lineal_data::{
    Column, DataError, Feature, FeatureKind, FeatureSet, FittedFeatures, Frame, Matrix, MissingRule, Transform,
};

// Printed by reference/features.py with NumPy 2.4.6.
const AGE_MEAN: [f64; 7] = [
    0.007_452_598_838_310_542,
    0.0,
    0.864_501_465_244_010_7,
    -1.688_013_636_877_313_8,
    1.647_024_343_266_606_5,
    0.0,
    -0.830_964_770_471_613_5,
];
const AGE_MEDIAN: [f64; 7] = [
    0.005_323_254_715_193_66,
    0.005_323_254_715_193_66,
    0.862_367_263_861_397_3,
    -1.690_133_372_074_035_2,
    1.644_885_706_994_887_5,
    0.005_323_254_715_193_66,
    -0.833_089_362_927_831_5,
];
const AGE_CONSTANT: [f64; 7] = [
    0.520_274_679_025_374_8,
    -1.289_911_778_175_337_3,
    1.015_920_970_877_950_9,
    -0.460_242_985_291_677_6,
    1.468_467_585_178_128_8,
    -1.289_911_778_175_337_3,
    0.035_403_306_560_898_35,
];
const CHARGE: [f64; 7] = [
    -0.210_765_825_781_571_44,
    -0.173_881_806_274_090_3,
    -0.100_113_767_216_189_38,
    -0.542_722_001_434_779,
    0.342_494_466_959_461_56,
    -1.427_938_469_786_080_9,
    2.112_927_403_747_942_6,
];

fn feature(name: &str, source: &str, kind: FeatureKind, missing: MissingRule, transform: Transform) -> Feature {
    Feature { name: name.to_owned(), source: source.to_owned(), kind, missing, transform }
}

fn number(source: &str, missing: MissingRule) -> Feature {
    feature(source, source, FeatureKind::Number, missing, Transform::Standardize)
}

fn category(source: &str, missing: MissingRule) -> Feature {
    feature(source, source, FeatureKind::Category, missing, Transform::OneHot)
}

fn set(features: Vec<Feature>) -> FeatureSet {
    FeatureSet { version: "v1".to_owned(), features, history: None }
}

fn texts(values: &[&str]) -> Column {
    Column::Texts(values.iter().map(|text| (!text.is_empty()).then(|| (*text).into())).collect())
}

fn numbers(values: &[f64]) -> Column {
    Column::Numbers(values.to_vec())
}

fn frame(columns: Vec<(&str, Column)>) -> Frame {
    let mut frame = Frame::new(columns[0].1.len());
    for (name, column) in columns {
        frame.push(name, column).unwrap();
    }
    frame
}

fn training() -> Frame {
    let age = [41.0, f64::NAN, 52.5, 18.25, 63.0, f64::NAN, 29.75];
    let charge = [0.1, 0.2, 0.4, -0.8, 1.6, -3.2, 6.4].map(|cents| 1e6 + cents);
    frame(vec![
        ("plan", texts(&["b", "a", "", "b", "a", "ä", "a"])),
        ("age", numbers(&age)),
        ("charge", numbers(&charge)),
        ("fixed", numbers(&[0.1; 7])),
    ])
}

fn assert_column(matrix: &Matrix, j: usize, expected: &[f64]) {
    for (found, expected) in matrix.column(j).zip(expected) {
        assert!((found - expected).abs() < 1e-10, "{found} instead of {expected}");
    }
    assert_eq!(matrix.rows(), expected.len());
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn standardized_numbers_equal_numpy() {
    for (missing, expected) in
        [(MissingRule::Mean, AGE_MEAN), (MissingRule::Median, AGE_MEDIAN), (MissingRule::Constant(-1.0), AGE_CONSTANT)]
    {
        let set = set(vec![number("age", missing), number("charge", MissingRule::Reject)]);
        let matrix = set.fit(&training()).unwrap().transform(&training()).unwrap();
        assert_column(&matrix, 0, &expected);
        assert_column(&matrix, 1, &CHARGE);
    }
}

#[test]
fn a_number_that_never_varied_becomes_zero() {
    let fitted = set(vec![number("fixed", MissingRule::Mean)]).fit(&training()).unwrap();
    let served = frame(vec![("fixed", numbers(&[0.1, 5.0, f64::NAN]))]);
    assert_eq!(fitted.transform(&served).unwrap().values(), [0.0; 3]);
}

#[test]
fn an_unknown_number_stays_missing_and_is_not_averaged() {
    let fitted = set(vec![number("x", MissingRule::Unknown)]);
    let fitted = fitted.fit(&frame(vec![("x", numbers(&[1.0, f64::NAN, 3.0]))])).unwrap();
    let matrix = fitted.transform(&frame(vec![("x", numbers(&[f64::NAN, 4.0]))])).unwrap();
    assert!(matrix.row(0)[0].is_nan());
    assert_eq!(matrix.row(1), [2.0]);
}

#[test]
fn categories_are_sorted_columns_with_one_for_all_others() {
    let fitted = set(vec![category("plan", MissingRule::Unknown)]).fit(&training()).unwrap();
    assert_eq!(fitted.output_names(), ["plan=a", "plan=b", "plan=ä", "plan=<unknown>"]);
    let served =
        frame(vec![("plan", Column::Texts(vec![Some("b".into()), Some("new".into()), None, Some("".into())]))]);
    let matrix = fitted.transform(&served).unwrap();
    assert_eq!(matrix.row(0), [0.0, 1.0, 0.0, 0.0]);
    for row in 1..4 {
        assert_eq!(matrix.row(row), [0.0, 0.0, 0.0, 1.0]);
    }
}

#[test]
fn the_most_frequent_category_stands_in_for_a_missing_one_only() {
    let fitted = set(vec![category("plan", MissingRule::MostFrequent)]).fit(&training()).unwrap();
    let matrix = fitted.transform(&frame(vec![("plan", texts(&["", "new"]))])).unwrap();
    assert_eq!(matrix.row(0), [1.0, 0.0, 0.0, 0.0]);
    assert_eq!(matrix.row(1), [0.0, 0.0, 0.0, 1.0]);
    let tie = frame(vec![("plan", texts(&["b", "a", "b", "a", ""]))]);
    let fitted = set(vec![category("plan", MissingRule::MostFrequent)]).fit(&tie).unwrap();
    assert_eq!(fitted.transform(&tie).unwrap().row(4), [1.0, 0.0, 0.0]);
}

fn mixed() -> FittedFeatures {
    let raw = feature("raw age", "age", FeatureKind::Number, MissingRule::Median, Transform::None);
    let features = vec![
        number("age", MissingRule::Mean),
        category("plan", MissingRule::Unknown),
        raw,
        number("charge", MissingRule::Reject),
    ];
    set(features).fit(&training()).unwrap()
}

#[test]
fn one_row_online_gives_the_bits_of_the_batch() {
    let fitted = mixed();
    let many: Vec<usize> = (0..2000).map(|row| row % 7).collect();
    let batch = fitted.transform(&training().take(&many)).unwrap();
    assert_eq!((batch.rows(), batch.cols()), (2000, 7));
    for (i, &row) in many.iter().enumerate() {
        let single = fitted.transform(&training().take(&[row])).unwrap();
        assert_eq!(bits(single.row(0)), bits(batch.row(i)));
    }
}

#[test]
fn inputs_are_named_once_and_other_columns_are_ignored() {
    let fitted = mixed();
    let inputs = [("age", FeatureKind::Number), ("plan", FeatureKind::Category), ("charge", FeatureKind::Number)];
    assert_eq!(fitted.inputs(), inputs);
    let reordered = frame(vec![
        ("note", texts(&["x"])),
        ("charge", numbers(&[1e6])),
        ("plan", texts(&["a"])),
        ("age", numbers(&[41.0])),
    ]);
    assert_eq!(fitted.transform(&reordered).unwrap().row(0)[5..6], [41.0]);
}

#[test]
fn fitted_features_survive_json_bit_for_bit() {
    let fitted = mixed();
    let text = serde_json::to_string(&fitted).unwrap();
    let back: FittedFeatures = serde_json::from_str(&text).unwrap();
    assert_eq!(back, fitted);
    assert_eq!(
        bits(back.transform(&training()).unwrap().values()),
        bits(fitted.transform(&training()).unwrap().values())
    );
    let texts = frame(vec![("age", texts(&["41"])), ("plan", texts(&["a"])), ("charge", numbers(&[1.0]))]);
    assert!(back.transform(&texts).is_err());
}

#[test]
fn damaged_fitted_features_are_not_read() {
    let good = serde_json::to_value(set(vec![category("plan", MissingRule::MostFrequent)]).fit(&training()).unwrap());
    let good = good.unwrap();
    let broken = |change: fn(&mut serde_json::Value)| {
        let mut value = good.clone();
        change(&mut value);
        serde_json::from_value::<FittedFeatures>(value).unwrap_err().to_string()
    };
    assert!(broken(|value| value["steps"][0]["category"]["fill"] = 3.into()).contains("`plan` is damaged"));
    assert!(broken(|value| value["steps"][0]["category"]["categories"][0] = "z".into()).contains("`plan` is damaged"));
    assert!(broken(|value| value["steps"] = serde_json::json!([])).contains("number of features"));
    assert!(broken(|value| value["set"]["features"] = serde_json::json!([])).contains("no features"));
}

// F63
#[test]
fn all_missing_columns_are_told_at_once() {
    let set = set(vec![
        number("age", MissingRule::Mean),
        category("region", MissingRule::Unknown),
        number("tenure", MissingRule::Mean),
    ]);
    let error = set.fit(&training()).unwrap_err();
    assert_eq!(error.to_string(), "missing columns: `region`, `tenure`; expected: `age`, `region`, `tenure`");
    let error = mixed().transform(&frame(vec![("age", numbers(&[1.0]))])).unwrap_err();
    assert!(matches!(error, DataError::MissingColumns { names, .. } if names == ["plan", "charge"]));
}

// F63
#[test]
fn a_column_of_the_wrong_kind_is_told_by_name() {
    let error = set(vec![number("plan", MissingRule::Mean)]).fit(&training()).unwrap_err().to_string();
    assert_eq!(error, "column `plan` holds texts, expected numbers, convert it or change the declaration");
    let error = set(vec![category("age", MissingRule::Unknown)]).fit(&training()).unwrap_err().to_string();
    assert_eq!(error, "column `age` holds numbers, expected texts, convert it or change the declaration");
}

#[test]
fn values_that_cannot_be_used_are_told_with_their_row() {
    let fitted = mixed();
    let served = |age: f64, charge: f64| {
        let rows = 700;
        let last = |value: f64, fine: f64| (0..rows).map(|row| if row == rows - 1 { value } else { fine }).collect();
        frame(vec![
            ("age", Column::Numbers(last(age, 41.0))),
            ("charge", Column::Numbers(last(charge, 1e6))),
            ("plan", texts(&vec!["a"; rows])),
        ])
    };
    assert!(fitted.transform(&served(41.0, 1e6)).is_ok());
    let error = fitted.transform(&served(41.0, f64::NAN)).unwrap_err();
    assert!(matches!(error, DataError::MissingValue { column, row: 699 } if column == "charge"));
    let error = fitted.transform(&served(f64::INFINITY, 1e6)).unwrap_err();
    assert!(matches!(error, DataError::NotFinite { column, row: 699 } if column == "age"));
    let strict = set(vec![category("plan", MissingRule::Reject)]);
    assert!(matches!(strict.fit(&training()), Err(DataError::MissingValue { row: 2, .. })));
}

#[test]
fn a_column_that_teaches_nothing_is_refused() {
    let set = |missing| set(vec![number("x", missing)]);
    let empty = frame(vec![("x", numbers(&[f64::NAN, f64::NAN]))]);
    for missing in [MissingRule::Mean, MissingRule::Median, MissingRule::Unknown] {
        assert!(matches!(set(missing).fit(&empty), Err(DataError::NoValues { column }) if column == "x"));
    }
    let huge = frame(vec![("x", numbers(&[f64::MAX, f64::MAX, 1.0]))]);
    assert!(matches!(set(MissingRule::Mean).fit(&huge), Err(DataError::TooLarge { column }) if column == "x"));
}

#[test]
fn a_truth_value_is_known_however_it_is_written() {
    let texts = |texts: &[&str]| Column::Texts(texts.iter().map(|text| Some((*text).into())).collect());
    let flags = |values: &[&str]| {
        let mut frame = Frame::new(values.len());
        frame.push("flag", texts(values)).unwrap();
        frame
    };
    let known_as = |learned: &[&str], asked: &str| {
        let fitted = set(vec![category("flag", MissingRule::Unknown)]).fit(&flags(learned)).unwrap();
        let matrix = fitted.transform(&flags(&[asked])).unwrap();
        let position = matrix.row(0).iter().position(|value| *value > 0.0).unwrap();
        fitted.output_names()[position].clone()
    };
    // As pandas writes it, as a Parquet file has it, as a spreadsheet writes it.
    for learned in [["False", "True"], ["false", "true"], ["FALSE", "TRUE"]] {
        for asked in ["true", "True", "TRUE"] {
            assert_eq!(known_as(&learned, asked), format!("flag={}", learned[1]), "{asked}");
        }
        assert_eq!(known_as(&learned, "fAlse"), format!("flag={}", learned[0]));
    }
    assert_eq!(known_as(&["True", "true"], "TRUE"), "flag=<unknown>", "two of them fit");
    assert_eq!(known_as(&["True", "true"], "true"), "flag=true");
    assert_eq!(known_as(&["Yes", "no"], "yes"), "flag=<unknown>", "other texts are what they are");
}
