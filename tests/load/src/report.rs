//! What a benchmark found: a table for people and a file for programs.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::Serialize;

/// One figure beside what bounds it and beside another system.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Figure {
    case: String,
    unit: &'static str,
    ours: f64,
    limit: Option<f64>,
    peer: Option<f64>,
    pub(crate) ratio_to_limit: Option<f64>,
    pub(crate) ratio_to_peer: Option<f64>,
    goal: Option<Goal>,
    met: Option<bool>,
}

/// What a figure should be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl Goal {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "at least {least}"),
            Self::AtMost(most) => write!(f, "at most {most}"),
        }
    }
}

impl Figure {
    /// Ratios are ours divided by theirs; there is none to a figure that is absent or zero.
    pub(crate) fn new(case: String, unit: &'static str, ours: f64, limit: Option<f64>, peer: Option<f64>) -> Self {
        let ratio = |other: Option<f64>| other.map(|other| ours / other).filter(|ratio| ratio.is_finite());
        let (ratio_to_limit, ratio_to_peer) = (ratio(limit), ratio(peer));
        Self { case, unit, ours, limit, peer, ratio_to_limit, ratio_to_peer, goal: None, met: None }
    }

    /// With what it should be, if it should be anything.
    pub(crate) fn goal(self, goal: Option<Goal>) -> Self {
        Self { goal, met: goal.map(|goal| goal.is_met(self.ours)), ..self }
    }

    /// Case, figure, goal and verdict, if there is a goal.
    pub(crate) fn verdict(&self) -> Option<[String; 4]> {
        let unit = self.unit;
        let verdict = if self.met? { "met" } else { "MISSED" };
        let (found, goal) = (format!("{} {unit}", number(self.ours)), format!("{} {unit}", self.goal?));
        Some([self.case.clone(), found, goal, verdict.to_owned()])
    }

    /// With the figure of another system.
    fn beside(self, peer: f64) -> Self {
        let (goal, met) = (self.goal, self.met);
        Self { goal, met, ..Self::new(self.case, self.unit, self.ours, self.limit, Some(peer)) }
    }

    fn cells(&self) -> [String; COLUMNS] {
        let ratio = |ratio: Option<f64>| ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
        [
            self.case.clone(),
            self.unit.to_owned(),
            number(self.ours),
            self.limit.map(number).unwrap_or_default(),
            ratio(self.ratio_to_limit),
            self.peer.map(number).unwrap_or_default(),
            ratio(self.ratio_to_peer),
        ]
    }
}

const COLUMNS: usize = 7;
const HEADINGS: [&str; COLUMNS] = ["case", "unit", "ours", "limit", "ours/limit", "peer", "ours/peer"];

/// All figures of one benchmark; displayed as a table without the columns that none of them fills.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// In the order of their measurement.
    pub(crate) figures: Vec<Figure>,
}

impl Report {
    /// Puts the figure of another system beside the case.
    pub(crate) fn beside_peer(&mut self, case: &str, peer: f64) {
        for figure in self.figures.iter_mut().filter(|figure| figure.case == case) {
            *figure = figure.clone().beside(peer);
        }
    }

    /// Adds a ratio of the figure of `case` to another one as a figure with a goal.
    pub(crate) fn goal_of_ratio(&mut self, case: &str, to: &str, ratio: fn(&Figure) -> Option<f64>, goal: Goal) {
        let found = self.figures.iter().find(|figure| figure.case == case).and_then(ratio);
        let figure = |ratio| Figure::new(format!("{case} beside {to}"), "x", ratio, None, None).goal(Some(goal));
        self.figures.extend(found.map(figure));
    }

