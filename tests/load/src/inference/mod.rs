//! Predictions over the Open Inference Protocol, beside an echo of the same messages and beside MLServer.

mod mlserver;
pub(crate) mod synthetic;

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http::uri::PathAndQuery;
use lineal_models::LibrarySearch;
use lineal_native::LightGbm;
use lineal_proto::inference::{
    ModelInferResponse, ModelMetadataRequest, grpc_inference_service_client::GrpcInferenceServiceClient,
};
use prost::Message as _;

use crate::{
    client::{ACTOR, Client},
    cores::Cores,
    export,
    load::{Asks, Measured, measure, middle},
    report::{self, Figure, Goal, Report},
    requests::Table,
    server::Server,
    training,
};
use mlserver::MlServer;
use synthetic::{FEATURES, Objective};

/// The call of a prediction.
pub(crate) const MODEL_INFER: PathAndQuery = PathAndQuery::from_static("/inference.GRPCInferenceService/ModelInfer");
/// The imported model of 100 trees.
const TREES: &str = "trees";
/// The same trees as an ONNX graph.
const GRAPH: &str = "trees_onnx";
const ROWS_OF_A_REQUEST: [usize; 2] = [1, 100];
const IN_FLIGHT: [usize; 3] = [1, 16, 64];
/// Machines drift, so both servers are measured in turns, and the middle one of each counts.
const TURNS: u32 = 3;
/// Rows that the trees are fitted to and asked about.
const ROWS: usize = 10_000;
const MIB: f64 = 1_048_576.0;

/// `lineal-load inference`
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
    /// Measure another server on the same trees too
    #[arg(long, value_enum, requires = "peer_folder")]
    peer: Option<PeerKind>,
    /// Where the peer is installed
    #[arg(long, value_name = "FOLDER")]
    peer_folder: Option<PathBuf>,
    /// Measure the same trees as an ONNX graph too, with exporters installed in this folder
    #[arg(long, value_name = "FOLDER")]
    exporter_folder: Option<PathBuf>,
    /// Folder of `bench/inference.json`
    #[arg(long, value_name = "FOLDER", env = "CARGO_TARGET_DIR", default_value = "target")]
    target_dir: PathBuf,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum PeerKind {
    Mlserver,
}

/// Prepares champions, measures all cases and reports them.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let own = std::env::current_exe()?;
    let lineal = args.lineal.clone().unwrap_or_else(|| own.with_file_name("lineal"));
    let folder = tempfile::tempdir()?;
    let peer = match (args.peer, &args.peer_folder) {
        (Some(PeerKind::Mlserver), Some(place)) => Some(MlServer::install(place).await?),
        _ => None,
    };
    let trees = Trees::fit(folder.path())?;
    let data_dir = folder.path().join("data");
    let cores = Cores::choose();
    eprintln!("training, importing, validating and promoting the champions");
    let server = training::start(&lineal, &data_dir, None, None).await?;
    training::champions(&lineal, server.address(), &args.data).await?;
    trees.import(&lineal, server.address(), TREES, &trees.model).await?;
    server.stop().await?;

    if let Ok(cores) = &cores {
        cores.pin_load()?;
    }
    let core = cores.as_ref().ok().map(|cores| cores.server);
    let place = folder.path();
    let turn = Duration::from_secs(1) * args.seconds / TURNS;
    let bench = Bench { own, lineal, place, core, turn };
    let churn = Table::read(&args.data)?;
    let rows = Table::read(&trees.table)?;
    let mut report = Report::default();
    let kinds = [(&rows, TREES), (&churn, "random_forest"), (&churn, "logistic_regression")];
    let peak = bench.replica(&data_dir, &kinds, &mut report).await?;
    let models = size_of_files(&data_dir.join("artifacts"))? / MIB;
    let memory = |what: &str, peak| Figure::new(format!("peak memory of the replica{what}"), "MiB", peak, None, None);
    report.figures.push(memory("", peak).goal(Some(Goal::AtMost((40.0 + models).round()))));
    if let Some(tools) = &args.exporter_folder {
        let graph = export::onnx(tools, &trees.text, place).await?;
        let server = training::start(&bench.lineal, &data_dir, None, None).await?;
        trees.import(&bench.lineal, server.address(), GRAPH, &graph).await?;
        server.stop().await?;
        let peak = bench.replica(&data_dir, &[(&rows, GRAPH)], &mut report).await?;
        report.figures.push(memory(" with ONNX Runtime", peak));
    }
    if let Some(peer) = peer {
        let place = place.join("peer");
        fs::create_dir_all(&place)?;
        let time = Duration::from_secs(1) * args.seconds;
        let rates = peer.rates(&place, &trees.text, &trees.values[..50 * FEATURES], &IN_FLIGHT, time).await?;
        for (in_flight, rate) in IN_FLIGHT.into_iter().zip(rates) {
            report.beside_peer(&format!("{}, rate", case(TREES, 1, in_flight)), rate);
        }
        let case = format!("{}, rate", case(TREES, 1, 64));
        report.goal_of_ratio(&case, "the peer", |figure| figure.ratio_to_peer, Goal::AtLeast(50.0));
    }
    println!("{report}\n{}", explanation(args.seconds, &cores));
    println!("{}", report::verdicts(&report.figures));
    println!("written to {}", report.write(&args.target_dir, "inference")?.display());
    Ok(())
}

/// A model as the Python library writes it, and rows for it.
pub(crate) struct Trees {
    pub(crate) model: PathBuf,
    table: PathBuf,
    text: String,
    values: Vec<f64>,
}

