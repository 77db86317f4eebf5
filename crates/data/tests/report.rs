//! Reports against NumPy's figures, and expectations against tables that do not meet them.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]
#![expect(clippy::unreadable_literal, reason = "as NumPy prints them")]

use std::fmt::Write as _;

use lineal_data::{ColumnExpectation, ColumnType, DataError, DataReport, Expectations, Freshness, Snapshot, Table};
use lineal_kernel::Timestamp;

// Printed by reference/report.py with NumPy 2.4.6.
const MEAN: f64 = 1000072.0968571429;
const SD: f64 = 41.62272444377561;
const QUANTILES: [f64; 7] = [
    1000001.4271428571,
    1000007.1357142857,
    1000036.1071428572,
    1000072.2142857143,
    1000108.0357142857,
    1000136.8642857143,
    1000142.5728571429,
];
const COUNTS: [u64; 20] = [51, 49, 51, 49, 49, 51, 49, 50, 50, 49, 51, 50, 50, 50, 50, 50, 50, 51, 49, 51];
const EDGES: [f64; 21] = [
    1000000.0, 1000007.2, 1000014.4, 1000021.6, 1000028.8, 1000036.0, 1000043.2, 1000050.4, 1000057.6, 1000064.8,
    1000072.0, 1000079.2, 1000086.4, 1000093.6, 1000100.8, 1000108.0, 1000115.2, 1000122.4, 1000129.6, 1000136.8,
    1000144.0,
];

fn table(csv: &str) -> Table {
    Table::from_csv(csv.as_bytes()).unwrap()
}

fn report(table: &Table, expectations: &Expectations) -> DataReport {
    let now = Timestamp::from_micros(1_736_951_422_000_000);
    DataReport::of("customers", table, Snapshot::of(table).unwrap().digest, expectations, now).unwrap()
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{found} is not {expected}");
}

// F116
#[test]
fn the_statistics_of_a_thousand_rows_are_those_of_numpy() {
    let csv = (0..1000).fold("x\n".to_owned(), |mut csv, i| {
        let _ = writeln!(csv, "{}", f64::from(i * 7919 % 1009) / 7.0 + 1e6);
        csv
    });
    let statistics = table(&csv).statistics().remove(0);
    assert_eq!((statistics.count, statistics.nulls, statistics.distinct), (1000, 0, 1000));
    let numbers = statistics.numbers.unwrap();
    close(numbers.mean.unwrap(), MEAN);
    close(numbers.sd.unwrap(), SD);
    numbers.quantiles.iter().zip(QUANTILES).for_each(|(quantile, expected)| close(quantile.value, expected));
    let histogram = numbers.histogram.unwrap();
    assert_eq!(histogram.counts, COUNTS);
    assert_eq!(histogram.counts.iter().sum::<u64>(), 1000);
    histogram.edges.iter().zip(EDGES).for_each(|(edge, expected)| close(*edge, expected));
}

// F116
#[test]
fn values_are_counted_whatever_they_are() {
    let statistics = table("n,t,none,same\n3,b,,5\n,a,,5\n3,b,,5\n-0.0,,,5\n0,c,,5\n").statistics();
    let top =
        |column: usize| statistics[column].top.iter().map(|top| (top.value.as_str(), top.count)).collect::<Vec<_>>();
    assert_eq!((statistics[0].count, statistics[0].nulls, statistics[0].distinct), (4, 1, 2));
    assert_eq!(top(0), [("0", 2), ("3", 2)]);
    assert_eq!(top(1), [("b", 2), ("a", 1), ("c", 1)]);
    assert!(statistics[1].numbers.is_none());
    assert_eq!((statistics[2].count, statistics[2].nulls, &statistics[2].numbers), (0, 5, &None));
    let same = statistics[3].numbers.as_ref().unwrap();
    assert_eq!((same.mean, same.sd, same.histogram.as_ref().unwrap().counts[10]), (Some(5.0), Some(0.0), 5));
}

// F116
#[test]
fn numbers_beyond_a_mean_or_a_histogram_have_none() {
    let most = f64::MAX;
    let statistics = table(&format!("x\n{most:?}\n-{most:?}\n{most:?}\n")).statistics().remove(0);
    let numbers = statistics.numbers.unwrap();
    assert_eq!((numbers.sd, &numbers.histogram, numbers.max), (None, &None, most));
    let table = table(&format!("x\n{most:?}\n-{most:?}\n{most:?}\n"));
    let report = report(&table, &Expectations::default());
    assert_eq!(DataReport::from_bytes(&report.to_bytes().unwrap()).unwrap(), report);
}

fn column(name: &str) -> ColumnExpectation {
    ColumnExpectation { name: name.to_owned(), ..ColumnExpectation::default() }
}

fn strict() -> Expectations {
    Expectations {
        columns: vec![
            ColumnExpectation { column_type: Some(ColumnType::Integer), unique: true, ..column("id") },
            ColumnExpectation { min: Some(0.0), max: Some(120.0), max_null_share: Some(0.25), ..column("age") },
            ColumnExpectation { allowed: Some(vec!["a".to_owned(), "b".to_owned()]), ..column("plan") },
            ColumnExpectation { optional: true, column_type: Some(ColumnType::Text), ..column("note") },
        ],
        min_rows: Some(4),
        key: vec!["id".to_owned(), "plan".to_owned()],
        max_duplicate_share: Some(0.0),
        freshness: Some(Freshness { column: "day".to_owned(), max_age_seconds: 86_400 }),
    }
}

