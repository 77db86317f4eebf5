//! What goes over the wire: every reason, every bad field, pages and families.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use lineal_db::{DatabaseUrl, StoreError};
use lineal_kernel::{FieldError, FieldErrors, ModelName, Name, RequestId, SystemClock};
use lineal_models::LibrarySearch;
use lineal_proto::lineal::trainer::v1::{
    self as pb, family_service_server::FamilyService, job_service_server::JobService,
};
use lineal_rpc::reason_of;
use pbjson_types::value::Kind;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status, service::Routes};

use super::lab::{LEASE, Lab, customers};
use crate::{
    Trainer, TrainerConfig,
    domain::{DataRefusal, DefinitionConflict, DefinitionKind, JobId, TrainerError},
    grpc::{TrainerGrpc, from_error},
};

fn number(value: f64) -> pbjson_types::Value {
    pbjson_types::Value { kind: Some(Kind::NumberValue(value)) }
}

fn spec(lab: &Lab) -> pb::JobSpec {
    pb::JobSpec {
        model: "churn".to_owned(),
        source: Some(pb::DataSource {
            dataset: "customers".to_owned(),
            digest: lab.registry.add(&customers(50)).to_string(),
            format: pb::SourceFormat::Csv.into(),
        }),
        label_column: "churn".to_owned(),
        family: "gradient_boosting".to_owned(),
        ..pb::JobSpec::default()
    }
}

async fn create(grpc: &TrainerGrpc, spec: pb::JobSpec, request_id: &str) -> Result<pb::Job, Status> {
    let request = pb::CreateJobRequest { spec: Some(spec), request_id: request_id.to_owned(), rerun: false };
    Ok(grpc.create_job(Request::new(request)).await?.into_inner().job.unwrap())
}

/// What concerns jobs and what they are made of.
fn job_errors() -> Vec<(TrainerError, Code, &'static str)> {
    let conflict = DefinitionConflict {
        kind: DefinitionKind::Split,
        scope: "customers".to_owned(),
        name: "v1".to_owned(),
        difference: "differs".to_owned(),
    };
    let refusal = DataRefusal {
        dataset: Name::new("customers").unwrap(),
        report_id: "r1".to_owned(),
        failed: vec!["range(age)".to_owned()],
    };
    let (job_id, model) = (JobId::random(), ModelName::new("churn").unwrap());
    let reused = TrainerError::RequestIdReused { request_id: RequestId::random(), job_id: job_id.clone() };
    let busy = TrainerError::NodeBusy { node: "p/train".to_owned(), job_id: job_id.clone() };
    let split =
        TrainerError::SplitNotFound { dataset: Name::new("customers").unwrap(), name: Name::new("v7").unwrap() };
    let features = TrainerError::FeatureSetNotFound { model: model.clone(), name: Name::new("v7").unwrap() };
    let unset = TrainerError::SettingsNotFound { model: model.clone(), digest: None };
    let foreign = TrainerError::NotReproducible { model: model.clone(), number: 3, problem: "no seed".to_owned() };
    vec![
        (FieldErrors::from(FieldError::new("spec.model", "missing")).into(), Code::InvalidArgument, "INVALID_FIELD"),
        (TrainerError::JobNotFound { job_id }, Code::NotFound, "JOB_NOT_FOUND"),
        (TrainerError::Definition(conflict), Code::AlreadyExists, "DEFINITION_CONFLICT"),
        (reused, Code::AlreadyExists, "REQUEST_ID_REUSED"),
        (busy, Code::AlreadyExists, "NODE_BUSY"),
        (TrainerError::DataRefused(refusal), Code::FailedPrecondition, "DATA_CHECK_FAILED"),
        (TrainerError::DataUnreadable { problem: "line 3".to_owned() }, Code::FailedPrecondition, "DATA_UNREADABLE"),
        (TrainerError::ReportNotFound { report_id: "r1".to_owned() }, Code::NotFound, "DATA_REPORT_NOT_FOUND"),
        (split, Code::NotFound, "SPLIT_NOT_FOUND"),
        (features, Code::NotFound, "FEATURE_SET_NOT_FOUND"),
        (unset, Code::NotFound, "SETTINGS_NOT_FOUND"),
        (TrainerError::VersionNotFound { model, number: 3 }, Code::NotFound, "VERSION_NOT_FOUND"),
        (foreign, Code::FailedPrecondition, "NOT_REPRODUCIBLE"),
    ]
}

