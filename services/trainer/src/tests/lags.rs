//! Features that look back at earlier rows.

use std::{fmt::Write as _, sync::Arc};

use lineal_data::{Column, ResampleMethod, Snapshot, Table};
use lineal_models::{Bundle, Manifest, ServedModel};
use lineal_proto::lineal::trainer::v1::{
    self as pb, feature_set_service_server::FeatureSetService, job_service_server::JobService,
    split_service_server::SplitService,
};
use lineal_rpc::reason_of;
use tonic::{Request, Status};

use super::{
    lab::{Lab, caller},
    reproductions::{assert_reproduced, reproduce},
};
use crate::{
    domain::{JobState, Resampling, SpecDraft, TrainerError},
    grpc::TrainerGrpc,
    registry::Defaults,
};

/// Visits of six shops, day by day; whether there are many tells the visits of the day before.
fn visits(days: usize) -> Vec<u8> {
    let count = |day: usize, shop: usize| (day * 7 + shop * 5) * (day + 3) % 31;
    let mut csv = "day,shop,visits,price,churn\n".to_owned();
    for day in 1..=days {
        for shop in 0..6 {
            let answer = if count(day - 1, shop) > 14 { "yes" } else { "no" };
            let (visits, price) = (count(day, shop), (day * 3 + shop) % 7);
            let _ = writeln!(csv, "2025-{:02}-{:02},{shop},{visits},{price},{answer}", 1 + day / 28, 1 + day % 28);
        }
    }
    csv.into_bytes()
}

fn features() -> pb::FeatureSet {
    let text = str::to_owned;
    let number = |source: &str| pb::Feature {
        source: text(source),
        kind: pb::FeatureKind::Number.into(),
        ..pb::Feature::default()
    };
    pb::FeatureSet {
        model: text("churn"),
        name: text("yesterday"),
        features: vec![number("price"), number("visits_lag_1")],
        order_column: text("day"),
        group_column: text("shop"),
        lags: vec![pb::Lag { column: text("visits"), rows: 1 }],
        ..Default::default()
    }
}

fn split(name: &str, kind: pb::SplitKind, column: &str) -> pb::Split {
    let columns = vec![column.to_owned()];
    pb::Split { dataset: "shops".to_owned(), name: name.to_owned(), kind: kind.into(), columns, ..Default::default() }
}

async fn lab() -> (Lab, TrainerGrpc) {
    let lab = Lab::new().await;
    let grpc = TrainerGrpc::new(Arc::clone(&lab.app));
    create(&grpc, features()).await.unwrap();
    let ahead = pb::SplitWindow { column: "day".to_owned(), horizon_seconds: 3600, ..Default::default() };
    for split in [
        split("spring", pb::SplitKind::Time, "day"),
        pb::Split { reference_fraction: 0.4, ..split("shops", pb::SplitKind::Group, "shop") },
        split("prices", pb::SplitKind::Group, "price"),
        pb::Split { window: Some(ahead), ..split("ahead", pb::SplitKind::Time, "day") },
    ] {
        grpc.create_split(Request::new(pb::CreateSplitRequest { split: Some(split) })).await.unwrap();
    }
    (lab, grpc)
}

async fn create(grpc: &TrainerGrpc, set: pb::FeatureSet) -> Result<pb::FeatureSet, Status> {
    let request = Request::new(pb::CreateFeatureSetRequest { feature_set: Some(set) });
    Ok(grpc.create_feature_set(request).await?.into_inner().feature_set.unwrap())
}

fn on(split: &str) -> impl Fn(&mut SpecDraft) + use<> {
    let split = split.to_owned();
    move |spec| {
        spec.dataset = "shops".to_owned();
        spec.split_version.clone_from(&split);
        spec.feature_version = "yesterday".to_owned();
    }
}

