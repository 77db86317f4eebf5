//! Feature sets that are created by name, and jobs that use them.

use std::sync::Arc;

use lineal_data::{Feature, FeatureKind, FeatureSet, MissingRule, Table, Transform};
use lineal_kernel::{ModelName, Name, Timestamp};
use lineal_proto::lineal::trainer::v1::{
    self as pb, feature_set_service_server::FeatureSetService, feature_transform::Transform as Kind,
    job_service_server::JobService,
};
use lineal_rpc::reason_of;
use tonic::{Code, Request, Status};

use super::lab::{Lab, caller, customers, entry};
use crate::{
    domain::{JobState, NamedFeatures, SpecDraft, TrainerError},
    grpc::TrainerGrpc,
    registry::Defaults,
};

fn named(name: &str, source: &str, actor: &str) -> NamedFeatures {
    let feature = Feature {
        name: source.to_owned(),
        source: source.to_owned(),
        kind: FeatureKind::Number,
        missing: MissingRule::Mean,
        transform: Transform::None,
    };
    NamedFeatures {
        model: ModelName::new("churn").unwrap(),
        set: FeatureSet { version: name.to_owned(), features: vec![feature], history: None },
        actor: actor.to_owned(),
        create_time: Timestamp::from_micros(1),
    }
}

pub(super) async fn a_feature_set_keeps_its_first_meaning(lab: &Lab) {
    let (churn, other) = (ModelName::new("churn").unwrap(), ModelName::new("other").unwrap());
    assert!(!lab.store.has_feature_sets(&churn).await.unwrap());
    for (name, source, kept) in [("b", "x", "x"), ("b", "y", "x"), ("a", "z", "z"), ("c", "z", "z")] {
        let known = lab.store.create_feature_set(&named(name, source, "ada")).await.unwrap();
        assert_eq!(known, named(name, kept, "ada"));
    }
    assert!(lab.store.has_feature_sets(&churn).await.unwrap() && !lab.store.has_feature_sets(&other).await.unwrap());
    let b = Name::new("b").unwrap();
    assert_eq!(lab.store.feature_set(&churn, &b).await.unwrap(), Some(named("b", "x", "ada")));
    assert_eq!(lab.store.feature_set(&other, &b).await.unwrap(), None);
    assert_eq!(lab.store.feature_sets(&churn, "a", 1).await.unwrap(), [named("b", "x", "ada")]);
    assert_eq!(lab.store.feature_sets(&churn, "", 10).await.unwrap().len(), 3);
}

pub(super) async fn what_a_job_inferred_can_be_created_later(lab: &Lab) {
    let spec = lab.command(&customers(20), |_| {}).spec;
    let inferred = named("b", "x", "");
    let body = serde_json::to_string(&inferred.set).unwrap();
    let kind = crate::domain::DefinitionKind::Features;
    lab.store.define(kind, spec.model.as_str(), "b", &body, inferred.create_time).await.unwrap();
    assert_eq!(lab.store.feature_sets(&spec.model, "", 10).await.unwrap(), std::slice::from_ref(&inferred));
    assert!(!lab.store.has_feature_sets(&spec.model).await.unwrap());
    // Another meaning changes nothing, not even who made it.
    assert_eq!(lab.store.create_feature_set(&named("b", "y", "ada")).await.unwrap(), inferred);
    let later = NamedFeatures { create_time: Timestamp::from_micros(2), ..named("b", "x", "ada") };
    assert_eq!(lab.store.create_feature_set(&later).await.unwrap(), named("b", "x", "ada"));
    // Whoever comes after that is not its creator.
    assert_eq!(lab.store.create_feature_set(&named("b", "x", "eve")).await.unwrap(), named("b", "x", "ada"));
}

pub(super) fn number(source: &str, transform: Option<Kind>) -> pb::Feature {
    pb::Feature {
        source: source.to_owned(),
        kind: pb::FeatureKind::Number.into(),
        transform: transform.map(|transform| pb::FeatureTransform { transform: Some(transform) }),
        ..pb::Feature::default()
    }
}

fn set(name: &str, features: Vec<pb::Feature>) -> pb::FeatureSet {
    pb::FeatureSet { model: "churn".to_owned(), name: name.to_owned(), features, ..Default::default() }
}

/// Two features of one column each, and one of both.
pub(super) fn calls(name: &str) -> pb::FeatureSet {
    let mut rate = number("calls", Some(Kind::Ratio(pb::RatioTransform { over: "minutes".to_owned() })));
    rate.name = "rate".to_owned();
    rate.missing = pb::MissingRule::Constant.into();
    rate.missing_constant = -1.5;
    let clip = Kind::Clip(pb::ClipTransform { low: 0.0, high: 4.0 });
    set(name, vec![number("calls", Some(clip)), number("minutes", None), rate])
}

