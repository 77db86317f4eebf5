//! The whole service over gRPC, on both of its sides.

use std::sync::{Arc, Mutex, atomic::Ordering};

use futures::stream::BoxStream;
use lineal_bundles::Source as _;
use lineal_db::DatabaseUrl;
use lineal_kernel::{ManualClock, ModelName, Slot, Timestamp};
use lineal_proto::lineal::{
    registry::v1::{
        self as pb,
        alias_service_server::{AliasService, AliasServiceServer},
        artifact_service_server::{ArtifactService, ArtifactServiceServer},
        comparison_service_server::{ComparisonService, ComparisonServiceServer},
        version_service_server::{VersionService, VersionServiceServer},
    },
    validator::v1::{Report, ValidateRequest, report_service_client::ReportServiceClient},
};
use lineal_rpc::{Health, Peer, ServerConfig, connect, reason_of, serve};
use lineal_signing::Policy;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status, Streaming, service::Routes};

use super::{bundles::world, number, registry::FakeRegistry};
use crate::{Validator, ValidatorConfig, registry::Registry as _};

/// The played registry with its contract in front.
#[derive(Clone)]
struct RegistryGrpc {
    registry: Arc<FakeRegistry>,
    recorded: Arc<Mutex<Vec<pb::RecordValidationRequest>>>,
    compared: Arc<Mutex<Vec<pb::RecordComparisonRequest>>>,
}

type Answer<T> = Result<Response<T>, Status>;

fn unused<T>() -> Answer<T> {
    Err(Status::unimplemented("the validator has no use for it"))
}

#[tonic::async_trait]
impl VersionService for RegistryGrpc {
    async fn create_version(&self, _: Request<pb::CreateVersionRequest>) -> Answer<pb::CreateVersionResponse> {
        unused()
    }

    async fn get_version(&self, request: Request<pb::GetVersionRequest>) -> Answer<pb::GetVersionResponse> {
        let pb::GetVersionRequest { model, number: asked } = request.into_inner();
        let found = self.registry.version(&ModelName::new(&model).unwrap(), number(asked)).await.unwrap();
        let found = found.ok_or_else(|| Status::not_found("no such version"))?;
        let reference_digest = found.reference.map(|digest| digest.to_string()).unwrap_or_default();
        let lineage = Some(pb::Lineage { reference_digest, ..pb::Lineage::default() });
        let digest = found.digest.to_string();
        let version = Some(pb::Version { model, number: asked, digest, lineage, ..pb::Version::default() });
        Ok(Response::new(pb::GetVersionResponse { version }))
    }

    async fn resolve_version(&self, _: Request<pb::ResolveVersionRequest>) -> Answer<pb::ResolveVersionResponse> {
        unused()
    }

    async fn get_chain(&self, _: Request<pb::GetChainRequest>) -> Answer<pb::GetChainResponse> {
        unused()
    }

    async fn list_versions(&self, _: Request<pb::ListVersionsRequest>) -> Answer<pb::ListVersionsResponse> {
        unused()
    }

    async fn search_versions(&self, _: Request<pb::SearchVersionsRequest>) -> Answer<pb::SearchVersionsResponse> {
        unused()
    }

    async fn fail_version(&self, _: Request<pb::FailVersionRequest>) -> Answer<pb::FailVersionResponse> {
        unused()
    }

    async fn update_version(&self, _: Request<pb::UpdateVersionRequest>) -> Answer<pb::UpdateVersionResponse> {
        unused()
    }

    async fn record_validation(
        &self,
        request: Request<pb::RecordValidationRequest>,
    ) -> Answer<pb::RecordValidationResponse> {
        if self.registry.away.load(Ordering::SeqCst) {
            return Err(Status::unavailable("restarting"));
        }
        self.recorded.lock().unwrap().push(request.into_inner());
        Ok(Response::new(pb::RecordValidationResponse { version: None }))
    }
}

