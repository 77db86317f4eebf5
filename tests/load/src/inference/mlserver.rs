//! MLServer, as its users run it: the newest release with its own LightGBM runtime and default settings.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use lineal_proto::inference::{
    InferTensorContents, ModelInferRequest, ModelReadyRequest,
    grpc_inference_service_client::GrpcInferenceServiceClient, model_infer_request::InferInputTensor,
};
use prost::Message as _;
use serde_json::json;
use tokio::process::Command;

use super::{lanes, synthetic::FEATURES};
use crate::{client::ACTOR, load::measure, peer::Peer, python};

const MODEL: &str = "trees";

/// An installed MLServer.
#[derive(Debug)]
pub(super) struct MlServer {
    program: PathBuf,
}

impl MlServer {
    /// Installs the newest release into `folder`, or brings what is there up to date.
    pub(super) async fn install(folder: &Path) -> anyhow::Result<Self> {
        eprintln!("installing the newest MLServer into {}", folder.display());
        // Its workers ask for an event loop in a way that newer ones of these refuse.
        let bin = python::install(folder, &["mlserver", "mlserver-lightgbm", "uvloop<0.22"]).await?;
        Ok(Self { program: bin.join("mlserver") })
    }

    /// Requests a second with so many in flight, for each of `in_flight`, of one row of `values` each.
    pub(super) async fn rates(
        &self,
        folder: &Path,
        model: &str,
        values: &[f64],
        in_flight: &[usize],
        time: Duration,
    ) -> anyhow::Result<Vec<f64>> {
        let port = || anyhow::Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port());
        let (http, grpc, metrics) = (port()?, port()?, port()?);
        let place = folder.join(MODEL);
        fs::create_dir_all(&place)?;
        fs::write(place.join("model.txt"), model)?;
        let settings = json!({"host": "127.0.0.1", "http_port": http, "grpc_port": grpc, "metrics_port": metrics});
        fs::write(folder.join("settings.json"), settings.to_string())?;
        let own = json!({
            "name": MODEL,
            "implementation": "mlserver_lightgbm.LightGBMModel",
            "parameters": {"uri": "./model.txt"},
        });
        fs::write(place.join("model-settings.json"), own.to_string())?;
        let mut command = Command::new(&self.program);
        command.args(["start", "."]);
        let address = format!("http://127.0.0.1:{grpc}");
        let mut client = GrpcInferenceServiceClient::new(lineal_rpc::connect(&address, ACTOR)?);
        let answers = async || {
            let request = ModelReadyRequest { name: MODEL.to_owned(), version: String::new() };
            let ready = client.model_ready(request).await;
            ready.is_ok_and(|answer| answer.into_inner().ready)
        };
        let server = Peer::start("MLServer", command, folder, answers).await?;
        let requests: Arc<[Bytes]> = values.chunks(FEATURES).map(request).collect();
        let mut rates = Vec::new();
        for count in in_flight {
            eprintln!("MLServer: 1 row, {count} in flight");
            rates.push(measure(None, lanes(&address, &requests, *count)?, time).await?.rate);
        }
        server.stop().await?;
        Ok(rates)
    }
}

fn request(row: &[f64]) -> Bytes {
    let tensor = InferInputTensor {
        name: "rows".to_owned(),
        datatype: "FP64".to_owned(),
        shape: vec![1, FEATURES as i64],
        contents: Some(InferTensorContents { fp64_contents: row.to_vec(), ..InferTensorContents::default() }),
        ..InferInputTensor::default()
    };
    let request =
        ModelInferRequest { model_name: MODEL.to_owned(), inputs: vec![tensor], ..ModelInferRequest::default() };
    request.encode_to_vec().into()
}
