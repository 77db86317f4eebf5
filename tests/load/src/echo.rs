//! The limit: a bare gRPC server that decodes the same requests and sends the same answer to each of them.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::Context as _;
use lineal_proto::inference::{
    self, ModelInferRequest, ModelInferResponse,
    grpc_inference_service_server::{GrpcInferenceService, GrpcInferenceServiceServer},
};
use lineal_rpc::ServerConfig;
use prost::Message as _;
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

/// `lineal-load echo`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// An encoded ModelInferResponse: the answer to everything
    #[arg(long, value_name = "FILE")]
    answer: PathBuf,
}

/// Prints its address and serves until it is killed, with the transport settings of Lineal and none of its layers.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let answer = fs::read(&args.answer).with_context(|| format!("cannot read {}", args.answer.display()))?;
    let answer = ModelInferResponse::decode(answer.as_slice())?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    let ServerConfig { request_timeout, max_streams, .. } = ServerConfig::default();
    Server::builder()
        .timeout(request_timeout)
        .max_concurrent_streams(max_streams)
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)))
        .initial_connection_window_size(4 << 20)
        .initial_stream_window_size(1 << 20)
        .add_service(GrpcInferenceServiceServer::new(Echo { answer }))
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await?;
    Ok(())
}

struct Echo {
    answer: ModelInferResponse,
}

#[tonic::async_trait]
impl GrpcInferenceService for Echo {
    async fn model_infer(&self, _: Request<ModelInferRequest>) -> Result<Response<ModelInferResponse>, Status> {
        Ok(Response::new(self.answer.clone()))
    }

    async fn server_live(
        &self,
        _: Request<inference::ServerLiveRequest>,
    ) -> Result<Response<inference::ServerLiveResponse>, Status> {
        Err(only_predictions())
    }

    async fn server_ready(
        &self,
        _: Request<inference::ServerReadyRequest>,
    ) -> Result<Response<inference::ServerReadyResponse>, Status> {
        Err(only_predictions())
    }

    async fn model_ready(
        &self,
        _: Request<inference::ModelReadyRequest>,
    ) -> Result<Response<inference::ModelReadyResponse>, Status> {
        Err(only_predictions())
    }

    async fn server_metadata(
        &self,
        _: Request<inference::ServerMetadataRequest>,
    ) -> Result<Response<inference::ServerMetadataResponse>, Status> {
        Err(only_predictions())
    }

    async fn model_metadata(
        &self,
        _: Request<inference::ModelMetadataRequest>,
    ) -> Result<Response<inference::ModelMetadataResponse>, Status> {
        Err(only_predictions())
    }

    async fn model_config(
        &self,
        _: Request<inference::ModelConfigRequest>,
    ) -> Result<Response<inference::ModelConfigResponse>, Status> {
        Err(only_predictions())
    }

    async fn model_statistics(
        &self,
        _: Request<inference::ModelStatisticsRequest>,
    ) -> Result<Response<inference::ModelStatisticsResponse>, Status> {
        Err(only_predictions())
    }

    async fn repository_index(
        &self,
        _: Request<inference::RepositoryIndexRequest>,
    ) -> Result<Response<inference::RepositoryIndexResponse>, Status> {
        Err(only_predictions())
    }

    async fn repository_model_load(
        &self,
        _: Request<inference::RepositoryModelLoadRequest>,
    ) -> Result<Response<inference::RepositoryModelLoadResponse>, Status> {
        Err(only_predictions())
    }

    async fn repository_model_unload(
        &self,
        _: Request<inference::RepositoryModelUnloadRequest>,
    ) -> Result<Response<inference::RepositoryModelUnloadResponse>, Status> {
        Err(only_predictions())
    }

    type ModelStreamInferStream = tonic::codec::Streaming<inference::ModelStreamInferResponse>;

    async fn model_stream_infer(
        &self,
        _: Request<tonic::Streaming<ModelInferRequest>>,
    ) -> Result<Response<Self::ModelStreamInferStream>, Status> {
        Err(only_predictions())
    }
}

fn only_predictions() -> Status {
    Status::unimplemented("the echo answers ModelInfer only")
}