// F19, F63
#[tokio::test]
async fn a_job_learns_from_earlier_rows_and_its_version_takes_them_as_an_input() {
    let (mut lab, grpc) = lab().await;
    let get = pb::GetFeatureSetRequest { model: "churn".to_owned(), name: "yesterday".to_owned() };
    let known = grpc.get_feature_set(Request::new(get)).await.unwrap().into_inner().feature_set.unwrap();
    let asked = features();
    assert_eq!(
        (known.order_column, known.group_column, known.lags),
        (asked.order_column, asked.group_column, asked.lags)
    );
    let job = lab.create(&visits(120), on("spring")).await;
    let job = lab.finish(&job).await;
    assert_eq!(job.error, "");
    let told = lab.events(&job.id, 0).await;
    assert!(told.iter().any(|event| event.message == "looked back for visits_lag_1"));
    let known = lab.registry.known();
    let version = &known.versions[0].1;
    let bytes = known.artifacts[&version.digest].to_vec();
    let manifest = Manifest::parse(&bytes, version.digest).unwrap();
    let files = manifest.files.iter().map(|(name, entry)| (name.clone(), known.artifacts[&entry.digest].to_vec()));
    let bundle = Bundle::assemble(bytes.clone(), version.digest, files.collect()).unwrap();
    let served = ServedModel::load(&bundle).unwrap();
    let inputs: Vec<_> = served.signature().inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(inputs, ["price", "visits_lag_1"]);

    let open = |digest| Snapshot::open(known.artifacts[&digest].clone(), digest).unwrap();
    let reference = open(version.reference_digest);
    // The reference set stays as it is in the table; what is measured on it is told from its own rows.
    assert!(reference.schema().all(|(name, _)| name != "visits_lag_1"));
    let filled = served.look_back(&reference).unwrap();
    let absent = filled.numbers("visits_lag_1").unwrap().iter().filter(|value| value.is_nan()).count();
    assert_eq!(absent, 6, "the first day of each shop");
    let scores = served.score(&filled.to_frame()).unwrap();
    let Column::Texts(answers) = filled.column("churn").unwrap() else { panic!("answers are texts") };
    let right = |(row, score): &(usize, &f64)| served.label(&[**score]) == answers[*row].as_deref();
    let hits = scores.iter().enumerate().filter(right).count();
    assert!(hits * 10 > scores.len() * 9, "{hits} of {}", scores.len());
    // One row with its lag as an input has the score that it has among the others.
    let row = filled.take(&[9]).unwrap().frame(["price", "visits_lag_1"]).unwrap();
    assert_eq!(served.score(&row).unwrap(), [scores[9]]);
    let alone = Table::from_csv(b"price,day,shop,visits\n1,2025-01-02,0,7\n").unwrap().to_frame();
    let error = served.score(&alone).unwrap_err().to_string();
    assert!(error.contains("missing columns: `visits_lag_1`"), "{error}");
}

#[tokio::test]
async fn a_version_with_lags_is_trained_again_bit_for_bit_also_when_its_rows_were_repeated() {
    let (mut lab, _) = lab().await;
    for (number, split) in [(1, "spring"), (2, "shops")] {
        let job = lab
            .create(&visits(120), |spec| {
                on(split)(spec);
                spec.resampling = Some(Resampling { method: Some(ResampleMethod::Over), seed: 7 });
            })
            .await;
        assert_eq!(lab.finish(&job).await.error, "");
        assert_reproduced(&reproduce(&lab, "churn", number, 0).await);
    }
}

