//! `lineal pipeline train-chain`

use std::path::PathBuf;

use lineal_proto::lineal::trainer::v1::TrainFullPipelineRequest;

use super::{WishArgs, client, digest_of, file, follow, print_run};
use crate::cli::{
    context::Context,
    error::{CliError, Exit},
};

/// `lineal pipeline train-chain`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal pipeline train-chain forecast.yaml --data matches.csv")]
pub(super) struct Args {
    /// A YAML file with the fields of `TrainFullPipelineRequest`: source, split, features, members, validate, promote
    file: PathBuf,
    /// The rows, or the digest of a file that was uploaded before [default: the digest of the file's source]
    #[arg(long, value_name = "FILE")]
    data: Option<String>,
    #[command(flatten)]
    wish: WishArgs,
}

/// Trains, judges and promotes the chain of a file.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let chain: TrainFullPipelineRequest = file::read(&args.file)?;
    let mut source = chain.source.clone().unwrap_or_default();
    if let Some(data) = args.data {
        source.digest = digest_of(data, ctx).await?;
    }
    let request_id = args.wish.change.request_id();
    let request = TrainFullPipelineRequest {
        source: Some(source),
        max_staleness: args.wish.max_staleness(),
        rerun: args.wish.rerun,
        request_id: request_id.clone(),
        ..chain
    };
    let answer = ctx.trainer.call(client(ctx).train_full_pipeline(request)).await;
    let run = ctx.trainer.present(answer.map_err(|error| error.of_request(&request_id))?.pipeline_run, "run")?;
    if args.wish.detach { print_run(ctx, run).await } else { follow(ctx, run).await }
}