pub(super) async fn create(grpc: &TrainerGrpc, set: pb::FeatureSet) -> Result<pb::FeatureSet, Status> {
    let request = Request::new(pb::CreateFeatureSetRequest { feature_set: Some(set) });
    Ok(grpc.create_feature_set(request).await?.into_inner().feature_set.unwrap())
}

pub(super) async fn get(grpc: &TrainerGrpc, name: &str) -> Result<pb::FeatureSet, Status> {
    let request = pb::GetFeatureSetRequest { model: "churn".to_owned(), name: name.to_owned() };
    Ok(grpc.get_feature_set(Request::new(request)).await?.into_inner().feature_set.unwrap())
}

// F63, F71
#[tokio::test]
async fn a_job_computes_the_features_that_were_created_and_its_version_names_them() {
    let mut lab = Lab::new().await;
    let grpc = TrainerGrpc::new(Arc::clone(&lab.app));
    let made = create(&grpc, calls("short")).await.unwrap();
    assert_eq!(get(&grpc, "short").await.unwrap(), made);
    assert_eq!(create(&grpc, made.clone()).await.unwrap(), made);
    let job = lab.create(&customers(200), |spec| spec.feature_version = "short".to_owned()).await;
    let job = lab.finish(&job).await;
    assert_eq!(job.error, "");
    let known = lab.registry.known();
    let version = &known.versions[0].1;
    assert_eq!((version.feature_version.as_str(), version.feature_digest.to_string()), ("short", made.digest.clone()));
    let parameters = &known.runs[&version.run_id].log.parameters;
    assert_eq!(
        (entry(parameters, "feature_version"), entry(parameters, "feature_digest")),
        ("short", made.digest.as_str())
    );
    let manifest = known.artifacts[&version.digest].to_vec();
    let parsed = lineal_models::Manifest::parse(&manifest, version.digest).unwrap();
    let files = parsed.files.iter().map(|(name, entry)| (name.clone(), known.artifacts[&entry.digest].to_vec()));
    let bundle = lineal_models::Bundle::assemble(manifest.clone(), version.digest, files.collect()).unwrap();
    let features = bundle.features().unwrap();
    assert_eq!(features.output_names(), ["calls", "minutes", "rate"]);
    let rows = Table::from_csv(b"calls,minutes\n7,2\n1,0\n").unwrap().to_frame();
    assert_eq!(features.transform(&rows).unwrap().values(), [4.0, 2.0, 3.5, 1.0, 0.0, -1.5]);
}

// F60
#[tokio::test]
async fn a_name_never_gets_other_features() {
    let mut lab = Lab::new().await;
    let grpc = TrainerGrpc::new(Arc::clone(&lab.app));
    let inferred = lab.create(&customers(100), |_| {}).await;
    assert_eq!(lab.finish(&inferred).await.error, "");
    let first = get(&grpc, "v1").await.unwrap();
    assert_eq!((first.features.len(), first.actor.as_str()), (2, ""));
    let taken = create(&grpc, calls("v1")).await.unwrap_err();
    assert_eq!((taken.code(), reason_of(&taken).as_deref()), (Code::AlreadyExists, Some("DEFINITION_CONFLICT")));
    assert!(taken.message().contains("has other features, which a job inferred"), "{taken}");
    create(&grpc, calls("v2")).await.unwrap();
    let taken = create(&grpc, set("v2", vec![number("calls", None)])).await.unwrap_err();
    assert_eq!(reason_of(&taken).as_deref(), Some("DEFINITION_CONFLICT"));
    let mut request = pb::ListFeatureSetsRequest { model: "churn".to_owned(), page_size: 1, ..Default::default() };
    let mut listed = Vec::new();
    loop {
        let page = grpc.list_feature_sets(Request::new(request.clone())).await.unwrap().into_inner();
        listed.extend(page.feature_sets.into_iter().map(|set| set.name));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, ["v1", "v2"]);
    let absent = get(&grpc, "v3").await.unwrap_err();
    assert_eq!((absent.code(), reason_of(&absent).as_deref()), (Code::NotFound, Some("FEATURE_SET_NOT_FOUND")));
}

async fn refused(lab: &Lab, change: impl FnOnce(&mut SpecDraft)) -> TrainerError {
    lab.app.create_job(&caller(), lab.command(&customers(100), change)).await.unwrap_err()
}

