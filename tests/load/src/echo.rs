//! The limit: a bare gRPC server that decodes the same requests and sends the same answer to each of them.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::Context as _;
use lineal_proto::inference::{
    ModelInferRequest, ModelInferResponse, ModelMetadataRequest, ModelMetadataResponse, ModelReadyRequest,
    ModelReadyResponse, ServerLiveRequest, ServerLiveResponse, ServerMetadataRequest, ServerMetadataResponse,
    ServerReadyRequest, ServerReadyResponse,
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

    async fn server_live(&self, _: Request<ServerLiveRequest>) -> Result<Response<ServerLiveResponse>, Status> {
        Err(only_predictions())
    }

    async fn server_ready(&self, _: Request<ServerReadyRequest>) -> Result<Response<ServerReadyResponse>, Status> {
        Err(only_predictions())
    }

    async fn model_ready(&self, _: Request<ModelReadyRequest>) -> Result<Response<ModelReadyResponse>, Status> {
        Err(only_predictions())
    }

    async fn server_metadata(
        &self,
        _: Request<ServerMetadataRequest>,
    ) -> Result<Response<ServerMetadataResponse>, Status> {
        Err(only_predictions())
    }

    async fn model_metadata(
        &self,
        _: Request<ModelMetadataRequest>,
    ) -> Result<Response<ModelMetadataResponse>, Status> {
        Err(only_predictions())
    }
}

fn only_predictions() -> Status {
    Status::unimplemented("the echo answers ModelInfer only")
}
