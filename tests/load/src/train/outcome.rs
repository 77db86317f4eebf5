//! What was found: a table of families, and the goals that are met or missed.

use std::fmt;

use lineal_models::Direction;

use super::{Measured, creation::Creation, families::Label};
use crate::report::{Figure, Goal, Report, aligned};

/// Scores that differ by less than this share are equal.
const EQUAL: f64 = 0.005;

/// The middle turn by time, with the most memory of any.
pub(super) fn middle(turns: &[Measured]) -> Measured {
    let mut turns = turns.to_vec();
    turns.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let peak = turns.iter().map(|turn| turn.peak).fold(0.0, f64::max);
    Measured { peak, ..turns.swap_remove(turns.len() / 2) }
}

/// One side of a comparison.
#[derive(Debug)]
pub(super) struct Side {
    measured: Measured,
    score: f64,
}

impl Side {
    pub(super) fn new(turns: &[Measured], score: f64) -> Self {
        Self { measured: middle(turns), score }
    }
}

/// A family beside its peer.
#[derive(Debug)]
pub(super) struct Compared {
    pub(super) family: &'static str,
    pub(super) label: Label,
    pub(super) ours: Side,
    pub(super) peer: Side,
}

impl Compared {
    fn cells(&self) -> [String; COLUMNS] {
        let Self { family, label, ours, peer } = self;
        let (us, them) = (&ours.measured, &peer.measured);
        [
            (*family).to_owned(),
            them.by.clone(),
            format!("{:.2}", us.seconds),
            format!("{:.2}", them.seconds),
            format!("{:.2}", us.seconds / them.seconds),
            format!("{:.0}", us.peak),
            format!("{:.0}", them.peak),
            format!("{:.2}", us.peak / them.peak),
            format!("{} {}", label.name(), label.metric().name()),
            format!("{:.4}", ours.score),
            format!("{:.4}", peer.score),
        ]
    }

    fn figures(&self) -> [Figure; 3] {
        let Self { family, label, ours, peer } = self;
        let metric = label.metric();
        let score = match metric.direction() {
            Direction::HigherIsBetter => Goal::AtLeast(rounded(peer.score * (1.0 - EQUAL))),
            Direction::LowerIsBetter => Goal::AtMost(rounded(peer.score * (1.0 + EQUAL))),
        };
        let (us, them) = (&ours.measured, &peer.measured);
        [
            Figure::new(format!("{family}, fit"), "s", us.seconds, None, Some(them.seconds))
                .goal(Some(Goal::AtMost(rounded(them.seconds)))),
            Figure::new(format!("{family}, peak memory"), "MiB", us.peak, None, Some(them.peak)),
            Figure::new(format!("{family}, {}", metric.name()), "", ours.score, None, Some(peer.score))
                .goal(Some(score)),
        ]
    }
}

/// For people: no more digits than are meant.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// Everything.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) fits: Vec<Compared>,
    /// Ours and the peer's.
    pub(super) reading: Option<[Measured; 2]>,
    pub(super) creation: Option<Creation>,
}

impl Outcome {
    /// All figures, for programs.
    pub(super) fn report(&self) -> Report {
        let mut figures: Vec<_> = self.fits.iter().flat_map(Compared::figures).collect();
        if let Some([ours, peer]) = &self.reading {
            let seconds = Figure::new("CSV to matrix".to_owned(), "s", ours.seconds, None, Some(peer.seconds));
            figures.push(seconds.goal(Some(Goal::AtMost(rounded(peer.seconds / 2.0)))));
            figures.push(Figure::new("CSV to matrix, peak memory".to_owned(), "MiB", ours.peak, None, Some(peer.peak)));
        }
        if let Some(creation) = &self.creation {
            let time = |what, rank| {
                Figure::new(format!("CreateJob, {what}"), "ms", creation.percentile(rank), None, None)
                    .goal(Some(Goal::AtMost(20.0)))
            };
            figures.extend([time("p50", 0.5), time("p99", 0.99)]);
        }
        Report { figures }
    }
}

const COLUMNS: usize = 11;
const HEADINGS: [&str; COLUMNS] =
    ["family", "peer", "s", "peer s", "ours/peer", "MiB", "peer MiB", "ours/peer", "score", "ours", "peer"];

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = self.fits.iter().map(Compared::cells);
        let lines = std::iter::once(HEADINGS.map(str::to_owned)).chain(fits);
        writeln!(f, "{}", aligned(&lines.collect::<Vec<_>>(), 2))?;
        let report = self.report();
        let goals = report.figures.iter().filter_map(Figure::verdict);
        let headings = ["goal", "found", "wanted", ""].map(str::to_owned);
        write!(f, "{}", aligned(&std::iter::once(headings).chain(goals).collect::<Vec<_>>(), 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(seconds: f64, peak: f64) -> Measured {
        Measured { seconds, peak, by: "sklearn 1".to_owned(), sum: None }
    }

    fn side(seconds: f64, score: f64) -> Side {
        Side::new(&[measured(seconds, 100.0), measured(9.0, 120.0), measured(0.1, 90.0)], score)
    }

    fn outcome(ours: Side) -> String {
        let fit = Compared { family: "ridge", label: Label::Delay, ours, peer: side(2.0, 40.0) };
        let reading = Some([measured(0.3, 50.0), measured(0.5, 90.0)]);
        Outcome { fits: vec![fit], reading, creation: None }.to_string()
    }

    fn line<'a>(shown: &'a str, start: &str) -> &'a str {
        shown.lines().find(|line| line.starts_with(start)).unwrap()
    }

    #[test]
    fn the_middle_time_counts_and_the_most_memory() {
        assert_eq!(middle(&[measured(3.0, 1.0), measured(1.0, 5.0), measured(2.0, 3.0)]), measured(2.0, 5.0));
    }

    #[test]
    fn a_fit_is_to_be_as_fast_as_its_peer_at_an_equal_score() {
        let shown = outcome(side(1.0, 40.1));
        assert_eq!(line(&shown, "ridge, fit").split_whitespace().next_back(), Some("met"), "{shown}");
        assert_eq!(line(&shown, "ridge, rmse").split_whitespace().next_back(), Some("met"), "{shown}");
        assert!(line(&shown, "CSV to matrix").ends_with("MISSED"), "{shown}");
        let shown = outcome(side(2.5, 40.3));
        assert!(line(&shown, "ridge, fit").ends_with("MISSED"), "{shown}");
        assert!(line(&shown, "ridge, rmse").ends_with("MISSED"), "{shown}");
    }
}
