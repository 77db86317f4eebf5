//! Lags: what pandas makes of them, piece by piece as at once, and never across groups or parts.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::fmt::Write as _;

use lineal_data::{
    Column, DataError, Feature, FeatureKind, FeatureSet, History, Lag, LookBack, MissingRule, SplitKind, SplitRule,
    Table, TimeCut, Transform, split,
};

const ROWS: &str = "day,team,goals,result\n\
    2025-01-15,reds,2,won\n\
    2025-01-08,blues,1,lost\n\
    2025-01-01,reds,0,lost\n\
    2025-01-22,reds,,\n\
    2025-01-08T20:00:00Z,reds,3,won\n\
    2025-01-01,blues,4,won\n\
    2025-01-15,,9,won\n\
    2025-02-05,blues,2,drawn\n\
    2025-01-29,reds,1,lost\n\
    2025-01-22,blues,0,lost\n";

// From tests/reference/lags.py.
const GOALS_LAG_1: [Option<f64>; 10] =
    [Some(3.0), Some(4.0), None, Some(2.0), Some(0.0), None, None, Some(0.0), None, Some(1.0)];
const GOALS_LAG_2: [Option<f64>; 10] =
    [Some(0.0), None, None, Some(3.0), None, None, None, Some(1.0), Some(2.0), Some(4.0)];
const RESULT_LAG_1: [Option<&str>; 10] =
    [Some("won"), Some("won"), None, Some("won"), Some("lost"), None, None, Some("lost"), None, Some("lost")];

fn lag(column: &str, rows: u32) -> Lag {
    Lag { column: column.to_owned(), rows }
}

fn history(lags: Vec<Lag>) -> History {
    History { order: "day".to_owned(), group: Some("team".to_owned()), lags }
}

fn table(csv: &str) -> Table {
    Table::from_csv(csv.as_bytes()).unwrap()
}

fn numbers(table: &Table, name: &str) -> Vec<Option<f64>> {
    table.numbers(name).unwrap().into_iter().map(|value| (!value.is_nan()).then_some(value)).collect()
}

#[test]
fn groups_that_only_an_integer_tells_apart_have_histories_of_their_own() {
    let rows = "day,team,goals\n\
        2025-01-01,9007199254740992,1\n2025-01-01,9007199254740993,2\n\
        2025-01-02,9007199254740992,3\n2025-01-02,9007199254740993,4\n";
    let filled = history(vec![lag("goals", 1)]).fill(&table(rows)).unwrap();
    assert_eq!(numbers(&filled, "goals_lag_1"), [None, None, Some(1.0), Some(2.0)]);
}

/// Matches of `teams` on `days`, in order of the day, with a number of their own for goals.
fn season(days: usize, teams: usize) -> String {
    let mut csv = "day,team,goals,result\n".to_owned();
    for day in 0..days {
        // Not every team plays every day.
        for team in (0..teams).filter(|team| (day * 7 + team * 3) % 5 != 0) {
            let goals = day * 100 + team;
            let _ = writeln!(csv, "2025-{:02}-{:02},team {team},{goals},won", 1 + day / 28, 1 + day % 28);
        }
    }
    csv
}

#[test]
fn lags_are_those_of_pandas_whatever_the_order_of_the_rows() {
    let rows = table(ROWS);
    let history = history(vec![lag("goals", 1), lag("goals", 2), lag("result", 1)]);
    for order in [(0..10).collect(), (0..10).rev().collect(), vec![3, 9, 1, 0, 8, 2, 7, 4, 6, 5]] {
        let filled = history.fill(&rows.take(&order).unwrap()).unwrap();
        let numbers_of = |all: [Option<f64>; 10]| order.iter().map(|&row: &usize| all[row]).collect::<Vec<_>>();
        assert_eq!(numbers(&filled, "goals_lag_1"), numbers_of(GOALS_LAG_1));
        assert_eq!(numbers(&filled, "goals_lag_2"), numbers_of(GOALS_LAG_2));
        let texts = order.iter().map(|&row| RESULT_LAG_1[row].map(Box::from)).collect();
        assert_eq!(filled.column("result_lag_1").unwrap(), Column::Texts(texts));
    }
    // Without groups the row before is that of any team.
    let one = History { group: None, lags: vec![lag("goals", 1)], ..history };
    let rows = rows.take(&[2, 1, 0, 3]).unwrap();
    assert_eq!(numbers(&one.fill(&rows).unwrap(), "goals_lag_1"), [None, Some(0.0), Some(1.0), Some(2.0)]);
}

#[test]
fn rows_that_come_piece_by_piece_have_the_lags_of_all_at_once() {
    let rows = table(&season(60, 5));
    let history = history(vec![lag("goals", 1), lag("goals", 4), lag("result", 2)]);
    let whole = history.fill(&rows).unwrap();
    for piece in [1, 3, 17, 1000] {
        let (mut look_back, mut first) = (LookBack::new(history.clone()), 0);
        while first < rows.rows() {
            let until = rows.rows().min(first + piece);
            let range: Vec<_> = (first..until).collect();
            assert_eq!(look_back.fill(&rows.take(&range).unwrap()).unwrap(), whole.take(&range).unwrap(), "{piece}");
            first = until;
        }
    }
}