impl Trees {
    /// Fits them and writes both to `folder`.
    pub(crate) fn fit(folder: &Path) -> anyhow::Result<Self> {
        let library = LightGbm::open(&LibrarySearch::in_environment(|name| std::env::var_os(name)))?;
        let values = synthetic::draw(ROWS * FEATURES);
        let labels: Vec<f64> =
            values.chunks(FEATURES).map(|row| f64::from(u8::from(synthetic::signal(row) > 0.0))).collect();
        let text = synthetic::fit(&library, Objective::Binary, &values, &labels)?;
        let (model, table) = (folder.join("trees.txt"), folder.join("trees.csv"));
        fs::write(&model, &text)?;
        let mut csv = csv::Writer::from_path(&table)?;
        let names = (0..FEATURES).map(|feature| format!("Column_{feature}"));
        csv.write_record(names.chain(["label".to_owned()]))?;
        for (row, label) in values.chunks(FEATURES).zip(&labels) {
            csv.write_record(row.iter().chain([label]).map(f64::to_string))?;
        }
        csv.flush()?;
        Ok(Self { model, table, text, values })
    }

    /// Makes `file`, which holds them, champion of `name`, the way a user does.
    pub(crate) async fn import(&self, lineal: &Path, address: &str, name: &str, file: &Path) -> anyhow::Result<()> {
        let run = |words| training::run(lineal, address, words);
        let import = ["import", "--model", name, "--label", "label", "--signature"].map(OsStr::new);
        run([&import[..], &[self.table.as_os_str(), file.as_os_str()]].concat()).await?;
        run(["validate", name, "1"].map(OsStr::new).to_vec()).await?;
        run(["promote", name, "1", "--reason", "benchmark"].map(OsStr::new).to_vec()).await
    }
}

/// Bytes of all files under `folder`.
fn size_of_files(folder: &Path) -> anyhow::Result<f64> {
    let mut bytes = 0.0;
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { size_of_files(&entry.path())? } else { metadata.len() as f64 };
    }
    Ok(bytes)
}

fn case(model: &str, rows: usize, in_flight: usize) -> String {
    format!("{model} {rows} row{}, {in_flight} in flight", if rows == 1 { "" } else { "s" })
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
struct Bench<'a> {
    /// This program, which is the echo too.
    own: PathBuf,
    /// The `lineal` binary.
    lineal: PathBuf,
    /// A folder for what servers write and read.
    place: &'a Path,
    core: Option<usize>,
    turn: Duration,
}

impl Bench<'_> {
    /// Measures `models`, each with its rows, on a replica of its own; returns the most memory that it held, in MiB.
    async fn replica(&self, data: &Path, models: &[(&Table, &str)], report: &mut Report) -> anyhow::Result<f64> {
        let registry = training::registry(&self.lineal, data).await?;
        let server = training::replica(&self.lineal, self.place, registry.address(), self.core).await?;
        for (table, model) in models {
            for rows in ROWS_OF_A_REQUEST {
                self.measure(&server, table, model, rows, report).await?;
            }
        }
        let peak = server.memory()?;
        server.stop().await?;
        registry.stop().await?;
        Ok(peak)
    }

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
        let kept = self.place.join("answer");
        fs::write(&kept, answer(server.address(), &requests[0], rows).await?)?;
        let args = [Path::new("echo"), Path::new("--answer"), &kept];
        let echo = Server::start(&self.own, &args, self.core).await?;
        for in_flight in IN_FLIGHT {
            let case = case(model, rows, in_flight);
            eprintln!("{case}");
            let (mut ours, mut limit) = (Vec::new(), Vec::new());
            for _ in 0..TURNS {
                for (server, turns) in [(server, &mut ours), (&echo, &mut limit)] {
                    let clients = lanes(server.address(), &requests, in_flight)?;
                    let measured = measure(Some(server), clients, self.turn).await;
                    turns.push(measured.with_context(|| format!("{case}: {}", server.address()))?);
                }
            }
            report.figures.extend(figures(&case, goals(model, rows, in_flight), &ours, &limit));
            if (model, rows, in_flight) == (TREES, 1, 64) {
                let case = format!("{case}, server CPU");
                report.goal_of_ratio(&case, "the echo", |figure| figure.ratio_to_limit, Goal::AtMost(2.0));
            }
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

/// What rate and processor time should be.
fn goals(model: &str, rows: usize, in_flight: usize) -> [Option<Goal>; 2] {
    match (model, rows, in_flight) {
        (TREES, 100, 16) => [Some(Goal::AtLeast(2400.0)), None],
        _ => [None, None],
    }
}

fn figures(case: &str, [rate, cpu]: [Option<Goal>; 2], ours: &[Measured], limit: &[Measured]) -> [Figure; 4] {
    let figure = |what, unit, of: fn(&Measured) -> f64| {
        Figure::new(format!("{case}, {what}"), unit, middle(ours, of), Some(middle(limit, of)), None)
    };
    [
        figure("rate", "1/s", |turn| turn.rate).goal(rate),
        figure("p50", "ms", |turn| turn.p50),
        figure("p99", "ms", |turn| turn.p99),
        figure("server CPU", "us/request", |turn| turn.cpu).goal(cpu),
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
        let found = figures("trees", [None, None], &turns([30.0, 10.0, 20.0]), &turns([90.0, 40.0, 1.0]));
        assert_eq!(found[0], Figure::new("trees, rate".to_owned(), "1/s", 20.0, Some(40.0), None));
        assert_eq!(found[3], Figure::new("trees, server CPU".to_owned(), "us/request", 10.0, Some(10.0), None));
    }
}