const GOOD: &str = "id,age,plan,day\n1,41,a,2025-01-13\n2,,b,2025-01-15\n3,0,a,2025-01-14\n4,120,b,2025-01-15\n";

// F57
#[test]
fn a_table_that_meets_every_expectation_passes() {
    let report = report(&table(GOOD), &strict());
    assert_eq!(report.failed(), [""; 0]);
    assert!(report.passed());
    let titles: Vec<_> = report.checks.iter().map(lineal_data::Check::title).collect();
    let expected = [
        "rows",
        "type(id)",
        "unique(id)",
        "range(age)",
        "nulls(age)",
        "allowed(plan)",
        "key(id, plan)",
        "duplicates",
        "freshness(day)",
    ];
    assert_eq!(titles, expected);
}

// F57
#[test]
fn each_expectation_that_is_not_met_is_named() {
    for (from, to, failed) in [
        ("4,120,b,2025-01-15\n", "", &["rows", "nulls(age)"][..]),
        ("id,", "di,", &["required(id)", "key(id, plan)"]),
        ("1,41", "1.5,41", &["type(id)"]),
        ("1,41", "2,41", &["unique(id)"]),
        ("1,41", "1,121", &["range(age)"]),
        ("3,0", "3,-1", &["range(age)"]),
        ("1,41", "1,", &["nulls(age)"]),
        ("41,a", "41,c", &["allowed(plan)"]),
        ("1,41,a,2025-01-13", "3,0,a,2025-01-14", &["unique(id)", "key(id, plan)", "duplicates"]),
        ("2025-01-15", "2025-01-12", &["freshness(day)"]),
        ("2025-01-15", "soon", &["freshness(day)"]),
        ("2025-01-15", "9999-12-31T23:59:59-23:59", &["freshness(day)"]),
        ("day", "date", &["freshness(day)"]),
        ("day", "note", &["freshness(day)"]),
    ] {
        assert!(GOOD.contains(from));
        let report = report(&table(&GOOD.replace(from, to)), &strict());
        assert_eq!(report.failed(), failed, "{from} as {to}");
        assert!(!report.passed());
    }
    let other = report(&table(&GOOD.replace("41,a", "41,c")), &strict());
    let check = other.checks.iter().find(|check| check.name == "allowed").unwrap();
    assert_eq!((check.expected.as_str(), check.found.as_str()), ("one of `a`, `b`", "also `c`"));
}

#[test]
fn integers_are_allowed_or_not_by_all_their_digits() {
    let allowed = Some(vec!["1152921504606846977".to_owned()]);
    let columns = vec![ColumnExpectation { allowed, ..column("user") }];
    let expectations = Expectations { columns, ..Expectations::default() };
    assert!(report(&table("user\n1152921504606846977\n"), &expectations).passed());
    let other = report(&table("user\n1152921504606846976\n"), &expectations);
    assert_eq!(other.checks.last().unwrap().found, "also `1152921504606846976`");
}

// F57
#[test]
fn a_table_meets_what_was_inferred_from_it() {
    let csv = (0..100).fold("id,plan,charge\n".to_owned(), |mut csv, id| {
        let _ = writeln!(csv, "{id},{},{}", ["a", "b", ""][id % 3], if id % 10 == 0 { "" } else { "0.5" });
        csv
    });
    let table = table(&csv);
    let expectations = Expectations::infer(&table.statistics());
    assert!(report(&table, &expectations).passed());
    assert_eq!(expectations.columns[1].allowed.as_deref(), Some(&["a".to_owned(), "b".to_owned()][..]));
    assert_eq!(expectations.columns[0].max_null_share, Some(0.0));
    let text = serde_json::to_string(&expectations).unwrap();
    assert_eq!(serde_json::from_str::<Expectations>(&text).unwrap(), expectations);
}

// F57
#[test]
fn expectations_that_contradict_themselves_are_refused() {
    let one = |column: ColumnExpectation| Expectations { columns: vec![column], ..Expectations::default() };
    for wrong in [
        one(column("")),
        Expectations { columns: vec![column("a"), column("a")], ..Expectations::default() },
        one(ColumnExpectation { min: Some(2.0), max: Some(1.0), ..column("a") }),
        one(ColumnExpectation { min: Some(f64::NAN), ..column("a") }),
        one(ColumnExpectation { max_null_share: Some(1.5), ..column("a") }),
        one(ColumnExpectation { column_type: Some(ColumnType::Text), min: Some(0.0), ..column("a") }),
        Expectations { max_duplicate_share: Some(-0.1), ..Expectations::default() },
    ] {
        assert!(matches!(wrong.check(), Err(DataError::InvalidExpectation { .. })), "{wrong:?}");
    }
    assert!(strict().check().is_ok());
    assert!(serde_json::from_str::<Expectations>(r#"{"minimum_rows": 5}"#).is_err());
}
