//! What was found: a table of cases, and the goals that are met or missed.

use std::{fmt, time::Duration};

use super::{databases::Database, operations::Operation};
use crate::{
    load::{Measured, middle},
    report::{Figure, Goal, Report, aligned, verdicts},
};

/// The client count that goals speak of.
const MANY: usize = 16;

/// One operation at one number of clients.
#[derive(Debug)]
pub(super) struct Case {
    database: String,
    pub(super) operation: Operation,
    pub(super) clients: usize,
    ours: Measured,
    bare: Measured,
    /// Answers of the peer a second.
    pub(super) peer: Option<f64>,
}

impl Case {
    /// Of the middle turns.
    pub(super) fn new(
        database: &Database,
        operation: Operation,
        clients: usize,
        ours: &[Measured],
        bare: &[Measured],
    ) -> Self {
        let middle = |turns: &[Measured]| Measured {
            rate: middle(turns, |turn| turn.rate),
            p50: middle(turns, |turn| turn.p50),
            p99: middle(turns, |turn| turn.p99),
            cpu: middle(turns, |turn| turn.cpu),
        };
        let database = database.to_string();
        Self { database, operation, clients, ours: middle(ours), bare: middle(bare), peer: None }
    }

    /// Where a peer on SQLite is compared.
    pub(super) fn is_on_sqlite(&self) -> bool {
        self.database == Database::Sqlite.to_string()
    }

    fn title(&self) -> String {
        let plural = if self.clients == 1 { "" } else { "s" };
        format!("{}, {}, {} client{plural}", self.database, self.operation, self.clients)
    }

    fn cells(&self) -> Vec<String> {
        let Measured { rate, p50, p99, cpu } = self.ours;
        let mut cells = vec![
            format!("{}, {}", self.database, self.operation),
            self.clients.to_string(),
            format!("{rate:.0}"),
            format!("{p50:.2}"),
            format!("{p99:.2}"),
            format!("{cpu:.0}"),
            format!("{:.0}", self.bare.rate),
            format!("{:.2}", rate / self.bare.rate),
        ];
        let peer = self.peer.map(|peer| [format!("{peer:.0}"), format!("{:.0}", rate / peer)]);
        cells.extend(peer.unwrap_or_default());
        cells
    }

    fn figures(&self) -> Vec<Figure> {
        let title = self.title();
        let Measured { rate, p50, p99, cpu } = self.ours;
        let many = self.clients == MANY;
        let goal = |goal: Goal, wanted: bool| wanted.then_some(goal);
        let (rate_goal, p99_goal) = match self.operation {
            Operation::ResolveAlias => (goal(Goal::AtLeast(5000.0), many), goal(Goal::AtMost(10.0), many)),
            Operation::ListVersions => (None, Some(Goal::AtMost(50.0))),
            Operation::GetLineage => (None, Some(Goal::AtMost(100.0))),
            Operation::CreateVersion | Operation::LogBatch => (None, None),
        };
        let mut figures = vec![
            Figure::new(format!("{title}, rate"), "1/s", rate, Some(self.bare.rate), self.peer).goal(rate_goal),
            Figure::new(format!("{title}, p50"), "ms", p50, Some(self.bare.p50), None),
            Figure::new(format!("{title}, p99"), "ms", p99, Some(self.bare.p99), None).goal(p99_goal),
            Figure::new(format!("{title}, CPU"), "us/request", cpu, None, None),
            Figure::new(format!("{title}, rate beside the bare statements"), "x", rate / self.bare.rate, None, None)
                .goal(goal(Goal::AtLeast(0.5), many)),
        ];
        if let Some(peer) = self.peer {
            let times = match self.operation {
                Operation::CreateVersion | Operation::LogBatch => 20.0,
                Operation::ResolveAlias | Operation::ListVersions | Operation::GetLineage => 50.0,
            };
            let figure = Figure::new(format!("{title}, rate beside the peer"), "x", rate / peer, None, None);
            figures.push(figure.goal(goal(Goal::AtLeast(times), many)));
        }
        figures
    }
}

