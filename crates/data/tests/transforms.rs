//! Every transform: what it makes of a value, and that one row gives the bits of the batch.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use lineal_data::{
    Column, DataError, Feature, FeatureKind, FeatureSet, FittedFeatures, Frame, Matrix, MissingRule, Transform,
};

/// Numbers without order, the same every time.
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn number(&mut self) -> f64 {
        match self.next(12) {
            0 => f64::NAN,
            1 => 0.0,
            2 => -0.0,
            3 => 1e100,
            4 => -1e-300,
            _ => (self.next(2_000_001) as f64 - 1e6) / 1e3,
        }
    }

    fn text(&mut self) -> Option<Box<str>> {
        match self.next(8) {
            0 => None,
            1 => Some("".into()),
            n => Some(format!("plan {n}").into()),
        }
    }

    fn date(&mut self) -> Option<Box<str>> {
        let (month, day, hour) = (1 + self.next(12), 1 + self.next(28), self.next(24));
        match self.next(5) {
            0 => None,
            1 => Some(format!("2025-{month:02}-{day:02}").into()),
            _ => Some(format!("2025-{month:02}-{day:02}T{hour:02}:30:00+02:00").into()),
        }
    }
}

fn frame(random: &mut Random, rows: usize) -> Frame {
    let mut frame = Frame::new(rows);
    for name in ["x", "y"] {
        frame.push(name, Column::Numbers((0..rows).map(|_| random.number()).collect())).unwrap();
    }
    frame.push("plan", Column::Texts((0..rows).map(|_| random.text()).collect())).unwrap();
    frame.push("day", Column::Texts((0..rows).map(|_| random.date()).collect())).unwrap();
    frame
}

fn feature(source: &str, missing: MissingRule, transform: Transform) -> Feature {
    let kind = if ["x", "y"].contains(&source) { FeatureKind::Number } else { FeatureKind::Category };
    Feature { name: format!("{source} {missing:?} {transform:?}"), source: source.to_owned(), kind, missing, transform }
}

fn set(features: Vec<Feature>) -> FeatureSet {
    FeatureSet { version: "v1".to_owned(), features, history: None }
}