    /// Writes the list as `bench/<name>.json` in `target` and returns where.
    pub(crate) fn write(&self, target: &Path, name: &str) -> anyhow::Result<PathBuf> {
        let folder = target.join("bench");
        let file = folder.join(format!("{name}.json"));
        let text = serde_json::to_string_pretty(&self.figures)? + "\n";
        let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&file, text));
        written.with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![HEADINGS.map(str::to_owned)];
        lines.extend(self.figures.iter().map(Figure::cells));
        // Texts to the left, numbers to the right.
        f.write_str(&aligned(&lines, 2))
    }
}

/// The goals among `figures`, and whether they are met, as a table.
pub(crate) fn verdicts(figures: &[Figure]) -> String {
    let headings = ["goal", "found", "wanted", ""].map(str::to_owned);
    let goals = figures.iter().filter_map(Figure::verdict);
    aligned(&std::iter::once(headings).chain(goals).collect::<Vec<_>>(), 1)
}

/// Lines of a table, the first `left` columns to the left and the others to the right; the first line is the headings. A column that
/// no line fills is left out.
pub(crate) fn aligned<L: AsRef<[String]>>(lines: &[L], left: usize) -> String {
    let columns = lines.first().map_or(0, |line| line.as_ref().len());
    let width = |column: usize| {
        let filled = lines.iter().skip(1).any(|line| !line.as_ref()[column].is_empty());
        filled.then(|| lines.iter().map(|line| line.as_ref()[column].len()).max().unwrap_or_default())
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut table = String::new();
    for line in lines {
        let cells = line.as_ref().iter().zip(&widths).enumerate().filter_map(|(column, (cell, width))| {
            let width = (*width)?;
            Some(if column < left { format!("{cell:width$}") } else { format!("{cell:>width$}") })
        });
        table += &(cells.collect::<Vec<_>>().join("  ") + "\n");
    }
    table
}

/// Three or more digits that mean something.
fn number(value: f64) -> String {
    match value.abs() {
        size if size < 10.0 => format!("{value:.3}"),
        size if size < 1000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn figure(ours: f64, limit: Option<f64>, peer: Option<f64>) -> Figure {
        Figure::new("trees, rate".to_owned(), "1/s", ours, limit, peer)
    }

    #[test]
    fn the_file_is_a_list_of_cases_with_null_where_nothing_applies() {
        let target = tempfile::tempdir().unwrap();
        let report = Report {
            figures: vec![
                figure(30.0, Some(60.0), None),
                figure(30.0, None, Some(10.0)).goal(Some(Goal::AtMost(20.0))),
            ],
        };
        let file = report.write(target.path(), "predictions").unwrap();
        assert_eq!(file, target.path().join("bench/predictions.json"));
        let found: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        let expected = json!([
            {"case": "trees, rate", "unit": "1/s", "ours": 30.0, "limit": 60.0, "peer": null, "ratio_to_limit": 0.5,
             "ratio_to_peer": null, "goal": null, "met": null},
            {"case": "trees, rate", "unit": "1/s", "ours": 30.0, "limit": null, "peer": 10.0, "ratio_to_limit": null,
             "ratio_to_peer": 3.0, "goal": {"at_most": 20.0}, "met": false},
        ]);
        assert_eq!(found, expected);
    }

    #[test]
    fn there_is_no_ratio_to_zero() {
        for limit in [0.0, f64::NAN] {
            assert_eq!(figure(30.0, Some(limit), None).ratio_to_limit, None);
        }
        assert_eq!(figure(0.0, Some(2.0), None).ratio_to_limit, Some(0.0));
    }

    #[test]
    fn the_table_is_aligned_and_leaves_out_what_no_case_has() {
        let report = Report {
            figures: vec![
                figure(30_000.4, Some(60_000.0), None),
                Figure::new("p50".to_owned(), "ms", 0.1234, Some(0.1), None),
            ],
        };
        let expected = "case         unit   ours  limit  ours/limit\n\
                        trees, rate  1/s   30000  60000        0.50\n\
                        p50          ms    0.123  0.100        1.23\n";
        assert_eq!(report.to_string(), expected);
    }
}
