//! Every kind of split on rows that tell where they belong.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use lineal_data::{DataError, Parts, Snapshot, SplitKind, SplitRule, Table, TestPart, TimeCut, Window, split};

const DAY: i64 = 86_400_000_000;

/// `rows` quotes: an id, one of 200 customers, one of two symbols, a rare label, a day of 2025 and the seconds of that day.
fn quotes(ids: impl IntoIterator<Item = usize>) -> Table {
    let csv = ids.into_iter().fold("id,customer,symbol,label,day,at\n".to_owned(), |mut csv, id| {
        let (symbol, label) = (if id % 2 == 0 { "BTC" } else { "ETH" }, if id % 10 == 0 { "yes" } else { "no" });
        let (month, day) = (1 + id / 28 % 12, 1 + id % 28);
        let at = 1_735_689_600 + id * 86_400;
        let _ = writeln!(csv, "{id},c{},{symbol},{label},2025-{month:02}-{day:02},{at}", id * 7 % 200);
        csv
    });
    Table::from_csv(csv.as_bytes()).unwrap()
}

fn rule(kind: SplitKind) -> SplitRule {
    SplitRule { kind, ..SplitRule::rows("v1", 7, 0.2) }
}

fn kinds() -> [SplitRule; 5] {
    let time = TimeCut { column: "at".to_owned(), starts: Vec::new() };
    [
        rule(SplitKind::Row),
        rule(SplitKind::Group(vec!["customer".to_owned()])),
        rule(SplitKind::Group(vec!["symbol".to_owned(), "customer".to_owned()])),
        rule(SplitKind::Stratified("label".to_owned())),
        rule(SplitKind::Time(time)),
    ]
}

fn tested(rule: SplitRule) -> SplitRule {
    let test = |name: &str| TestPart { name: name.to_owned(), fraction: 0.1 };
    SplitRule { tests: vec![test("recent"), test("older")], ..rule }
}

fn ids(table: &Table) -> BTreeSet<u64> {
    table.numbers("id").unwrap().into_iter().map(|id| id as u64).collect()
}

/// All parts by name.
fn parts(parts: &Parts) -> BTreeMap<&str, &Table> {
    let named = [("train", &parts.train), ("reference", &parts.reference)];
    let extra = parts.extra.as_ref().map(|extra| ("extra", extra));
    named.into_iter().chain(extra).chain(parts.tests.iter().map(|(name, table)| (name.as_str(), table))).collect()
}

fn texts(table: &Table, column: &str) -> BTreeSet<String> {
    match table.column(column).unwrap() {
        lineal_data::Column::Texts(texts) => texts.into_iter().flatten().map(String::from).collect(),
        lineal_data::Column::Numbers(_) => panic!("{column} holds numbers"),
    }
}

// F58, F59
#[test]
fn parts_of_every_kind_are_disjoint_add_up_and_come_out_the_same() {
    let table = quotes(0..1000);
    for rule in kinds().map(tested) {
        let once = split(&table, &rule, None).unwrap();
        let again = split(&table, &rule, None).unwrap();
        let named = parts(&once);
        let digest = |table: &Table| Snapshot::of(table).unwrap().digest;
        for (name, part) in &named {
            assert_eq!(digest(part), digest(parts(&again)[name]), "{name} by {:?}", rule.kind);
        }
        let all: Vec<u64> = named.values().flat_map(|part| ids(part)).collect();
        assert_eq!(all.len(), 1000, "{:?}", rule.kind);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 1000, "{:?}", rule.kind);
        assert_eq!((once.left_out, once.held), (0, once.reference.rows()));
        for (name, expected) in [("reference", 200), ("recent", 100), ("older", 100)] {
            let rows = named[name].rows();
            assert!(rows.abs_diff(expected) < 80, "{rows} rows in {name} by {:?}", rule.kind);
        }
    }
}

// F60
#[test]
fn a_reference_of_every_kind_stays_and_is_never_learned_from() {
    let (first, grown) = (quotes(0..600), quotes(300..1200));
    for rule in kinds().map(tested) {
        let rule = rule.resolve(&first).unwrap();
        let fixed = split(&first, &rule, None).unwrap().reference;
        let later = split(&grown, &rule, Some(&fixed)).unwrap();
        assert_eq!(Snapshot::of(&later.reference).unwrap(), Snapshot::of(&fixed).unwrap());
        let named = parts(&later);
        let others = named.iter().filter(|(name, _)| **name != "reference");
        let all: Vec<u64> = others.flat_map(|(_, part)| ids(part)).collect();
        assert!(all.iter().all(|id| !ids(&fixed).contains(id)), "{:?}", rule.kind);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len() + later.held, 900, "{:?}", rule.kind);
        assert!(later.extra.is_some(), "{:?}", rule.kind);
    }
}

