//! Splits that are created by name, and the reference sets that belong to them.

use std::{fmt::Write as _, sync::Arc};

use lineal_data::{Snapshot, Table};
use lineal_kernel::Digest;
use lineal_proto::lineal::trainer::v1::{self as pb, split_service_server::SplitService};
use lineal_rpc::reason_of;
use tonic::{Request, Status};

use super::lab::{Lab, caller, customers, entry};
use crate::{
    domain::{FailureReason, SpecDraft, TrainerError},
    grpc::TrainerGrpc,
};

/// One row a day of each of two symbols.
fn prices(days: u32) -> Vec<u8> {
    let mut csv = "symbol,day,x,churn\n".to_owned();
    for day in 0..days {
        for (symbol, x) in [("btc", day * 7 % 31), ("eth", day * 11 % 29)] {
            let answer = if x > 14 { "yes" } else { "no" };
            let _ = writeln!(csv, "{symbol},2025-{:02}-{:02},{x},{answer}", 1 + day / 28, 1 + day % 28);
        }
    }
    csv.into_bytes()
}

fn by_time(name: &str) -> pb::Split {
    let text = str::to_owned;
    pb::Split {
        dataset: text("prices"),
        name: text(name),
        kind: pb::SplitKind::Time.into(),
        columns: vec![text("day")],
        tests: vec![pb::SplitTest { name: text("recent"), fraction: 0.1 }],
        window: Some(pb::SplitWindow { column: text("day"), start: text("2025-02-01"), ..Default::default() }),
        scope: [(text("symbol"), text("btc"))].into(),
        ..Default::default()
    }
}

async fn create(grpc: &TrainerGrpc, split: pb::Split) -> Result<pb::Split, Status> {
    let request = Request::new(pb::CreateSplitRequest { split: Some(split) });
    Ok(grpc.create_split(request).await?.into_inner().split.unwrap())
}

async fn get(grpc: &TrainerGrpc, name: &str) -> Result<pb::Split, Status> {
    let request = pb::GetSplitRequest { dataset: "prices".to_owned(), name: name.to_owned() };
    Ok(grpc.get_split(Request::new(request)).await?.into_inner().split.unwrap())
}

fn rows(lab: &Lab, digest: &str) -> Table {
    let digest: Digest = digest.parse().unwrap();
    Snapshot::open(lab.registry.known().artifacts[&digest].clone(), digest).unwrap()
}

#[tokio::test]
async fn a_split_that_nobody_created_is_refused_once_somebody_created_some() {
    let mut lab = Lab::new().await;
    let grpc = TrainerGrpc::new(Arc::clone(&lab.app));
    let rows = prices(100);
    let on = |name: &str| {
        let name = name.to_owned();
        |spec: &mut SpecDraft| (spec.dataset, spec.split_version) = ("prices".to_owned(), name)
    };
    // As long as there are none, a name makes a split.
    let job = lab.create(&rows, on("v1")).await;
    assert_eq!(lab.finish(&job).await.error, "");
    create(&grpc, by_time("tm2")).await.unwrap();
    let refused = lab.app.create_job(&caller(), lab.command(&rows, on("tm22"))).await.unwrap_err();
    assert!(matches!(&refused, TrainerError::SplitNotFound { name, .. } if name.as_str() == "tm22"), "{refused}");
    for known in ["v1", "tm2"] {
        lab.create(&rows, on(known)).await;
    }
}

#[tokio::test]
async fn rows_that_do_not_fit_the_reference_set_are_told_whose_it_is() {
    let mut lab = Lab::new().await;
    let first = lab.create(&customers(200), |_| {}).await;
    assert_eq!(lab.finish(&first).await.error, "");
    let event = lab.event(&first.id, |event| event.message.starts_with("measured")).await;
    assert_eq!(event.message, "measured on the reference set of dataset `customers`, split `v1`");
    // Another file of the same name.
    let other = String::from_utf8(customers(200)).unwrap().replacen("calls", "visits", 1);
    let job = lab.create(other.as_bytes(), |_| {}).await;
    let job = lab.finish(&job).await;
    assert_eq!(job.reason, Some(FailureReason::Data));
    for part in ["dataset `customers`, split `v1`", "--dataset", "column 0 is `visits`"] {
        assert!(job.error.contains(part), "{}", job.error);
    }
}