#[tokio::test]
async fn a_split_that_tears_rows_from_those_before_them_is_refused_before_there_is_a_job() {
    // F36
    let (lab, grpc) = lab().await;
    let refused = async |change: &dyn Fn(&mut SpecDraft)| match lab
        .app
        .create_job(&caller(), lab.command(&visits(60), change))
        .await
    {
        Err(TrainerError::Invalid(errors)) => errors.to_string(),
        other => panic!("not refused: {other:?}"),
    };
    assert_eq!(
        refused(&on("prices")).await,
        "spec.split_version: features `yesterday` look back in the order of `day`, and split `prices` tears it apart; name one by \
         time at `day`, or by the group `shop`"
    );
    let unheard = lab.app.create_job(&caller(), lab.command(&visits(60), on("unheard"))).await;
    assert!(matches!(unheard, Err(TrainerError::SplitNotFound { .. })), "{unheard:?}");
    // The name that is used when none is given cuts by whole rows.
    assert!(refused(&on("")).await.contains("split `v1` tears it apart"));
    let labels = pb::FeatureSet {
        name: "answers".to_owned(),
        lags: vec![pb::Lag { column: "churn".to_owned(), rows: 1 }],
        features: vec![pb::Feature {
            source: "churn_lag_1".to_owned(),
            kind: pb::FeatureKind::Category.into(),
            transform: Some(pb::FeatureTransform {
                transform: Some(pb::feature_transform::Transform::OneHot(pb::OneHotTransform {})),
            }),
            ..Default::default()
        }],
        ..features()
    };
    create(&grpc, labels).await.unwrap();
    let early = refused(&|spec| {
        on("ahead")(spec);
        spec.feature_version = "answers".to_owned();
    });
    assert!(early.await.contains("look back at `churn`, which split `ahead` says is known only 3600 s after its row"));
    let jobs = grpc.list_jobs(Request::new(pb::ListJobsRequest::default())).await.unwrap().into_inner().jobs;
    assert_eq!(jobs, []);
    // The champion's split is as good as one that is named.
    let defaults = Defaults { split: "spring".to_owned(), features: "yesterday".to_owned(), model: String::new() };
    lab.registry.known().defaults = Some(defaults);
    lab.create(&visits(60), |spec| spec.dataset = "shops".to_owned()).await;
}

#[tokio::test]
async fn rows_that_tell_no_order_fail_the_job() {
    let (mut lab, _) = lab().await;
    let twice = [visits(60), b"2025-02-01,1,5,5,no\n".to_vec()].concat();
    let job = lab.create(&twice, on("spring")).await;
    let job = lab.finish(&job).await;
    assert_eq!(job.state, JobState::Failed);
    assert!(
        job.error.contains("no place in the order of `day`: another row of its group has the same time"),
        "{}",
        job.error
    );
    // A sample leaves out rows that others look back at.
    lab.restart_with(4 << 10);
    let job = lab.create(&visits(300), on("spring")).await;
    let running = lab.run();
    lab.events(&job.id, 0).await;
    running.stop().await;
    let job = lab.stored(&job.id).await;
    assert!(job.error.contains("only a sample of the rows fits; raise trainer.table_limit_mib"), "{}", job.error);
}

#[tokio::test]
async fn lags_that_make_no_sense_are_refused_by_field() {
    let (_lab, grpc) = lab().await;
    let lag = |column: &str, rows| vec![pb::Lag { column: column.to_owned(), rows }];
    let named = || pb::FeatureSet { name: "other".to_owned(), ..features() };
    for (wrong, path) in [
        (pb::FeatureSet { order_column: String::new(), ..named() }, "order_column"),
        (pb::FeatureSet { group_column: "day".to_owned(), ..named() }, "group_column"),
        (pb::FeatureSet { lags: vec![], ..named() }, "lags"),
        (pb::FeatureSet { lags: lag("visits", 0), ..named() }, "lags[0]"),
        (pb::FeatureSet { lags: lag("visits", 1001), ..named() }, "lags[0]"),
        (pb::FeatureSet { lags: lag("visits", 2), ..named() }, "lags[0]"),
        (pb::FeatureSet { lags: [lag("visits", 1), lag("visits", 1)].concat(), ..named() }, "lags[1]"),
    ] {
        let status = create(&grpc, wrong).await.unwrap_err();
        assert_eq!(reason_of(&status).as_deref(), Some("INVALID_FIELD"));
        assert!(status.message().starts_with(&format!("feature_set.{path}: ")), "{path}: {status}");
    }
    assert!(create(&grpc, named()).await.is_ok());
}
