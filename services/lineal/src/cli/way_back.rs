//! The section of `lineal status` on what a rollback would bring back.

use lineal_proto::{
    lineal::registry::v1::{Replica, SkippedCandidate, Standby},
    pbjson_types::Timestamp,
};
use serde::Serialize;

use super::{
    format,
    output::{Style, Table, bad, cell, verdict},
};

/// The way back of one slot, and how many live replicas have all of it on their disks.
#[derive(Serialize)]
pub(super) struct WayBack {
    #[serde(flatten)]
    standby: Standby,
    ready_replicas: usize,
    live_replicas: usize,
    problems: Vec<String>,
}

/// Joins what the registry found with what the replicas say.
pub(super) fn join(standbys: Vec<Standby>, replicas: &[Replica]) -> Vec<WayBack> {
    let live: Vec<&Replica> = replicas.iter().filter(|replica| replica.live).collect();
    let way_back = standbys.into_iter().map(|standby| {
        let mut problems: Vec<String> = standby.skipped.iter().map(passed_over).collect();
        for replica in &live {
            let mine = replica.standbys.iter().filter(|report| holds(&standby, &report.digest));
            problems
                .extend(mine.filter(|it| !it.problem.is_empty()).map(|it| format!("{}: {}", replica.name, it.problem)));
        }
        let ready = if standby.number == 0 { 0 } else { live.iter().filter(|it| is_ready(&standby, it)).count() };
        WayBack { ready_replicas: ready, live_replicas: live.len(), standby, problems }
    });
    way_back.collect()
}

/// Slots in order, problems in red.
pub(super) fn table(way_back: &[WayBack], style: Style) -> String {
    let mut table = Table::new(style, &["MODEL", "SLOT", "CANDIDATE", "CHECKED", "READY", "PROBLEM"]);
    for WayBack { standby, ready_replicas, live_replicas, problems } in way_back {
        let ready = format!("{ready_replicas} of {live_replicas}");
        table.add([
            cell(&standby.model),
            cell(format::slot(&standby.slot)),
            cell(format::number(standby.number)),
            cell(format::time(checked(standby))),
            if standby.number == 0 { cell("") } else { verdict(ready_replicas == live_replicas, &ready, &ready) },
            bad(problems.join("; ")),
        ]);
    }
    table.render()
}

/// A candidate that a rollback passes over.
pub(super) fn passed_over(skipped: &SkippedCandidate) -> String {
    format!("passed over version {}: {}", skipped.number, skipped.reason)
}

fn holds(standby: &Standby, digest: &str) -> bool {
    standby.bundles.iter().any(|bundle| bundle.digest == digest)
}

fn is_ready(standby: &Standby, replica: &Replica) -> bool {
    let ready = |digest: &str| replica.standbys.iter().any(|it| it.digest == digest && it.ready_time.is_some());
    standby.bundles.iter().all(|bundle| ready(&bundle.digest))
}

/// When the file that was read longest ago was read; nothing while one is yet to be.
fn checked(standby: &Standby) -> Option<&Timestamp> {
    let times: Option<Vec<&Timestamp>> = standby.bundles.iter().map(|bundle| bundle.check_time.as_ref()).collect();
    times?.into_iter().min_by_key(|time| (time.seconds, time.nanos))
}

#[cfg(test)]
mod tests {
    use lineal_proto::lineal::registry::v1::{StandbyBundle, StandbyReport};

    use super::*;

    #[test]
    fn a_slot_is_ready_where_every_bundle_of_its_chain_is() {
        let time = |seconds: i64| Some(Timestamp { seconds: 1_736_951_422 + seconds, nanos: 0 });
        let bundle =
            |digest: &str, at| StandbyBundle { digest: digest.to_owned(), check_time: time(at), ..Default::default() };
        let report = |digest: &str, ready, problem: &str| StandbyReport {
            digest: digest.to_owned(),
            ready_time: ready,
            problem: problem.to_owned(),
            ..Default::default()
        };
        let replica =
            |name: &str, live, standbys| Replica { name: name.to_owned(), live, standbys, ..Default::default() };
        let replicas = [
            replica("r-0", true, vec![report("a", time(0), ""), report("b", time(0), "")]),
            replica("r-1", true, vec![report("a", time(0), ""), report("b", None, "golden row 3 differs")]),
            replica("r-2", false, vec![report("a", None, "long gone")]),
        ];
        let chain = Standby {
            model: "calibration".to_owned(),
            number: 2,
            bundles: vec![bundle("a", 9), bundle("b", 0)],
            skipped: vec![SkippedCandidate { number: 3, reason: "`model.bin` is damaged".to_owned() }],
            ..Default::default()
        };
        let first = Standby { model: "churn".to_owned(), ..Default::default() };
        let way_back = join(vec![chain, first], &replicas);
        assert_eq!(
            table(&way_back, Style::default()),
            "MODEL        SLOT     CANDIDATE  CHECKED               READY   PROBLEM\n\
             calibration  default  2          2025-01-15T14:30:22Z  1 of 2  passed over version 3: `model.bin` is damaged; \
             r-1: golden row 3 differs\n\
             churn        default  -\n"
        );
        let json = serde_json::to_value(&way_back).unwrap();
        assert_eq!((&json[0]["number"], &json[0]["ready_replicas"]), (&"2".into(), &1.into()));
        assert_eq!(json[0]["problems"][1], "r-1: golden row 3 differs");
    }
}