/// What concerns pipelines and the process itself.
fn other_errors() -> Vec<(TrainerError, Code, &'static str)> {
    let busy = TrainerError::PipelineBusy { pipeline_id: "p".to_owned().into(), run_id: "r".to_owned().into() };
    let reused = TrainerError::RunRequestIdReused { request_id: RequestId::random(), run_id: "r".to_owned().into() };
    let away = TrainerError::RegistryUnavailable { message: "refused".to_owned() };
    vec![
        (away, Code::Unavailable, "REGISTRY_UNAVAILABLE"),
        (TrainerError::PipelineNotFound { pipeline_id: "p".to_owned().into() }, Code::NotFound, "PIPELINE_NOT_FOUND"),
        (TrainerError::PipelineRunNotFound { run_id: "r".to_owned().into() }, Code::NotFound, "PIPELINE_RUN_NOT_FOUND"),
        (busy, Code::AlreadyExists, "PIPELINE_BUSY"),
        (reused, Code::AlreadyExists, "REQUEST_ID_REUSED"),
        (TrainerError::Stopping, Code::Unavailable, "TRAINER_STOPPING"),
        (StoreError::Busy.into(), Code::Unavailable, "DATABASE_BUSY"),
        (StoreError::corrupt("secret of the database").into(), Code::Internal, "INTERNAL"),
    ]
}

#[test]
fn every_error_has_a_code_and_a_reason() {
    for (error, code, reason) in job_errors().into_iter().chain(other_errors()) {
        let status = from_error(error);
        assert_eq!((status.code(), reason_of(&status).as_deref()), (code, Some(reason)));
        assert!(!status.message().contains("secret"), "{status}");
    }
}

#[tokio::test]
async fn a_job_comes_back_as_it_was_sent_with_its_defaults_filled_in() {
    // F67, F68
    let lab = Lab::new().await;
    let grpc = TrainerGrpc::new(Arc::clone(&lab.app));
    let mut sent = spec(&lab);
    sent.hyperparameters.insert("rounds".to_owned(), number(10.0));
    sent.threshold = 0.4;
    sent.seed = u64::MAX;
    (sent.pipeline_id, sent.node_id) = ("sha256:ab/1".to_owned(), "train".to_owned());
    let time = |seconds| Some(pbjson_types::Timestamp { seconds, nanos: 1000 });
    sent.schedule = Some(pb::JobSchedule {
        priority: -7,
        max_attempts: 2,
        not_before_time: time(1_800_000_000),
        start_by_time: time(1_800_000_001),
        finish_by_time: time(1_800_000_002),
    });
    sent.max_runtime = Some(pbjson_types::Duration { seconds: 1, nanos: 500_000_000 });
    let job = create(&grpc, sent.clone(), "try-1").await.unwrap();
    assert_eq!(job.spec.as_ref(), Some(&sent));
    assert_eq!((job.state(), job.last_sequence, job.version), (pb::JobState::Queued, 1, 0));
    assert_eq!(job.hyperparameters["rounds"], number(10.0));
    assert_eq!(job.hyperparameters["learning_rate"], number(0.1));
    assert_eq!(create(&grpc, sent.clone(), "try-1").await.unwrap(), job);
    let get = pb::GetJobRequest { job_id: job.job_id.clone() };
    assert_eq!(grpc.get_job(Request::new(get)).await.unwrap().into_inner().job, Some(job));
    sent.seed = 1;
    let reused = create(&grpc, sent, "try-1").await.unwrap_err();
    assert_eq!(reason_of(&reused).as_deref(), Some("REQUEST_ID_REUSED"));
}

#[tokio::test]
async fn code_lists_and_huge_texts_are_no_hyperparameters() {
    // F85
    let lab = Lab::new().await;
    let grpc = TrainerGrpc::new(Arc::clone(&lab.app));
    let text = |text: &str| pbjson_types::Value { kind: Some(Kind::StringValue(text.to_owned())) };
    let list = pbjson_types::ListValue { values: vec![number(0.1)] };
    let bad = [
        text("__import__('os').system('id')"),
        text(&"9".repeat(10 << 20)),
        pbjson_types::Value { kind: Some(Kind::ListValue(list)) },
        pbjson_types::Value { kind: Some(Kind::NullValue(0)) },
        pbjson_types::Value { kind: None },
        number(-1.0),
        number(f64::INFINITY),
    ];
    for value in bad {
        let mut spec = spec(&lab);
        spec.hyperparameters.insert("learning_rate".to_owned(), value);
        let status = create(&grpc, spec, "").await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().starts_with("spec.hyperparameters.learning_rate: must be a number in"), "{status}");
        assert!(status.message().len() < 200);
    }
    let empty = create(&grpc, pb::JobSpec::default(), "").await.unwrap_err();
    for path in ["spec.model", "spec.source.dataset", "spec.source.digest", "spec.source.format", "spec.family"] {
        assert!(empty.message().contains(path), "{path} is not in {empty}");
    }
}

