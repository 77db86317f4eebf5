//! What was found: a table of families, and the goals that are met or missed.

use std::fmt;

use anyhow::Context as _;
use lineal_models::Direction;

use super::{Measured, creation::Creation, families::Case};
use crate::report::{Figure, Goal, Report, aligned, verdicts};

/// Scores that differ by less than this share are equal.
const EQUAL: f64 = 0.005;
/// By this share the times of one library differ from one fit to the next.
const REPEATED: f64 = 0.05;

/// The least of each time and the most memory of any turn.
pub(super) fn best(turns: Vec<Measured>) -> anyhow::Result<Measured> {
    let better = |one: Measured, other: Measured| Measured {
        seconds: one.seconds.min(other.seconds),
        cpu: one.cpu.min(other.cpu),
        peak: one.peak.max(other.peak),
        ..one
    };
    turns.into_iter().reduce(better).context("nothing was measured")
}

/// One side of a comparison.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) measured: Measured,
    pub(super) score: f64,
}

/// A family beside its peer.
#[derive(Debug)]
pub(super) struct Compared {
    pub(super) case: &'static Case,
    pub(super) ours: Side,
    pub(super) peer: Side,
}

/// Ours, theirs and the ratio.
fn beside(ours: f64, theirs: f64, digits: usize) -> [String; 3] {
    [format!("{ours:.digits$}"), format!("{theirs:.digits$}"), format!("{:.2}", ours / theirs)]
}

/// Times and memory of both sides.
fn costs(what: &str, ours: &Measured, peer: &Measured) -> Vec<String> {
    let names = [what.to_owned(), peer.by.clone()];
    let costs = [beside(ours.cpu, peer.cpu, 2), beside(ours.seconds, peer.seconds, 2), beside(ours.peak, peer.peak, 0)];
    names.into_iter().chain(costs.into_iter().flatten()).collect()
}

impl Compared {
    fn costs(&self) -> Vec<String> {
        costs(self.case.family, &self.ours.measured, &self.peer.measured)
    }

    fn scores(&self) -> Vec<String> {
        let Self { case: Case { family, label, .. }, ours, peer } = self;
        let difference = format!("{:+.2} %", 100.0 * (ours.score / peer.score - 1.0));
        let names = [(*family).to_owned(), format!("{} {}", label.name(), label.metric().name())];
        names.into_iter().chain([ours, peer].map(|side| format!("{:.4}", side.score))).chain([difference]).collect()
    }

    fn figures(&self) -> [Figure; 4] {
        let Self { case: case @ Case { family, label, .. }, ours, peer } = self;
        let metric = label.metric();
        let score = match metric.direction() {
            Direction::HigherIsBetter => Goal::AtLeast(rounded(peer.score * (1.0 - EQUAL))),
            Direction::LowerIsBetter => Goal::AtMost(rounded(peer.score * (1.0 + EQUAL))),
        };
        let (us, them) = (&ours.measured, &peer.measured);
        let allowed = them.cpu * (1.0 + if case.same_library() { REPEATED } else { 0.0 });
        [
            Figure::new(format!("{family}, fit"), "CPU s", us.cpu, None, Some(them.cpu))
                .goal(Some(Goal::AtMost(rounded(allowed)))),
            Figure::new(format!("{family}, fit on the wall"), "s", us.seconds, None, Some(them.seconds)),
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
    pub(super) creations: Vec<Creation>,
}

impl Outcome {
    /// All figures, for programs.
    pub(super) fn report(&self) -> Report {
        let mut figures: Vec<_> = self.fits.iter().flat_map(Compared::figures).collect();
        if let Some([ours, peer]) = &self.reading {
            let figure =
                |what: &str, unit, ours, peer| Figure::new(format!("{READING}{what}"), unit, ours, None, Some(peer));
            figures.extend([
                figure("", "CPU s", ours.cpu, peer.cpu),
                figure(" on the wall", "s", ours.seconds, peer.seconds)
                    .goal(Some(Goal::AtMost(rounded(peer.seconds / 2.0)))),
                figure(", peak memory", "MiB", ours.peak, peer.peak),
            ]);
        }
        for creation in &self.creations {
            let time = |what, rank| {
                let case = format!("CreateJob on {}, {what}", creation.database);
                Figure::new(case, "ms", creation.percentile(rank), None, None).goal(Some(Goal::AtMost(20.0)))
            };
            figures.extend([time("p50", 0.5), time("p99", 0.99)]);
        }
        Report { figures }
    }

    fn costs(&self) -> Vec<Vec<String>> {
        let reading = self.reading.iter().map(|[ours, peer]| costs(READING, ours, peer));
        self.fits.iter().map(Compared::costs).chain(reading).collect()
    }
}

const READING: &str = "CSV to matrix";
const RATIO: &str = "ours/peer";
const COSTS: [&str; 11] = ["fit", "peer", "CPU s", "peer", RATIO, "s", "peer", RATIO, "MiB", "peer", RATIO];
const SCORES: [&str; 5] = ["score", "of", "ours", "peer", "difference"];

/// The lines below their headings; nothing without lines.
fn table<L: AsRef<[String]>>(headings: &[&str], left: usize, lines: impl IntoIterator<Item = L>) -> String {
    let headings = headings.iter().map(|heading| (*heading).to_owned()).collect();
    let lines: Vec<Vec<String>> =
        std::iter::once(headings).chain(lines.into_iter().map(|line| line.as_ref().to_vec())).collect();
    if lines.len() > 1 { aligned(&lines, left) + "\n" } else { String::new() }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&table(&COSTS, 2, self.costs()))?;
        f.write_str(&table(&SCORES, 2, self.fits.iter().map(Compared::scores)))?;
        writeln!(f, "{}", verdicts(&self.report().figures))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::families::CASES, *};