#[tonic::async_trait]
impl ComparisonService for RegistryGrpc {
    async fn record_comparison(
        &self,
        request: Request<pb::RecordComparisonRequest>,
    ) -> Answer<pb::RecordComparisonResponse> {
        self.compared.lock().unwrap().push(request.into_inner());
        Ok(Response::new(pb::RecordComparisonResponse { comparison: None }))
    }

    async fn get_comparison(&self, _: Request<pb::GetComparisonRequest>) -> Answer<pb::GetComparisonResponse> {
        unused()
    }

    async fn list_comparisons(&self, _: Request<pb::ListComparisonsRequest>) -> Answer<pb::ListComparisonsResponse> {
        unused()
    }
}

#[tonic::async_trait]
impl AliasService for RegistryGrpc {
    async fn resolve_alias(&self, request: Request<pb::ResolveAliasRequest>) -> Answer<pb::ResolveAliasResponse> {
        let asked = request.into_inner();
        assert_eq!(asked.alias, "champion");
        let (model, slot) = (ModelName::new(&asked.model).unwrap(), Slot::new(asked.slot).unwrap());
        let found = self.registry.champion(&model, &slot).await.unwrap();
        let found = found.ok_or_else(|| Status::not_found("no champion"))?;
        let (number, digest) = (found.number.get(), found.digest.to_string());
        let alias = Some(pb::Alias { number, digest, ..pb::Alias::default() });
        Ok(Response::new(pb::ResolveAliasResponse { alias }))
    }

    async fn set_alias(&self, _: Request<pb::SetAliasRequest>) -> Answer<pb::SetAliasResponse> {
        unused()
    }

    async fn set_traffic(&self, _: Request<pb::SetTrafficRequest>) -> Answer<pb::SetTrafficResponse> {
        unused()
    }

    async fn list_aliases(&self, _: Request<pb::ListAliasesRequest>) -> Answer<pb::ListAliasesResponse> {
        unused()
    }

    async fn get_serving_table(&self, _: Request<pb::GetServingTableRequest>) -> Answer<pb::GetServingTableResponse> {
        unused()
    }
}

#[tonic::async_trait]
impl ArtifactService for RegistryGrpc {
    type DownloadArtifactStream = BoxStream<'static, Result<pb::DownloadArtifactResponse, Status>>;

    async fn upload_artifact(
        &self,
        _: Request<Streaming<pb::UploadArtifactRequest>>,
    ) -> Answer<pb::UploadArtifactResponse> {
        unused()
    }

    async fn download_artifact(
        &self,
        request: Request<pb::DownloadArtifactRequest>,
    ) -> Answer<Self::DownloadArtifactStream> {
        let digest = request.into_inner().digest.parse().unwrap();
        let content = self.registry.file(digest, usize::MAX).await;
        let content = content.map_err(|_| Status::not_found("no such artifact"))?;
        let pieces =
            content.chunks(1 << 20).map(|chunk| Ok(pb::DownloadArtifactResponse { chunk: chunk.to_vec().into() }));
        Ok(Response::new(Box::pin(futures::stream::iter(pieces.collect::<Vec<_>>()))))
    }
}

/// Serves `routes` on a free port and connects to them.
async fn served(routes: Routes, shutdown: &CancellationToken) -> Peer {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let shutdown = shutdown.clone();
    tokio::spawn(async move { serve(listener, routes, &Health::default(), &ServerConfig::default(), shutdown).await });
    connect(&address, "ana").unwrap()
}

