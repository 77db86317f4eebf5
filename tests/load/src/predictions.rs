//! Predictions over the Open Inference Protocol, beside an echo of the same messages.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http::uri::PathAndQuery;
use lineal_proto::inference::{
    ModelInferResponse, ModelMetadataRequest, grpc_inference_service_client::GrpcInferenceServiceClient,
};
use prost::Message as _;

use crate::{
    client::{ACTOR, Client},
    cores::Cores,
    load::{Asks, Measured, measure, middle},
    report::{Figure, Report},
    requests::Table,
    server::Server,
    training,
};

const MODEL_INFER: PathAndQuery = PathAndQuery::from_static("/inference.GRPCInferenceService/ModelInfer");
/// Model and rows of a request.
const KINDS: [(&str, usize); 3] = [("gradient_boosting", 1), ("gradient_boosting", 100), ("logistic_regression", 1)];
const IN_FLIGHT: [usize; 3] = [1, 16, 64];
/// Machines drift, so both servers are measured in turns, and the middle one of each counts.
const TURNS: u32 = 3;

/// `lineal-load predictions`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The `lineal` binary [default: the one beside this program]
    #[arg(long, value_name = "FILE")]
    lineal: Option<PathBuf>,
    /// The churn table
    #[arg(long, value_name = "FILE", default_value = "services/lineal/data/churn.csv")]
    data: PathBuf,
    /// Measuring time of a case for each of both servers
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Folder of `bench/predictions.json`
    #[arg(long, value_name = "FOLDER", env = "CARGO_TARGET_DIR", default_value = "target")]
    target_dir: PathBuf,
}

/// Prepares champions, measures all cases and reports them.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let own = std::env::current_exe()?;
    let lineal = args.lineal.unwrap_or_else(|| own.with_file_name("lineal"));
    let table = Table::read(&args.data)?;
    let cores = Cores::choose();
    let folder = tempfile::tempdir()?;
    let data_dir = folder.path().join("data");
    eprintln!("training, validating and promoting the champions");
    let server = training::start(&lineal, &data_dir, None, None).await?;
    training::champions(&lineal, server.address(), &args.data).await?;
    server.stop().await?;

    if let Ok(cores) = &cores {
        cores.pin_load()?;
    }
    let core = cores.as_ref().ok().map(|cores| cores.server);
    let server = training::start(&lineal, &data_dir, None, core).await?;
    let bench =
        Bench { own, answer: folder.path().join("answer"), core, turn: Duration::from_secs(1) * args.seconds / TURNS };
    let mut report = Report::default();
    for (model, rows) in KINDS {
        bench.measure(&server, &table, model, rows, &mut report).await?;
    }
    server.stop().await?;
    println!("{report}\n{}", explanation(args.seconds, &cores));
    println!("written to {}", report.write(&args.target_dir, "predictions")?.display());
    Ok(())
}

fn explanation(seconds: u32, cores: &anyhow::Result<Cores>) -> String {
    let pinned = match cores {
        Ok(_) => "The server has one core to itself, the load another one.".to_owned(),
        Err(reason) => format!("NOT PINNED, so server and load share their cores: {reason}."),
    };
    let build = if cfg!(debug_assertions) { "\nDEBUG BUILD: these figures mean nothing." } else { "" };
    format!(
        "limit: a bare tonic server that decodes the same requests and answers with the same message. {pinned}\n\
         Closed loop over one HTTP/2 connection; the middle of {TURNS} turns, {seconds} s together for each server.\n\
         1/s: requests answered a second; ms: latency seen by the client; us/request: processor time of the server.\n\
         Rate times us/request is the used part of the server's core: far below 1,000,000 it is the load that limits \
         the rate.{build}"
    )
}

/// What all cases share.
struct Bench {
    /// This program, which is the echo too.
    own: PathBuf,
    /// Where the echo finds what to answer.
    answer: PathBuf,
    core: Option<usize>,
    turn: Duration,
}