fn config(folder: &Path, libraries: LibrarySearch) -> TrainerConfig {
    TrainerConfig {
        database: DatabaseUrl::Sqlite(folder.join("trainer.db")),
        concurrency: 1,
        per_model: 0,
        threads: 1,
        table_limit: usize::MAX,
        feature_cache: 0,
        lease: LEASE,
        libraries,
        sources: BTreeMap::new(),
        scratch: folder.join("scratch"),
        release: "0.0.0-test".to_owned(),
        signing_key: None,
        signatures: lineal_signing::Policy::default(),
    }
}

#[tokio::test]
async fn a_family_without_its_library_is_listed_and_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let libraries = LibrarySearch { lightgbm: Some("/nowhere/lib.so".into()), ..LibrarySearch::default() };
    let registry = lineal_rpc::connect("http://127.0.0.1:1", "service:trainer").unwrap();
    let config = config(folder.path(), libraries);
    let trainer = Trainer::open(config, registry.clone(), registry, Arc::new(SystemClock)).await.unwrap();
    let grpc = TrainerGrpc::new(Arc::clone(&trainer.app));
    let families = grpc.list_families(Request::new(pb::ListFamiliesRequest {})).await.unwrap().into_inner().families;
    let light = families.iter().find(|family| family.name == "lightgbm").unwrap();
    assert!(!light.available && light.unavailable_reason.starts_with("/nowhere/lib.so cannot be loaded"), "{light:?}");
    let job = pb::JobSpec { family: "lightgbm".to_owned(), ..pb::JobSpec::default() };
    let refused = create(&grpc, job, "").await.unwrap_err();
    assert!(refused.message().contains("spec.family: is not available: /nowhere/lib.so"), "{refused}");
    trainer.close().await;
}

#[tokio::test]
async fn a_trainer_opens_mounts_works_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    // Nothing listens there: a trainer starts before its registry.
    let registry = lineal_rpc::connect("http://127.0.0.1:1", "service:trainer").unwrap();
    let config = config(folder.path(), LibrarySearch::default());
    let trainer = Trainer::open(config, registry.clone(), registry, Arc::new(SystemClock)).await.unwrap();
    let _routes = trainer.mount(Routes::default());
    let shutdown = CancellationToken::new();
    let stop = async {
        let request = Request::new(pb::ListJobsRequest::default());
        let jobs = TrainerGrpc::new(Arc::clone(&trainer.app)).list_jobs(request).await;
        assert_eq!(jobs.unwrap().into_inner().jobs, []);
        shutdown.cancel();
    };
    tokio::join!(trainer.run(shutdown.clone()), stop);
    trainer.close().await;
}

#[tokio::test]
async fn a_page_token_belongs_to_its_listing() {
    let lab = Lab::new().await;
    let grpc = TrainerGrpc::new(Arc::clone(&lab.app));
    for _ in 0..3 {
        create(&grpc, spec(&lab), "").await.unwrap();
    }
    let request = pb::ListJobsRequest { page_size: 2, ..pb::ListJobsRequest::default() };
    let first = grpc.list_jobs(Request::new(request.clone())).await.unwrap().into_inner();
    assert_eq!(first.jobs.len(), 2);
    let next = pb::ListJobsRequest { page_token: first.next_page_token, ..request };
    let second = grpc.list_jobs(Request::new(next.clone())).await.unwrap().into_inner();
    assert_eq!((second.jobs.len(), second.next_page_token.as_str()), (1, ""));
    let other = pb::ListJobsRequest { model: "fraud".to_owned(), state: 77, ..next };
    let status = grpc.list_jobs(Request::new(other)).await.unwrap_err();
    assert!(status.message().contains("page_token") && status.message().contains("state"), "{status}");
}

#[tokio::test]
async fn families_are_listed_with_ranges_and_defaults() {
    // F67
    let lab = Lab::new().await;
    let grpc = TrainerGrpc::new(Arc::clone(&lab.app));
    let families = grpc.list_families(Request::new(pb::ListFamiliesRequest {})).await.unwrap().into_inner().families;
    let boosting = families.iter().find(|family| family.name == "gradient_boosting").unwrap();
    assert_eq!(
        boosting.tasks,
        [pb::Task::Binary, pb::Task::Multiclass, pb::Task::Regression, pb::Task::Count].map(i32::from)
    );
    assert!(boosting.available && families.iter().any(|family| family.name == "xgboost"));
    // What cannot be fitted says why.
    assert!(families.iter().all(|family| family.available == family.unavailable_reason.is_empty()), "{families:?}");
    let rate = boosting.hyperparameters.iter().find(|known| known.name == "learning_rate").unwrap();
    assert_eq!((rate.kind(), rate.default.as_ref()), (pb::HyperparameterKind::Float, Some(&number(0.1))));
    assert!(rate.minimum.unwrap() < 0.1 && rate.maximum.unwrap() > 0.1 && !rate.description.is_empty());
}