// F58
#[test]
fn rows_of_a_group_stay_together() {
    let [_, by_customer, ..] = kinds();
    let parts = split(&quotes(0..1000), &by_customer, None).unwrap();
    assert!(texts(&parts.train, "customer").is_disjoint(&texts(&parts.reference, "customer")));
    // And wherever they turn up later.
    let later = split(&quotes(1000..2000), &by_customer, Some(&parts.reference)).unwrap();
    assert!(texts(&later.train, "customer").is_disjoint(&texts(&parts.reference, "customer")));
}

// F58
#[test]
fn each_label_has_its_share_in_a_stratified_reference() {
    let [.., stratified, _] = kinds();
    let parts = split(&quotes(0..1000), &stratified, None).unwrap();
    let count = |wanted: &str| match parts.reference.column("label").unwrap() {
        lineal_data::Column::Texts(texts) => texts.iter().flatten().filter(|text| ***text == *wanted).count(),
        lineal_data::Column::Numbers(_) => 0,
    };
    assert_eq!((count("yes"), count("no")), (20, 180));
}

// F58, F84
#[test]
fn a_split_by_time_trains_on_the_past() {
    let [.., time] = kinds();
    let resolved = tested(time.clone()).resolve(&quotes(0..1000)).unwrap();
    let parts = split(&quotes(0..1000), &resolved, None).unwrap();
    assert_eq!(ids(&parts.reference), (800..1000).collect());
    assert_eq!((ids(&parts.tests[0].1), ids(&parts.tests[1].1)), ((700..800).collect(), (600..700).collect()));
    assert_eq!(ids(&parts.train), (0..600).collect());
    // Later rows come after the cut that was made once.
    let later = split(&quotes(0..1100), &resolved, Some(&parts.reference)).unwrap();
    assert_eq!(ids(later.extra.as_ref().unwrap()), (1000..1100).collect());
    assert_eq!(ids(&later.train), (0..600).collect());
    let start = 1_735_689_600_000_000 + 900 * DAY;
    let given = SplitRule { kind: SplitKind::Time(TimeCut { column: "at".to_owned(), starts: vec![start] }), ..time };
    assert_eq!(ids(&split(&quotes(0..1000), &given, None).unwrap().reference), (900..1000).collect());
}

// F84
#[test]
fn no_row_outside_the_window_is_used_and_no_label_looks_past_its_end() {
    let window = |horizon_days: u64| Window {
        column: "day".to_owned(),
        start: Some("2025-02-01".to_owned()),
        end: Some("2025-03-01T00:00:00Z".to_owned()),
        horizon_seconds: horizon_days * 86_400,
    };
    let table = quotes(0..300);
    let used = |parts: &Parts| ids(&parts.train).union(&ids(&parts.reference)).copied().collect::<BTreeSet<_>>();
    let rows = SplitRule { window: Some(window(0)), ..rule(SplitKind::Row) };
    let parts = split(&table, &rows, None).unwrap();
    assert_eq!((used(&parts), parts.left_out), ((28..56).collect(), 272));
    let ahead = SplitRule { window: Some(window(10)), ..rows };
    let parts = split(&table, &ahead, None).unwrap();
    // The label of 19 February is of 1 March, which is the end.
    assert_eq!(used(&parts), (28..47).collect());
    // By time, the labels of training rows are known before the reference begins.
    let time = SplitKind::Time(TimeCut { column: "day".to_owned(), starts: Vec::new() });
    let parts = split(&table, &SplitRule { kind: time, window: Some(window(3)), ..ahead }, None).unwrap();
    let first = *ids(&parts.reference).first().unwrap();
    assert_eq!(ids(&parts.train).last().unwrap() + 3, first);
    assert_eq!(parts.train.rows() + parts.held + parts.left_out, 300);
}

