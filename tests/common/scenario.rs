//! What tests ask of a running Lineal, each over the generated clients.

#![allow(dead_code, reason = "each test program uses a part")]

use std::path::PathBuf;

use lineal_proto::{
    inference::{InferTensorContents, ModelInferRequest, model_infer_request::InferInputTensor},
    lineal::{
        inference::v1 as inference,
        registry::v1 as registry,
        trainer::v1::{self as trainer, JobState},
        validator::v1 as validator,
    },
};
use lineal_rpc::{Peer, artifacts};
use tonic::Status;

/// The churn table that the demo uses.
pub(crate) const CHURN: &[u8] = include_bytes!("../../services/lineal/data/churn.csv");

/// Where that table lies.
pub(crate) fn churn_file() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../services/lineal/data/churn.csv"))
}

/// A job that trains on the churn table.
pub(crate) fn spec(family: &str) -> trainer::JobSpec {
    trainer::JobSpec {
        model: "churn".to_owned(),
        source: Some(trainer::DataSource {
            dataset: "churn".to_owned(),
            digest: lineal_kernel::Digest::of(CHURN).to_string(),
            format: trainer::SourceFormat::Csv.into(),
        }),
        label_column: "churn".to_owned(),
        family: family.to_owned(),
        seed: 7,
        ..trainer::JobSpec::default()
    }
}

/// Runs a job to its end.
pub(crate) async fn train(peer: &Peer, spec: trainer::JobSpec) -> Result<trainer::Job, Status> {
    train_by(peer, peer, spec).await
}

/// Runs a job to its end where registry and trainer are two processes.
async fn train_by(registry: &Peer, trainer: &Peer, spec: trainer::JobSpec) -> Result<trainer::Job, Status> {
    artifacts::upload(registry, CHURN.into()).await?;
    let mut jobs = trainer::job_service_client::JobServiceClient::new(trainer.clone());
    let request = trainer::CreateJobRequest { spec: Some(spec), ..Default::default() };
    let job = jobs.create_job(request).await?.into_inner().job.unwrap();
    finish(trainer, &job.job_id).await
}

/// Watches a job to its end; the events come in order without a gap.
pub(crate) async fn finish(peer: &Peer, job_id: &str) -> Result<trainer::Job, Status> {
    let mut jobs = trainer::job_service_client::JobServiceClient::new(peer.clone());
    let watch = trainer::WatchJobRequest { job_id: job_id.to_owned(), after_sequence: 0 };
    let mut events = jobs.watch_job(watch).await?.into_inner();
    let mut last = 0;
    while let Some(event) = events.message().await? {
        let event = event.event.unwrap();
        assert_eq!(event.sequence, last + 1, "events have no gap");
        last = event.sequence;
    }
    let found = jobs.get_job(trainer::GetJobRequest { job_id: job_id.to_owned() }).await?.into_inner().job.unwrap();
    assert!(found.state() != JobState::Running && found.state() != JobState::Queued, "the stream ended with the job");
    Ok(found)
}

/// Trains and expects a version.
pub(crate) async fn version(peer: &Peer, family: &str) -> u64 {
    version_by(peer, peer, family).await
}

/// The same where registry and trainer are two processes.
pub(crate) async fn version_by(registry: &Peer, trainer: &Peer, family: &str) -> u64 {
    version_of(registry, trainer, spec(family)).await
}

/// The same of any job.
pub(crate) async fn version_of(registry: &Peer, trainer: &Peer, spec: trainer::JobSpec) -> u64 {
    let job = train_by(registry, trainer, spec).await.unwrap();
    assert_eq!(job.state(), JobState::Succeeded, "{}", job.error);
    job.version
}