// F59
#[test]
fn a_lag_is_told_from_earlier_rows_of_its_group_in_its_part_and_from_no_others() {
    let rows = table(&season(50, 4));
    let by_time = SplitKind::Time(TimeCut { column: "day".to_owned(), starts: vec![] });
    let parts = split(&rows, &SplitRule { kind: by_time, ..SplitRule::rows("v1", 1, 0.3) }, None).unwrap();
    let history = history(vec![lag("goals", 1), lag("goals", 3)]);
    let mut compared = 0;
    for part in [&parts.train, &parts.reference] {
        let filled = history.fill(part).unwrap();
        let (goals, teams) = (part.numbers("goals").unwrap(), part.column("team").unwrap());
        let Column::Texts(teams) = teams else { panic!("teams are texts") };
        for rows in [1, 3] {
            for (row, found) in numbers(&filled, &format!("goals_lag_{rows}")).into_iter().enumerate() {
                // Goals grow with the day: the matches of the team before this one, counted one by one.
                let mut before: Vec<_> =
                    (0..part.rows()).filter(|&other| teams[other] == teams[row] && goals[other] < goals[row]).collect();
                before.sort_by(|a, b| goals[*b].total_cmp(&goals[*a]));
                assert_eq!(found, before.get(rows - 1).map(|&row| goals[row]));
                compared += usize::from(found.is_some());
            }
        }
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn a_lag_that_the_rows_have_already_stays_as_it_is() {
    let given = table("goals_lag_1,x\n7,1\n,2\n");
    let history = history(vec![lag("goals", 1)]);
    assert_eq!(history.fill(&given).unwrap(), given);
    assert_eq!(LookBack::new(history).fill(&given).unwrap(), given);
}

#[test]
fn rows_without_an_order_are_refused_by_row() {
    let told = |csv: &str| history(vec![lag("goals", 1)]).fill(&table(csv)).unwrap_err();
    let twice = told("day,team,goals\n2025-01-01,reds,1\n2025-01-01,blues,1\n2025-01-01,reds,2\n");
    assert!(matches!(&twice, DataError::UndecidedOrder { column, row: 2, .. } if column == "day"), "{twice}");
    let never = told("day,team,goals\n2025-01-01,reds,1\n,reds,2\n");
    assert!(matches!(never, DataError::UndecidedOrder { row: 1, .. }), "{never}");
    let odd = told("day,team,goals\n2025-01-01,reds,1\nyesterday,reds,2\n");
    assert!(matches!(odd, DataError::NotATime { row: 1, .. }), "{odd}");
    let none = told("date,team,goals\n2025-01-01,reds,1\n");
    assert!(matches!(&none, DataError::UnknownColumn { column, .. } if column == "day"), "{none}");
    // A number is an order as well, and the rows of a file are counted over all its pieces.
    let mut look_back = LookBack::new(History { order: "round".to_owned(), ..history(vec![lag("goals", 1)]) });
    look_back.fill(&table("round,team,goals\n1,reds,1\n2,reds,2\n5,blues,1\n")).unwrap();
    let piece = table("round,team,goals\n3,reds,3\n4,blues,4\n");
    let late = look_back.fill(&piece).unwrap_err();
    assert!(matches!(&late, DataError::OutOfOrder { column, row: 4 } if column == "round"), "{late}");
    let piece = table("round,team,goals\n3,reds,3\n5,blues,4\n");
    let twice = look_back.fill(&piece).unwrap_err();
    assert!(matches!(twice, DataError::UndecidedOrder { row: 4, .. }), "{twice}");
}

#[test]
fn a_history_that_makes_no_sense_is_refused_by_field() {
    let feature = |source: &str| Feature {
        name: source.to_owned(),
        source: source.to_owned(),
        kind: FeatureKind::Number,
        missing: MissingRule::Mean,
        transform: Transform::None,
    };
    let set = |history| FeatureSet {
        version: "v1".to_owned(),
        features: vec![feature("goals"), feature("goals_lag_1")],
        history: Some(history),
    };
    let good = history(vec![lag("goals", 1)]);
    for (wrong, field) in [
        (History { order: String::new(), ..good.clone() }, "order_column"),
        (History { group: Some("day".to_owned()), ..good.clone() }, "group_column"),
        (history(vec![]), "lags"),
        (history(vec![lag("goals", 1), lag("goals", 1)]), "lags[1]"),
        (history(vec![lag("goals", 1), lag("goals", 2)]), "lags[1]"),
        (history(vec![lag("goals", 0)]), "lags[0]"),
        (history(vec![lag("goals", 1001)]), "lags[0]"),
        (history(vec![lag("", 1)]), "lags[0]"),
    ] {
        let error = set(wrong).check().unwrap_err();
        assert!(matches!(&error, DataError::InvalidHistory { field: found, .. } if found == field), "{error}");
    }
    let set = set(good);
    set.check().unwrap();
    // A set without lags is written as it always was.
    let text = serde_json::to_string(&set).unwrap();
    assert!(
        text.ends_with(r#""history":{"order":"day","group":"team","lags":[{"column":"goals","rows":1}]}}"#),
        "{text}"
    );
    assert_eq!(serde_json::from_str::<FeatureSet>(&text).unwrap(), set);
    let plain = FeatureSet { history: None, ..set };
    assert!(!serde_json::to_string(&plain).unwrap().contains("history"));
}