/// A process on one database.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) database: String,
    /// Time to ready without tables.
    pub(super) fresh: Duration,
    /// Time to ready with full tables.
    pub(super) seeded: Duration,
    /// The most memory it held in all measurements, in MiB.
    pub(super) memory: f64,
}

impl Start {
    fn figures(&self) -> [Figure; 3] {
        let Self { database, fresh, seeded, memory } = self;
        let ready = |what, time: &Duration| {
            let figure =
                Figure::new(format!("{database}, ready with {what}"), "ms", time.as_secs_f64() * 1e3, None, None);
            figure.goal(Some(Goal::AtMost(300.0)))
        };
        [
            ready("no tables yet", fresh),
            ready("full tables", seeded),
            Figure::new(format!("{database}, peak memory"), "MiB", *memory, None, None).goal(Some(Goal::AtMost(60.0))),
        ]
    }
}

/// Everything.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) cases: Vec<Case>,
    pub(super) starts: Vec<Start>,
    /// Name and version of the peer.
    pub(super) peer: Option<String>,
}

impl Outcome {
    /// All figures, for programs.
    pub(super) fn report(&self) -> Report {
        let figures = self.starts.iter().flat_map(Start::figures);
        Report { figures: figures.chain(self.cases.iter().flat_map(Case::figures)).collect() }
    }
}

const HEADINGS: [&str; 8] = ["call", "clients", "1/s", "p50 ms", "p99 ms", "CPU us", "bare 1/s", "ours/bare"];

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut headings = HEADINGS.map(str::to_owned).to_vec();
        if let Some(peer) = &self.peer {
            headings.extend([format!("{peer} 1/s"), "ours/peer".to_owned()]);
        }
        let columns = headings.len();
        let cells = self.cases.iter().map(|case| {
            let mut cells = case.cells();
            cells.resize(columns, String::new());
            cells
        });
        writeln!(f, "{}", aligned(&std::iter::once(headings).chain(cells).collect::<Vec<_>>(), 1))?;
        f.write_str(&verdicts(&self.report().figures))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(rate: f64, p99: f64) -> Measured {
        Measured { rate, p50: 1.0, p99, cpu: 100.0 }
    }

    fn outcome(rate: f64, peer: Option<f64>) -> Outcome {
        let (ours, bare) = ([measured(rate, 9.5); 3], [measured(8000.0, 3.0); 3]);
        let mut case = Case::new(&Database::Sqlite, Operation::ResolveAlias, 16, &ours, &bare);
        case.peer = peer;
        let ready = Duration::from_millis(120);
        let start = Start { database: "SQLite".to_owned(), fresh: ready, seeded: ready, memory: 61.0 };
        Outcome { cases: vec![case], starts: vec![start], peer: peer.map(|_| "MLflow 3".to_owned()) }
    }

    #[test]
    fn a_goal_is_met_or_missed_and_the_table_says_which() {
        let shown = outcome(3000.0, None).to_string();
        let line = |start: &str| shown.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
        assert!(line("SQLite, ResolveAlias, 16 clients, rate ").ends_with("MISSED"), "{shown}");
        assert!(line("SQLite, ResolveAlias, 16 clients, p99").ends_with("met"), "{shown}");
        assert!(line("SQLite, ResolveAlias, 16 clients, rate beside the bare").ends_with("MISSED"), "{shown}");
        assert!(line("SQLite, peak memory").ends_with("MISSED"), "{shown}");
        assert!(!shown.contains("peer"), "{shown}");
    }

    #[test]
    fn a_peer_adds_its_columns_and_its_goals() {
        let shown = outcome(6000.0, Some(100.0)).to_string();
        assert!(shown.contains("MLflow 3 1/s  ours/peer"), "{shown}");
        let beside = shown.lines().find(|line| line.contains("beside the peer")).unwrap();
        assert!(beside.contains("60.0") && beside.ends_with("met"), "{shown}");
    }
}