/// Judges a version; `compare` with the champion or not.
pub(crate) async fn validate(peer: &Peer, number: u64, compare: bool) -> Result<validator::Report, Status> {
    let request = validator::ValidateRequest {
        model: "churn".to_owned(),
        number,
        policy: Some(validator::Policy { skip_comparison: !compare, ..validator::Policy::default() }),
        ..validator::ValidateRequest::default()
    };
    let mut reports = validator::report_service_client::ReportServiceClient::new(peer.clone());
    Ok(reports.validate(request).await?.into_inner().report.unwrap())
}

/// Makes a version champion.
pub(crate) async fn promote(peer: &Peer, number: u64) -> Result<registry::Promotion, Status> {
    promote_by(peer, number, registry::ReloadPolicy::All).await
}

/// The same, waiting for replicas as the policy says.
pub(crate) async fn promote_by(
    peer: &Peer,
    number: u64,
    policy: registry::ReloadPolicy,
) -> Result<registry::Promotion, Status> {
    let request = registry::PromoteRequest {
        model: "churn".to_owned(),
        number,
        policy: policy.into(),
        request_id: uuid::Uuid::now_v7().to_string(),
        ..registry::PromoteRequest::default()
    };
    let mut promotions = registry::promotion_service_client::PromotionServiceClient::new(peer.clone());
    Ok(promotions.promote(request).await?.into_inner().promotion.unwrap())
}

/// Brings an earlier champion back, if `champion` is the present one.
pub(crate) async fn rollback(peer: &Peer, number: u64, champion: u64) -> Result<registry::Promotion, Status> {
    let request = registry::RollbackRequest {
        model: "churn".to_owned(),
        number,
        expected_champion: Some(champion),
        reason: "drill".to_owned(),
        request_id: uuid::Uuid::now_v7().to_string(),
        ..registry::RollbackRequest::default()
    };
    let mut promotions = registry::promotion_service_client::PromotionServiceClient::new(peer.clone());
    Ok(promotions.rollback(request).await?.into_inner().promotion.unwrap())
}

/// Trains, judges and promotes.
pub(crate) async fn champion(peer: &Peer, family: &str) -> u64 {
    let number = version(peer, family).await;
    assert!(validate(peer, number, false).await.unwrap().passed);
    promote(peer, number).await.unwrap();
    number
}

/// What the champion's alias says.
pub(crate) async fn alias(peer: &Peer) -> Result<registry::Alias, Status> {
    let request = registry::ResolveAliasRequest {
        model: "churn".to_owned(),
        alias: "champion".to_owned(),
        ..registry::ResolveAliasRequest::default()
    };
    let mut aliases = registry::alias_service_client::AliasServiceClient::new(peer.clone());
    Ok(aliases.resolve_alias(request).await?.into_inner().alias.unwrap())
}

/// Points an alias of the tester's own.
pub(crate) async fn alias_to(peer: &Peer, name: &str, number: u64) -> Result<registry::Alias, Status> {
    let request = registry::SetAliasRequest {
        model: "churn".to_owned(),
        alias: name.to_owned(),
        number,
        ..registry::SetAliasRequest::default()
    };
    let mut aliases = registry::alias_service_client::AliasServiceClient::new(peer.clone());
    Ok(aliases.set_alias(request).await?.into_inner().alias.unwrap())
}

/// Has the alias get copies of so many thousandths of its slot's requests.
pub(crate) async fn mirror_to(peer: &Peer, name: &str, per_mille: u32) -> Result<registry::Alias, Status> {
    let part = registry::traffic::Part::MirrorPerMille(per_mille);
    let request = registry::SetTrafficRequest {
        model: "churn".to_owned(),
        alias: name.to_owned(),
        traffic: Some(registry::Traffic { part: Some(part) }),
        ..registry::SetTrafficRequest::default()
    };
    let mut aliases = registry::alias_service_client::AliasServiceClient::new(peer.clone());
    Ok(aliases.set_traffic(request).await?.into_inner().alias.unwrap())
}