// F58, F59, F60, F84
#[tokio::test]
async fn a_split_by_name_makes_its_reference_once() {
    let mut lab = Lab::new().await;
    let grpc = TrainerGrpc::new(Arc::clone(&lab.app));
    let made = create(&grpc, by_time("spring")).await.unwrap();
    assert_eq!((made.reference_fraction, made.reference_digest.as_str()), (0.2, ""));
    assert_eq!(create(&grpc, by_time("spring")).await.unwrap(), made);
    let mut references = Vec::new();
    for days in [100, 110, 120] {
        let job = lab
            .create(&prices(days), |spec| {
                spec.dataset = "prices".to_owned();
                spec.split_version = "spring".to_owned();
                spec.exclude_columns = vec!["day".to_owned(), "symbol".to_owned()];
            })
            .await;
        // The scope is the slot of a job that names none, and tags its version.
        assert_eq!(job.spec.slot.to_string(), "symbol=btc");
        let job = lab.finish(&job).await;
        assert_eq!(job.error, "");
        references.push(get(&grpc, "spring").await.unwrap().reference_digest);
    }
    assert!(!references[0].is_empty() && references.iter().all(|digest| *digest == references[0]));
    // 72 days from February on: the latest 14 are the reference.
    assert_eq!(rows(&lab, &references[0]).rows(), 14);
    let known = lab.registry.known();
    let version = &known.versions[2].1;
    assert_eq!((entry(&version.tags, "symbol"), version.reference_digest.to_string()), ("btc", references[0].clone()));
    assert_eq!(version.training_rows, known.versions[0].1.training_rows);
    let log = &known.runs.values().last().unwrap().log;
    let test = entry(&log.parameters, "test.recent").to_owned();
    assert_eq!(entry(&log.parameters, "split_digest"), made.digest);
    drop(known);
    assert_eq!(rows(&lab, &test).rows(), 8);
}

// F58, F59
#[tokio::test]
async fn a_split_without_a_class_in_its_reference_is_not_kept() {
    let mut lab = Lab::new().await;
    let rows = |rare: usize| {
        let row = |row: usize| format!("{row},{}\n", if row % 37 < rare { "yes" } else { "no" });
        "x,churn\n".to_owned() + &(0..40).map(row).collect::<String>()
    };
    // Of the few that are rare none is chosen.
    let job = lab.create(rows(1).as_bytes(), |_| {}).await;
    let error = lab.finish(&job).await.error;
    assert!(error.starts_with("split: no reference row has the class `yes` of `churn`; give another"), "{error}");
    let several = |rare: usize| rows(rare).replacen("no\n", "perhaps\n", 1);
    let job = lab.create(several(20).as_bytes(), |_| {}).await;
    let error = lab.finish(&job).await.error;
    assert!(error.starts_with("split: no reference row has the class `perhaps` of `churn`"), "{error}");
    // Nothing came of that: the name is free for the same dataset with more of them.
    let job = lab.create(rows(20).as_bytes(), |_| {}).await;
    let job = lab.finish(&job).await;
    assert_eq!(job.error, "");
    // Once it is kept, a class that comes later needs another one.
    let job = lab.create(several(20).as_bytes(), |_| {}).await;
    let error = lab.finish(&job).await.error;
    assert!(
        error.contains("no reference row has the class `perhaps` of `churn`; give another split_version"),
        "{error}"
    );
}

// F60
#[tokio::test]
async fn a_name_never_gets_another_rule() {
    let mut lab = Lab::new().await;
    let grpc = TrainerGrpc::new(Arc::clone(&lab.app));
    create(&grpc, by_time("spring")).await.unwrap();
    let other = pb::Split { reference_fraction: 0.3, ..by_time("spring") };
    let taken = create(&grpc, other).await.unwrap_err();
    assert_eq!(reason_of(&taken).as_deref(), Some("DEFINITION_CONFLICT"));
    // Also not the name of a split that a job made by itself.
    let job = lab.create(&prices(60), |spec| spec.dataset = "prices".to_owned()).await;
    assert_eq!(lab.finish(&job).await.error, "");
    let used = create(&grpc, by_time("v1")).await.unwrap_err();
    assert_eq!(reason_of(&used).as_deref(), Some("DEFINITION_CONFLICT"));
    let listed = Request::new(pb::ListSplitsRequest { dataset: "prices".to_owned(), ..Default::default() });
    let listed = grpc.list_splits(listed).await.unwrap().into_inner().splits;
    assert_eq!(listed.iter().map(|split| split.name.as_str()).collect::<Vec<_>>(), ["spring"]);
    let absent = get(&grpc, "v1").await.unwrap_err();
    assert_eq!(reason_of(&absent).as_deref(), Some("SPLIT_NOT_FOUND"));
}

#[tokio::test]
async fn a_split_that_makes_no_sense_is_refused_by_field() {
    let lab = Lab::new().await;
    let grpc = TrainerGrpc::new(Arc::clone(&lab.app));
    let row = pb::Split { kind: pb::SplitKind::Row.into(), columns: vec![], window: None, ..by_time("a") };
    for (wrong, path) in [
        (pb::Split { dataset: String::new(), ..by_time("a") }, "split.dataset"),
        (pb::Split { name: "A B".to_owned(), ..by_time("a") }, "split.name"),
        (pb::Split { columns: vec![], ..by_time("a") }, "split.columns"),
        (pb::Split { columns: vec!["x".to_owned()], ..row.clone() }, "split.columns"),
        (pb::Split { cut_time: "yesterday".to_owned(), ..by_time("a") }, "split.cut_time"),
        (pb::Split { cut_time: "2025-01-01T00:00:00Z".to_owned(), ..row.clone() }, "split.cut_time"),
        (pb::Split { reference_fraction: 1.5, ..by_time("a") }, "split"),
        (pb::Split { cut_time: "2025-03-01T00:00:00Z".to_owned(), ..by_time("a") }, "split"),
    ] {
        let status = create(&grpc, wrong).await.unwrap_err();
        assert!(status.message().starts_with(&format!("{path}: ")), "{status}");
    }
    assert!(create(&grpc, row).await.is_ok());
}