/// Every transform with every rule for missing values that it takes.
fn everything() -> FeatureSet {
    let numbers = [
        Transform::None,
        Transform::Standardize,
        Transform::Clip { low: -10.0, high: 250.5 },
        Transform::Log,
        Transform::Buckets { count: 7 },
        Transform::Ratio { over: "y".to_owned() },
    ];
    let rules = [MissingRule::Mean, MissingRule::Median, MissingRule::Constant(-1.5), MissingRule::Unknown];
    let mut features: Vec<_> =
        numbers.iter().flat_map(|transform| rules.iter().map(|&rule| feature("x", rule, transform.clone()))).collect();
    features.push(feature("plan", MissingRule::Unknown, Transform::OneHot));
    features.push(feature("plan", MissingRule::MostFrequent, Transform::OneHot));
    features.push(feature("day", MissingRule::Unknown, Transform::DateParts));
    set(features)
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn of_numbers(values: &[f64], missing: MissingRule, transform: Transform) -> (FittedFeatures, Matrix) {
    let mut frame = Frame::new(values.len());
    frame.push("x", Column::Numbers(values.to_vec())).unwrap();
    let fitted = set(vec![feature("x", missing, transform)]).fit(&frame).unwrap();
    let matrix = fitted.transform(&frame).unwrap();
    (fitted, matrix)
}

// F63, F64
#[test]
fn a_batch_has_the_bits_of_its_rows_for_every_transform() {
    for seed in 0..40 {
        let mut random = Random(seed);
        let fitted = everything().fit(&frame(&mut random, 300)).unwrap();
        // As it is kept in a bundle.
        let fitted: FittedFeatures = serde_json::from_str(&serde_json::to_string(&fitted).unwrap()).unwrap();
        let served = frame(&mut random, 600);
        let batch = fitted.transform(&served).unwrap();
        assert_eq!(batch.cols(), fitted.output_names().len());
        for row in 0..served.rows() {
            let single = fitted.transform(&served.take(&[row])).unwrap();
            assert_eq!(bits(single.row(0)), bits(batch.row(row)), "row {row} of seed {seed}");
        }
    }
}

#[test]
fn clipped_numbers_stay_within_the_limits() {
    let (_, matrix) = of_numbers(&[-5.0, 0.5, 9.0], MissingRule::Reject, Transform::Clip { low: 0.0, high: 1.0 });
    assert_eq!(matrix.values(), [0.0, 0.5, 1.0]);
}

#[test]
fn buckets_hold_about_as_many_rows_each_and_missing_numbers_have_their_own() {
    let values: Vec<_> = (0..100).map(f64::from).chain([f64::NAN]).collect();
    let (fitted, matrix) = of_numbers(&values, MissingRule::Unknown, Transform::Buckets { count: 4 });
    let ends: Vec<_> = fitted.output_names().iter().map(|name| name.rsplit_once('=').unwrap().1.to_owned()).collect();
    assert_eq!(ends, ["-inf..25", "25..50", "50..75", "75..inf", "<missing>"]);
    let sums: Vec<f64> = (0..5).map(|bucket| matrix.column(bucket).sum()).collect();
    assert_eq!(sums, [25.0, 25.0, 25.0, 25.0, 1.0]);
    let (fitted, _) = of_numbers(&[1.0; 10], MissingRule::Unknown, Transform::Buckets { count: 4 });
    assert_eq!(fitted.output_names().len(), 2);
}

#[test]
fn a_ratio_reads_two_columns() {
    let mut frame = Frame::new(4);
    frame.push("y", Column::Numbers(vec![4.0, 0.0, 2.0, f64::NAN])).unwrap();
    frame.push("x", Column::Numbers(vec![1.0, 1.0, 3.0, 1.0])).unwrap();
    let ratio = |missing| feature("x", missing, Transform::Ratio { over: "y".to_owned() });
    let fitted = set(vec![ratio(MissingRule::Mean)]).fit(&frame).unwrap();
    assert_eq!(fitted.transform(&frame).unwrap().values(), [0.25, 0.875, 1.5, 0.875]);
    assert_eq!(fitted.inputs(), [("x", FeatureKind::Number), ("y", FeatureKind::Number)]);
    let strict = set(vec![ratio(MissingRule::Reject)]);
    assert!(matches!(strict.fit(&frame), Err(DataError::MissingValue { row: 1, .. })));
    let mut alone = Frame::new(1);
    alone.push("x", Column::Numbers(vec![1.0])).unwrap();
    assert!(matches!(fitted.transform(&alone), Err(DataError::MissingColumns { names, .. }) if names == ["y"]));
}

#[test]
fn dates_that_are_none_are_told_with_their_row() {
    let dates = |texts: [&str; 2]| {
        let mut frame = Frame::new(2);
        frame.push("day", Column::Texts(texts.map(|text| Some(text.into())).to_vec())).unwrap();
        frame
    };
    let set = set(vec![feature("day", MissingRule::Unknown, Transform::DateParts)]);
    let fitted = set.fit(&dates(["2025-01-15T14:30:00Z", ""])).unwrap();
    let matrix = fitted.transform(&dates(["2025-01-15T14:30:00Z", ""])).unwrap();
    assert_eq!(matrix.row(0), [2025.0, 1.0, 15.0, 3.0, 14.0, 30.0]);
    assert!(matrix.row(1).iter().all(|value| value.is_nan()));
    let error = fitted.transform(&dates(["2025-01-15", "soon"])).unwrap_err();
    assert!(matches!(error, DataError::NotATime { row: 1, .. }), "{error}");
}

// F63
#[test]
fn an_unknown_category_is_served_as_the_unknown_one() {
    let mut random = Random(1);
    let fitted = everything().fit(&frame(&mut random, 100)).unwrap();
    let known = frame(&mut random, 1);
    let mut served = Frame::new(1);
    for name in ["x", "y", "day"] {
        served.push(name, known.column(name).unwrap().clone()).unwrap();
    }
    served.push("plan", Column::Texts(vec![Some("never seen".into())])).unwrap();
    let matrix = fitted.transform(&served).unwrap();
    let names = fitted.output_names();
    let ones: Vec<_> =
        names.iter().zip(matrix.row(0)).filter(|(name, value)| name.starts_with("plan") && **value > 0.0).collect();
    assert!(ones.len() == 2 && ones.iter().all(|(name, _)| name.ends_with("<unknown>")), "{ones:?}");
}

#[test]
fn many_rows_are_what_few_rows_are_and_the_first_bad_one_is_told() {
    let rows = 140_000;
    let mut frame = frame(&mut Random(3), rows);
    let features = vec![
        feature("x", MissingRule::Mean, Transform::Standardize),
        feature("plan", MissingRule::Unknown, Transform::OneHot),
    ];
    let fitted = FeatureSet { version: "v1".to_owned(), features, history: None }.fit(&frame).unwrap();
    let whole = fitted.transform(&frame).unwrap();
    for rows in [0..70_000, 70_000..rows] {
        let part = fitted.transform(&frame.take(&rows.clone().collect::<Vec<_>>())).unwrap();
        let place = rows.start * whole.cols()..rows.end * whole.cols();
        assert!(part.values().iter().zip(&whole.values()[place]).all(|(one, other)| one.to_bits() == other.to_bits()));
    }
    let mut numbers = vec![1.0; rows];
    (numbers[139_000], numbers[600]) = (f64::INFINITY, f64::INFINITY);
    let plans = frame.column("plan").unwrap().clone();
    frame = Frame::new(rows);
    frame.push("x", Column::Numbers(numbers)).unwrap();
    frame.push("plan", plans).unwrap();
    assert!(matches!(fitted.transform(&frame), Err(DataError::NotFinite { row: 600, .. })));
}