/// How many replicas hold a lease.
pub(crate) async fn live(peer: &Peer) -> usize {
    let mut replicas = registry::replica_service_client::ReplicaServiceClient::new(peer.clone());
    let found = replicas.list_replicas(registry::ListReplicasRequest::default()).await.unwrap().into_inner();
    found.replicas.into_iter().filter(|replica| replica.live).count()
}

/// The audit, newest first.
pub(crate) async fn audit(peer: &Peer) -> Vec<registry::AuditEntry> {
    let request = registry::ListAuditEntriesRequest { page_size: 500, ..registry::ListAuditEntriesRequest::default() };
    let mut audit = registry::audit_service_client::AuditServiceClient::new(peer.clone());
    audit.list_audit_entries(request).await.unwrap().into_inner().entries
}

/// What the replica serves.
pub(crate) async fn serving(peer: &Peer) -> inference::GetServingResponse {
    let mut control = inference::control_service_client::ControlServiceClient::new(peer.clone());
    control.get_serving(inference::GetServingRequest {}).await.unwrap().into_inner()
}

/// What the replica knows of its shadows.
pub(crate) async fn shadows(peer: &Peer) -> Vec<inference::Shadow> {
    let mut control = inference::control_service_client::ControlServiceClient::new(peer.clone());
    control.get_shadows(inference::GetShadowsRequest::default()).await.unwrap().into_inner().shadows
}

/// One customer of the churn table.
pub(crate) fn customer() -> inference::PredictRequest {
    customers(1)
}

/// The first `rows` customers of the churn table.
pub(crate) fn customers(rows: usize) -> inference::PredictRequest {
    let mut lines = std::str::from_utf8(CHURN).unwrap().lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines.next().unwrap();
    let lines: Vec<_> = lines.take(rows).collect();
    let columns = names.into_iter().enumerate().filter(|(_, name)| *name != "churn").map(|(column, name)| {
        let texts: Vec<_> = lines.iter().map(|line| line[column].to_owned()).collect();
        let values = match texts.iter().map(|text| text.parse()).collect() {
            Ok(values) => inference::column::Values::Numbers(inference::NumberColumn { values }),
            Err(_) => inference::column::Values::Texts(inference::TextColumn { values: texts }),
        };
        inference::Column { name: name.to_owned(), values: Some(values) }
    });
    inference::PredictRequest { model: "churn".to_owned(), columns: columns.collect(), ..Default::default() }
}

/// The same as a request of the Open Inference Protocol, with typed tensors.
pub(crate) fn tensors(customers: inference::PredictRequest) -> ModelInferRequest {
    let tensor = |column: inference::Column| {
        let (datatype, contents) = match column.values.unwrap() {
            inference::column::Values::Numbers(numbers) => {
                ("FP64", InferTensorContents { fp64_contents: numbers.values, ..Default::default() })
            }
            inference::column::Values::Texts(texts) => {
                let bytes_contents = texts.values.into_iter().map(Into::into).collect();
                ("BYTES", InferTensorContents { bytes_contents, ..Default::default() })
            }
        };
        let rows = contents.fp64_contents.len().max(contents.bytes_contents.len());
        InferInputTensor {
            name: column.name,
            datatype: datatype.to_owned(),
            shape: vec![rows as i64],
            contents: Some(contents),
            ..Default::default()
        }
    };
    ModelInferRequest {
        model_name: customers.model,
        inputs: customers.columns.into_iter().map(tensor).collect(),
        ..Default::default()
    }
}

/// Asks the champion for one customer.
pub(crate) async fn predict(peer: &Peer) -> Result<inference::PredictResponse, Status> {
    predict_rows(peer, 1).await
}

/// Asks the champion for the first `rows` customers.
pub(crate) async fn predict_rows(peer: &Peer, rows: usize) -> Result<inference::PredictResponse, Status> {
    let mut predictions = inference::prediction_service_client::PredictionServiceClient::new(peer.clone());
    Ok(predictions.predict(customers(rows)).await?.into_inner())
}