// F36, F56
#[tokio::test]
async fn features_that_are_unknown_or_do_not_fit_are_refused_before_there_is_a_job() {
    let mut lab = Lab::new().await;
    let grpc = TrainerGrpc::new(Arc::clone(&lab.app));
    create(&grpc, calls("short")).await.unwrap();
    let unknown = refused(&lab, |spec| spec.feature_version = "shrot".to_owned()).await;
    assert!(matches!(unknown, TrainerError::FeatureSetNotFound { ref name, .. } if name.as_str() == "shrot"));
    // Nobody means the columns as they happen to be, now that there is a set.
    let blank = refused(&lab, |_| {}).await;
    assert!(matches!(blank, TrainerError::FeatureSetNotFound { ref name, .. } if name.as_str() == "v1"), "{blank}");
    for column in ["minutes", "calls"] {
        let excluded = refused(&lab, |spec| {
            spec.feature_version = "short".to_owned();
            spec.exclude_columns = vec![column.to_owned()];
        });
        let excluded = excluded.await.to_string();
        assert!(excluded.contains(&format!("reads the column `{column}`, which this job excludes")), "{excluded}");
    }
    let label = refused(&lab, |spec| {
        spec.feature_version = "short".to_owned();
        spec.label_column = "calls".to_owned();
    });
    assert!(label.await.to_string().contains("reads the column `calls`, which this job predicts"));
    let jobs = grpc.list_jobs(Request::new(pb::ListJobsRequest::default())).await.unwrap().into_inner().jobs;
    assert_eq!(jobs, []);
    // Unless the champion says which.
    let defaults = Defaults { split: "v1".to_owned(), features: "short".to_owned(), model: String::new() };
    lab.registry.known().defaults = Some(defaults);
    let job = lab.create(&customers(100), |_| {}).await;
    let job = lab.finish(&job).await;
    assert_eq!((job.state, job.error.as_str()), (JobState::Succeeded, ""));
    assert_eq!(lab.registry.known().versions[0].1.feature_version.as_str(), "short");
    // Another model is none of its business.
    let other = lab.create(&customers(100), |spec| spec.model = "other".to_owned()).await;
    lab.registry.known().defaults = None;
    assert_eq!(lab.finish(&other).await.error, "");
}

// F63
#[tokio::test]
async fn a_column_that_a_created_feature_reads_and_the_rows_have_not_fails_the_job_before_the_fit() {
    let mut lab = Lab::new().await;
    let grpc = TrainerGrpc::new(Arc::clone(&lab.app));
    create(&grpc, set("long", vec![number("calls", None), number("tenure", None)])).await.unwrap();
    let job = lab.create(&customers(100), |spec| spec.feature_version = "long".to_owned()).await;
    let job = lab.finish(&job).await;
    assert_eq!(job.state, JobState::Failed);
    assert!(job.error.starts_with("train: ") && job.error.contains("`tenure`"), "{}", job.error);
}

#[tokio::test]
async fn a_feature_set_that_makes_no_sense_is_refused_by_field() {
    let lab = Lab::new().await;
    let grpc = TrainerGrpc::new(Arc::clone(&lab.app));
    let category = |transform| pb::Feature { kind: pb::FeatureKind::Category.into(), ..number("plan", transform) };
    let one_hot = || Some(Kind::OneHot(pb::OneHotTransform {}));
    let buckets = |count| Some(Kind::Buckets(pb::BucketsTransform { count }));
    let with = |missing: pb::MissingRule, feature: pb::Feature| pb::Feature { missing: missing.into(), ..feature };
    for (wrong, path) in [
        (pb::FeatureSet { model: "A B".to_owned(), ..calls("a") }, "model"),
        (pb::FeatureSet { name: String::new(), ..calls("a") }, "name"),
        (set("a", vec![]), "features"),
        (set("a", vec![number("", None)]), "features[0].name"),
        (set("a", vec![number("x", None), number(&"x".repeat(257), None)]), "features[1].name"),
        (set("a", vec![pb::Feature { kind: 0, ..number("x", None) }]), "features[0].kind"),
        (set("a", vec![pb::Feature { missing_constant: 1.0, ..number("x", None) }]), "features[0].missing_constant"),
        (set("a", vec![with(pb::MissingRule::MostFrequent, number("x", None))]), "features[0].missing"),
        (set("a", vec![with(pb::MissingRule::Mean, category(one_hot()))]), "features[0].missing"),
        (set("a", vec![number("x", one_hot())]), "features[0].transform"),
        (set("a", vec![category(None)]), "features[0].transform"),
        (set("a", vec![number("x", buckets(1))]), "features[0].transform"),
        (set("a", vec![number("x", buckets(300))]), "features[0].transform"),
        (set("a", vec![number("x", None), number("x", None)]), "features[1]"),
    ] {
        let status = create(&grpc, wrong).await.unwrap_err();
        assert_eq!((status.code(), reason_of(&status).as_deref()), (Code::InvalidArgument, Some("INVALID_FIELD")));
        assert!(status.message().starts_with(&format!("feature_set.{path}: ")), "{path}: {status}");
    }
    let several = pb::FeatureSet { model: String::new(), ..set("a", vec![pb::Feature::default()]) };
    let status = create(&grpc, several).await.unwrap_err();
    assert!(
        status.message().contains("features[0].kind") && status.message().contains("feature_set.model"),
        "{status}"
    );
    assert!(create(&grpc, set("a", vec![category(one_hot())])).await.is_ok());
}
