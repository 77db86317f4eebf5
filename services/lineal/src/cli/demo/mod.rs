//! `lineal demo`: the main jobs on real data, told by the commands that do them.

mod chain;
mod churn;
mod football;
mod stage;
mod stream;
mod teller;

use std::path::PathBuf;

use super::{
    error::{CliError, Exit},
    output::Style,
};
use stage::Stage;
use teller::Teller;

/// `lineal demo`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal demo --keep ./lineal-data\n  lineal demo --football")]
pub(super) struct Args {
    /// Tell the story of a chain instead: three models that forecast football matches and change together
    #[arg(long)]
    football: bool,
    /// Leave the system running on port 7400, with its data in this folder
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Predictions a second while the champion changes
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=2000))]
    rate: u32,
}

/// Answers that the stream counts before the story goes on.
const STRETCH: u64 = 300;

/// Tells the story. Every command in it is one that can be typed.
pub(super) async fn run(args: Args, style: Style) -> Result<Exit, CliError> {
    let files = if args.football { football::files() } else { vec![("churn.csv", churn::CHURN.to_vec())] };
    let stage = Stage::set(args.keep.as_deref(), &files).await.map_err(CliError::Server)?;
    let teller = Teller { style, address: stage.address().to_owned(), folder: stage.folder().to_owned() };
    let told = if args.football {
        Box::pin(football::tell(&teller, args.rate)).await
    } else {
        Box::pin(churn::tell(&teller, args.rate)).await
    };
    match (&told, &args.keep) {
        (Ok(()), Some(_)) => {
            teller.next(if args.football { &football::NEXT } else { &churn::NEXT });
            stage.wait().await.map_err(CliError::Server)?;
        }
        (Ok(()), None) => {
            stage.strike().await.map_err(CliError::Server)?;
            teller.ending(if args.football { football::OWN } else { churn::OWN });
        }
        (Err(_), _) => stage.strike().await.map_err(CliError::Server)?,
    }
    told.map(|()| Exit::Done)
}