#[tokio::test]
async fn a_verdict_travels_from_client_to_registry() {
    let registry = Arc::new(FakeRegistry::default());
    for (version, bundle) in [(1, &world().modest), (2, &world().strong)] {
        registry.upload(bundle, &world().reference);
        registry.register(version, bundle);
    }
    let grpc = RegistryGrpc { registry: Arc::clone(&registry), recorded: Arc::default(), compared: Arc::default() };
    let (recorded, compared) = (Arc::clone(&grpc.recorded), Arc::clone(&grpc.compared));
    let shutdown = CancellationToken::new();
    let routes = Routes::new(VersionServiceServer::new(grpc.clone()))
        .add_service(AliasServiceServer::new(grpc.clone()))
        .add_service(ComparisonServiceServer::new(grpc.clone()))
        .add_service(ArtifactServiceServer::new(grpc));
    let peer = served(routes, &shutdown).await;

    let folder = tempfile::tempdir().unwrap();
    let config = ValidatorConfig {
        database: DatabaseUrl::Sqlite(folder.path().join("validator.db")),
        signatures: Policy::default(),
    };
    let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1_736_951_422_000_000)));
    let validator = Validator::open(config, peer, clock).await.unwrap();
    let mut client = ReportServiceClient::new(served(validator.mount(Routes::default()), &shutdown).await);

    let request = |number| ValidateRequest {
        model: "churn".to_owned(),
        number,
        request_id: format!("r{number}"),
        ..Default::default()
    };
    let first = client.validate(request(1)).await.unwrap().into_inner().report.unwrap();
    assert!(first.passed && first.champion_number == 0);
    assert_eq!(first.actor, "ana");
    registry.crown(1);
    registry.away.store(true, Ordering::SeqCst);
    let away = client.validate(request(2)).await.unwrap_err();
    assert_eq!((away.code(), reason_of(&away).as_deref()), (Code::Unavailable, Some("REGISTRY_UNAVAILABLE")));
    registry.away.store(false, Ordering::SeqCst);
    let second = client.validate(request(2)).await.unwrap().into_inner().report.unwrap();

    let missing = client.validate(request(3)).await.unwrap_err();
    assert_eq!(reason_of(&missing).as_deref(), Some("VERSION_NOT_FOUND"));
    registry.flip(world().strong.manifest().files["model.json"].digest);
    let damaged = client.validate(ValidateRequest { request_id: "again".to_owned(), ..request(2) }).await.unwrap_err();
    assert_eq!(reason_of(&damaged).as_deref(), Some("BUNDLE_DAMAGED"));

    let recorded = std::mem::take(&mut *recorded.lock().unwrap());
    let reports: Vec<_> = recorded.iter().map(|record| record.request_id.as_str()).collect();
    assert_eq!(reports, [&first.report_id, &second.report_id]);
    let validation = recorded[1].validation.clone().unwrap();
    assert_eq!((&validation.report_id, validation.passed, validation.champion_number), (&second.report_id, true, 1));
    assert_eq!((&validation.metrics, &validation.reference_digest), (&second.metrics, &second.reference_digest));
    compared_once(&compared.lock().unwrap(), &second);
    shutdown.cancel();
    validator.close().await;
}

/// F28: there is one comparison, for the one report that has a champion.
fn compared_once(compared: &[pb::RecordComparisonRequest], report: &Report) {
    let [pb::RecordComparisonRequest { comparison: Some(comparison), request_id }] = compared else {
        panic!("{compared:?}")
    };
    assert_eq!((request_id, &comparison.report_id), (&report.report_id, &report.report_id));
    assert_eq!((comparison.candidate_number, comparison.champion_number), (2, 1));
    assert_eq!(comparison.candidate_metrics, report.metrics);
    assert_eq!(comparison.champion_metrics, report.champion_metrics);
    assert_eq!((comparison.metric.as_str(), comparison.test.as_str()), ("auc", "delong"));
    assert!(comparison.statistic.is_some_and(|z| z > 0.0), "{comparison:?}");
    let significant = comparison.p_value.is_some_and(|p| p < 0.05);
    let expected = if significant { pb::ComparisonVerdict::Better } else { pb::ComparisonVerdict::Inconclusive };
    assert_eq!(comparison.verdict(), expected);
}