// F84
#[test]
fn a_scope_leaves_only_its_rows() {
    let scope =
        |value: &str| SplitRule { scope: [("symbol".to_owned(), value.to_owned())].into(), ..rule(SplitKind::Row) };
    let parts = split(&quotes(0..300), &scope("BTC"), None).unwrap();
    assert_eq!(texts(&parts.train, "symbol"), BTreeSet::from(["BTC".to_owned()]));
    assert_eq!((parts.left_out, parts.train.rows() + parts.held), (150, 150));
    let none = split(&quotes(0..300), &scope("DOGE"), None).unwrap_err();
    assert!(matches!(none, DataError::OutOfScope { rows: 300 }), "{none}");
    // Two users that as floats would be one.
    let first = 1_152_921_504_606_846_976_u64;
    let csv = (0..200).fold("user,x\n".to_owned(), |csv, row| csv + &format!("{},{row}\n", first + row % 2));
    let user = ("user".to_owned(), (first + 1).to_string());
    let of_user = SplitRule { scope: [user].into(), ..rule(SplitKind::Row) };
    let parts = split(&Table::from_csv(csv.as_bytes()).unwrap(), &of_user, None).unwrap();
    assert_eq!((parts.left_out, parts.train.rows() + parts.held), (100, 100));
    let by_number = SplitRule { scope: [("id".to_owned(), "5".to_owned())].into(), ..rule(SplitKind::Row) };
    assert!(matches!(split(&quotes(0..300), &by_number, None), Err(DataError::EmptyPart { .. })));
}

#[test]
fn rules_that_contradict_themselves_are_refused() {
    let test = |name: &str, fraction| TestPart { name: name.to_owned(), fraction };
    let window = |start: &str, end: &str| {
        let text = |text: &str| Some(text.to_owned());
        Some(Window { column: "day".to_owned(), start: text(start), end: text(end), horizon_seconds: 0 })
    };
    let time = SplitKind::Time(TimeCut { column: "day".to_owned(), starts: vec![0] });
    for wrong in [
        SplitRule { reference_fraction: 1.0, ..rule(SplitKind::Row) },
        SplitRule { tests: vec![test("a", 0.0)], ..rule(SplitKind::Row) },
        SplitRule { tests: vec![test("a", 0.4), test("b", 0.4)], ..rule(SplitKind::Row) },
        SplitRule { tests: vec![test("a", 0.1), test("a", 0.1)], ..rule(SplitKind::Row) },
        SplitRule { tests: vec![test("extra", 0.1)], ..rule(SplitKind::Row) },
        SplitRule { window: window("2025-02-01", "2025-02-01"), ..rule(SplitKind::Row) },
        SplitRule { window: window("first of May", "2025-02-01"), ..rule(SplitKind::Row) },
        rule(SplitKind::Group(Vec::new())),
        rule(SplitKind::Group(vec!["a".to_owned(), "a".to_owned()])),
        rule(SplitKind::Stratified(String::new())),
        SplitRule { tests: vec![test("a", 0.1)], ..rule(time) },
    ] {
        let error = wrong.check().unwrap_err();
        assert!(matches!(error, DataError::InvalidSplit { .. } | DataError::BadFraction { .. }), "{error}");
        assert!(split(&quotes(0..100), &wrong, None).is_err());
    }
}

#[test]
fn a_row_without_a_time_is_told() {
    let table = Table::from_csv(b"id,day\n1,2025-01-01\n2,\n3,2025-01-03\n").unwrap();
    let time = SplitKind::Time(TimeCut { column: "day".to_owned(), starts: Vec::new() });
    let error = split(&table, &rule(time), None).unwrap_err();
    assert!(matches!(error, DataError::MissingTime { row: 1, .. }), "{error}");
}

// F58
#[test]
fn a_rule_of_before_is_read_as_the_kind_it_was() {
    let text = r#"{"version":"v1","seed":42,"reference_fraction":0.2}"#;
    assert_eq!(serde_json::from_str::<SplitRule>(text).unwrap(), SplitRule::rows("v1", 42, 0.2));
    // What the name stands for must never change.
    assert_eq!(SplitRule::seed_of("v1"), 4_322_372_166_259_532_946);
}

#[test]
fn rows_that_are_told_count_in_the_file() {
    let csv = "symbol,day,x\neth,2025-01-01,1\nbtc,2025-01-02,2\neth,2025-01-03,3\nbtc,,4\n";
    let table = Table::from_csv(csv.as_bytes()).unwrap();
    let scope = [("symbol".to_owned(), "btc".to_owned())].into();
    let cut = |starts| SplitKind::Time(TimeCut { column: "day".to_owned(), starts });
    for kind in [cut(vec![]), cut(vec![0])] {
        let rule = SplitRule { scope: BTreeMap::clone(&scope), ..rule(kind) };
        let error = split(&table, &rule, None).unwrap_err();
        assert!(matches!(error, DataError::MissingTime { row: 3, .. }), "{error}");
    }
    let part = table.take(&[3, 1]).unwrap();
    let missing = DataError::MissingValue { column: "day".to_owned(), row: 0 }.counted_in(&table, &part);
    assert!(matches!(missing, DataError::MissingValue { row: 3, .. }), "{missing}");
}