    fn measured(seconds: f64, cpu: f64, peak: f64) -> Measured {
        Measured { seconds, cpu, peak, by: "sklearn 1".to_owned(), sum: None }
    }

    fn side(cpu: f64, score: f64) -> Side {
        Side { measured: measured(1.0, cpu, 100.0), score }
    }

    fn compared(family: &str, ours: Side) -> Compared {
        let case = CASES.iter().find(|case| case.family == family).unwrap();
        Compared { case, ours, peer: side(2.0, 40.0) }
    }

    fn outcome(ours: Side) -> String {
        let fit = compared("ridge", ours);
        let reading = Some([measured(0.3, 0.3, 50.0), measured(0.5, 0.5, 90.0)]);
        let creations = vec![Creation::new("SQLite", vec![Duration::from_millis(5)])];
        Outcome { fits: vec![fit], reading, creations }.to_string()
    }

    fn line<'a>(shown: &'a str, start: &str) -> &'a str {
        shown.lines().find(|line| line.starts_with(start)).unwrap()
    }

    fn words<'a>(shown: &'a str, start: &str) -> Vec<&'a str> {
        line(shown, start).split_whitespace().collect()
    }

    #[test]
    fn the_least_of_each_time_counts_and_the_most_memory() {
        let turns = vec![measured(3.0, 1.0, 1.0), measured(1.0, 5.0, 5.0), measured(2.0, 3.0, 3.0)];
        assert_eq!(best(turns).unwrap(), measured(1.0, 1.0, 5.0));
    }

    #[test]
    fn a_fit_is_to_take_no_more_processor_time_than_its_peer_at_an_equal_score() {
        let shown = outcome(side(1.0, 40.1));
        assert_eq!(
            words(&shown, "ridge   "),
            "ridge sklearn 1 1.00 2.00 0.50 1.00 1.00 1.00 100 100 1.00".split(' ').collect::<Vec<_>>()
        );
        assert_eq!(words(&shown, "ridge  delay"), ["ridge", "delay", "rmse", "40.1000", "40.0000", "+0.25", "%"]);
        assert!(line(&shown, "ridge, fit").ends_with(" met"), "{shown}");
        assert!(line(&shown, "ridge, rmse").ends_with(" met"), "{shown}");
        assert!(line(&shown, "CSV to matrix on the wall").ends_with("MISSED"), "{shown}");
        assert!(line(&shown, "CreateJob on SQLite, p99").ends_with(" met"), "{shown}");
        let shown = outcome(side(2.5, 40.3));
        assert!(line(&shown, "ridge, fit").ends_with("MISSED"), "{shown}");
        assert!(line(&shown, "ridge, rmse").ends_with("MISSED"), "{shown}");
    }

    #[test]
    fn one_library_on_both_sides_may_differ_by_as_much_as_its_own_repetitions() {
        for (family, cpu, met) in [("lightgbm", 2.1, true), ("lightgbm", 2.11, false), ("ridge", 2.01, false)] {
            let [fit, ..] = compared(family, side(cpu, 40.0)).figures();
            assert_eq!(verdicts(&[fit]).contains("MISSED"), !met, "{family} {cpu}");
        }
    }
}