impl Bench {
    /// All numbers in flight for requests of `rows` rows to `model`.
    async fn measure(
        &self,
        server: &Server,
        table: &Table,
        model: &str,
        rows: usize,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let requests = requests(server.address(), table, model, rows).await?;
        fs::write(&self.answer, answer(server.address(), &requests[0], rows).await?)?;
        let args = [Path::new("echo"), Path::new("--answer"), &self.answer];
        let echo = Server::start(&self.own, &args, self.core).await?;
        for in_flight in IN_FLIGHT {
            let plural = if rows == 1 { "" } else { "s" };
            let case = format!("{model} {rows} row{plural}, {in_flight} in flight");
            eprintln!("{case}");
            let (mut ours, mut limit) = (Vec::new(), Vec::new());
            for _ in 0..TURNS {
                for (server, turns) in [(server, &mut ours), (&echo, &mut limit)] {
                    let clients = lanes(server.address(), &requests, in_flight)?;
                    let measured = measure(Some(server), clients, self.turn).await;
                    turns.push(measured.with_context(|| format!("{case}: {}", server.address()))?);
                }
            }
            report.figures.extend(figures(&case, &ours, &limit));
        }
        echo.stop().await
    }
}

/// Encoded requests in the columns that the model asks for.
async fn requests(address: &str, table: &Table, model: &str, rows: usize) -> anyhow::Result<Arc<[Bytes]>> {
    let mut client = GrpcInferenceServiceClient::new(lineal_rpc::connect(address, ACTOR)?);
    let request = ModelMetadataRequest { name: model.to_owned(), version: String::new() };
    let metadata = client.model_metadata(request).await?.into_inner();
    Ok(table.requests(model, &metadata.inputs, rows)?.into())
}

/// Asks for one prediction after the other.
struct Lane {
    client: Client,
    requests: Arc<[Bytes]>,
    next: usize,
}

/// `count` lanes over one connection, each from another request on.
fn lanes(address: &str, requests: &Arc<[Bytes]>, count: usize) -> anyhow::Result<Vec<Lane>> {
    let client = Client::new(address)?;
    let lane = |next| Lane { client: client.clone(), requests: Arc::clone(requests), next };
    Ok((0..count).map(lane).collect())
}

impl Asks for Lane {
    async fn ask(&mut self) -> anyhow::Result<()> {
        let request = self.requests[self.next % self.requests.len()].clone();
        self.next += 1;
        self.client.call(MODEL_INFER, request).await?;
        Ok(())
    }
}

/// A real answer, encoded, after a look at it.
async fn answer(address: &str, request: &Bytes, rows: usize) -> anyhow::Result<Bytes> {
    let answer = Client::new(address)?.call(MODEL_INFER, request.clone()).await?;
    let ModelInferResponse { outputs, raw_output_contents, .. } = ModelInferResponse::decode(answer.clone())?;
    let score = outputs.iter().position(|output| output.name == "score").context("the answer has no score")?;
    let size = raw_output_contents.get(score).map_or(0, Bytes::len);
    ensure!(size == rows * size_of::<f64>(), "{rows} rows were asked for, the answer has {size} bytes of scores");
    Ok(answer)
}

fn figures(case: &str, ours: &[Measured], limit: &[Measured]) -> [Figure; 4] {
    let figure = |what, unit, of: fn(&Measured) -> f64| {
        Figure::new(format!("{case}, {what}"), unit, middle(ours, of), Some(middle(limit, of)), None)
    };
    [
        figure("rate", "1/s", |turn| turn.rate),
        figure("p50", "ms", |turn| turn.p50),
        figure("p99", "ms", |turn| turn.p99),
        figure("server CPU", "us/request", |turn| turn.cpu),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(rates: [f64; 3]) -> [Measured; 3] {
        rates.map(|rate| Measured { rate, p50: 1.0 / rate, p99: 2.0 / rate, cpu: 10.0 })
    }

    #[test]
    fn the_middle_turn_of_each_server_counts() {
        let found = figures("trees", &turns([30.0, 10.0, 20.0]), &turns([90.0, 40.0, 1.0]));
        assert_eq!(found[0], Figure::new("trees, rate".to_owned(), "1/s", 20.0, Some(40.0), None));
        assert_eq!(found[3], Figure::new("trees, server CPU".to_owned(), "us/request", 10.0, Some(10.0), None));
    }
}
