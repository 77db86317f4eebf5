//! `lineal pipeline`

mod chain;
mod file;
mod render;
mod watch;

use std::{collections::BTreeMap, path::Path, time::Duration};

use lineal_kernel::Digest;
use lineal_proto::lineal::trainer::v1::{
    CancelPipelineRunRequest, GetPipelineRequest, GetPipelineResponse, GetPipelineRunResponse, ListPipelineRunsRequest,
    ListPipelinesRequest, Pipeline, PipelineRun, PipelineRunState, PipelineSpec, PipelineStepState,
    ResumePipelineRunRequest, RunPipelineRequest, SavePipelineRequest, pipeline_service_client::PipelineServiceClient,
};
use lineal_rpc::{Peer, artifacts};

use super::{
    context::Context,
    error::{CliError, Exit},
    format, parse,
    request::{ChangeArgs, PageArgs},
    source,
};

/// `lineal pipeline`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal pipeline run weekly.yaml --data rows=churn.csv")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Run a pipeline from its file, or a saved one by its id
    Run(RunArgs),
    /// Train a chain from its file: all members on the same rows, each on the version of the one before
    TrainChain(chain::Args),
    /// Check a file and keep the pipeline
    Save(SaveArgs),
    /// List pipelines, newest first
    List(ListArgs),
    /// List runs, newest first
    Runs(RunsArgs),
    /// Show a pipeline or a run
    Show(IdArgs),
    /// Follow a run until it ends
    Watch(IdArgs),
    /// Let a failed or cancelled run go on where it stood
    Resume(ResumeArgs),
    /// Ask a run to stop
    Cancel(IdArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal pipeline run weekly.yaml --data rows=churn.csv --until train")]
struct RunArgs {
    /// A YAML file, or the id of a saved pipeline
    #[arg(value_name = "FILE|ID")]
    pipeline: String,
    /// The file of a data node, or the digest of one that was uploaded before; can be given many times
    #[arg(long, value_name = "NODE=FILE", value_parser = parse::pair)]
    data: Vec<(String, String)>,
    /// The last node wanted: nothing after it is run
    #[arg(long, value_name = "NODE", default_value = "", hide_default_value = true)]
    until: String,
    #[command(flatten)]
    wish: WishArgs,
}

/// How a run is wanted.
#[derive(Debug, clap::Args)]
struct WishArgs {
    /// Reuse what an earlier run trained from the same inputs only if it is not older, e.g. 24h [default: any age]
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    max_age: Option<Duration>,
    /// Train everything anew
    #[arg(long, conflicts_with = "max_age")]
    fresh: bool,
    /// Run it although a run of it is under way
    #[arg(long)]
    rerun: bool,
    /// Return once the run is stored
    #[arg(long)]
    detach: bool,
    #[command(flatten)]
    change: ChangeArgs,
}

impl WishArgs {
    /// How old a result may be that is reused; absent for any age.
    fn max_staleness(&self) -> Option<lineal_proto::pbjson_types::Duration> {
        let max_age = if self.fresh { Some(Duration::ZERO) } else { self.max_age };
        max_age.map(lineal_rpc::duration)
    }
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal pipeline save weekly.yaml")]
struct SaveArgs {
    /// A YAML file
    file: std::path::PathBuf,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal pipeline list --dataset churn")]
struct ListArgs {
    /// Only pipelines named after this dataset
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    dataset: String,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal pipeline runs --state failed")]
struct RunsArgs {
    /// Only runs of this pipeline
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pipeline: String,
    /// Only runs in this state
    #[arg(long, value_enum)]
    state: Option<State>,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal pipeline watch 0194f3a2-7c1e-7d53-b0a4-2f6f4c1f9d10")]
struct IdArgs {
    /// The id
    id: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal pipeline resume 0194f3a2-7c1e-7d53-b0a4-2f6f4c1f9d10")]
struct ResumeArgs {
    /// The run's id
    id: String,
    /// Return at once
    #[arg(long)]
    detach: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum State {
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

impl From<State> for PipelineRunState {
    fn from(state: State) -> Self {
        match state {
            State::Running => Self::Running,
            State::Succeeded => Self::Succeeded,
            State::Failed => Self::Failed,
            State::Cancelled => Self::Cancelled,
        }
    }
}

fn client(ctx: &Context) -> PipelineServiceClient<Peer> {
    PipelineServiceClient::new(ctx.trainer.peer())
}

/// Saves, runs, shows, watches, resumes or cancels.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    match args.command {
        Command::Run(args) => start(args, ctx).await,
        Command::TrainChain(args) => chain::run(args, ctx).await,
        Command::Save(args) => {
            let pipeline = save(&args.file, ctx).await?;
            print_pipeline(ctx, pipeline)
        }
        Command::List(args) => {
            let PageArgs { limit: page_size, page_token } = args.page;
            let request = ListPipelinesRequest { page_size, page_token, dataset: args.dataset };
            let answer = ctx.trainer.call(client(ctx).list_pipelines(request)).await?;
            ctx.output.print(&answer, |style| render::pipelines(&answer, style))?;
            Ok(Exit::Done)
        }
        Command::Runs(args) => {
            let PageArgs { limit: page_size, page_token } = args.page;
            let state = args.state.map_or(PipelineRunState::Unspecified, PipelineRunState::from).into();
            let request = ListPipelineRunsRequest { page_size, page_token, pipeline_id: args.pipeline, state };
            let answer = ctx.trainer.call(client(ctx).list_pipeline_runs(request)).await?;
            ctx.output.print(&answer, |style| render::runs(&answer, style))?;
            Ok(Exit::Done)
        }
        // Runs have random ids, pipelines begin with a dataset.
        Command::Show(args) if uuid::Uuid::parse_str(&args.id).is_ok() => {
            let run = watch::get(ctx, &args.id).await?;
            print_run(ctx, run).await
        }
        Command::Show(args) => {
            let pipeline = get(ctx, args.id).await?;
            print_pipeline(ctx, pipeline)
        }
        Command::Watch(args) => {
            let run = watch::get(ctx, &args.id).await?;
            follow(ctx, run).await
        }
        Command::Resume(args) => {
            let request = ResumePipelineRunRequest { pipeline_run_id: args.id };
            let answer = ctx.trainer.call(client(ctx).resume_pipeline_run(request)).await?;
            let run = ctx.trainer.present(answer.pipeline_run, "run")?;
            if args.detach { print_run(ctx, run).await } else { follow(ctx, run).await }
        }
        Command::Cancel(args) => {
            let request = CancelPipelineRunRequest { pipeline_run_id: args.id };
            let answer = ctx.trainer.call(client(ctx).cancel_pipeline_run(request)).await?;
            let run = ctx.trainer.present(answer.pipeline_run, "run")?;
            print_run(ctx, run).await
        }
    }
}

async fn start(args: RunArgs, ctx: &Context) -> Result<Exit, CliError> {
    let path = Path::new(&args.pipeline);
    let pipeline_id = if path.is_file() { save(path, ctx).await?.pipeline_id } else { args.pipeline };
    let mut sources = BTreeMap::new();
    for (node, file) in args.data {
        sources.insert(node, digest_of(file, ctx).await?);
    }
    let request_id = args.wish.change.request_id();
    let request = RunPipelineRequest {
        pipeline_id,
        sources,
        until: args.until,
        max_staleness: args.wish.max_staleness(),
        rerun: args.wish.rerun,
        request_id: request_id.clone(),
    };
    let answer = ctx.trainer.call(client(ctx).run_pipeline(request)).await;
    let run = ctx.trainer.present(answer.map_err(|error| error.of_request(&request_id))?.pipeline_run, "run")?;
    if args.wish.detach { print_run(ctx, run).await } else { follow(ctx, run).await }
}

/// The digest of a file, which is uploaded first, or a digest as it is.
async fn digest_of(file: String, ctx: &Context) -> Result<String, CliError> {
    if file.parse::<Digest>().is_ok() { Ok(file) } else { upload(&file, ctx).await }
}

async fn upload(file: &str, ctx: &Context) -> Result<String, CliError> {
    let content = source::read(Path::new(file))?;
    let size = content.len() as u64;
    let digest = artifacts::upload(&ctx.registry.peer(), content).await;
    let digest = digest.map_err(|status| ctx.registry.failed(status))?;
    if !ctx.output.is_json() {
        eprintln!("uploaded {file} ({}, {})", format::size(size), digest.short());
    }
    Ok(digest.to_string())
}

async fn save(file: &Path, ctx: &Context) -> Result<Pipeline, CliError> {
    let request = SavePipelineRequest { spec: Some(file::read::<PipelineSpec>(file)?) };
    let answer = ctx.trainer.call(client(ctx).save_pipeline(request)).await?;
    ctx.trainer.present(answer.pipeline, "pipeline")
}

async fn get(ctx: &Context, pipeline_id: String) -> Result<Pipeline, CliError> {
    let answer = ctx.trainer.call(client(ctx).get_pipeline(GetPipelineRequest { pipeline_id })).await?;
    ctx.trainer.present(answer.pipeline, "pipeline")
}

/// Shows the run until it has ended; anything but success is an error or, where a gate said no, a refusal.
async fn follow(ctx: &Context, run: PipelineRun) -> Result<Exit, CliError> {
    let pipeline = get(ctx, run.pipeline_id.clone()).await?;
    let run = watch::follow(ctx, &pipeline, run).await?;
    let (run_id, state) = (run.pipeline_run_id.clone(), run.state());
    let declined = run.steps.iter().any(|step| step.state() == PipelineStepState::Declined);
    print_run(ctx, run).await?;
    match state {
        PipelineRunState::Succeeded if declined => Ok(Exit::Refused),
        PipelineRunState::Succeeded => Ok(Exit::Done),
        _ => Err(CliError::Run { run_id, state: format::word(state.as_str_name(), "PIPELINE_RUN_STATE_") }),
    }
}

fn print_pipeline(ctx: &Context, pipeline: Pipeline) -> Result<Exit, CliError> {
    let answer = GetPipelineResponse { pipeline: Some(pipeline) };
    ctx.output.print(&answer, |style| answer.pipeline.iter().map(|known| render::pipeline(known, style)).collect())?;
    Ok(Exit::Done)
}

async fn print_run(ctx: &Context, run: PipelineRun) -> Result<Exit, CliError> {
    let pipeline = get(ctx, run.pipeline_id.clone()).await?;
    let answer = GetPipelineRunResponse { pipeline_run: Some(run) };
    ctx.output
        .print(&answer, |style| answer.pipeline_run.iter().map(|run| render::run(run, &pipeline, style)).collect())?;
    Ok(Exit::Done)
}
