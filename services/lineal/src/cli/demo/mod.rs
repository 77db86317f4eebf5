//! `lineal demo`: the main job on real data, told by the commands that do it.

mod stage;
mod stream;

use std::path::{Path, PathBuf};

use super::{
    Cli,
    error::{CliError, Exit},
    output::Style,
};
use stage::Stage;
use stream::Stream;

/// `lineal demo`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal demo --keep ./lineal-data")]
pub(super) struct Args {
    /// Leave the system running on port 7400, with its data in this folder
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Predictions a second while the champion changes
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=2000))]
    rate: u32,
}

const TRAIN: &str = "train {data} --model churn --label churn --seed 7";

/// Answers that the stream counts before the story goes on.
const STRETCH: u64 = 300;

/// Tells the story. Every command in it is one that can be typed.
pub(super) async fn run(args: Args, style: Style) -> Result<Exit, CliError> {
    let stage = Stage::set(args.keep.as_deref()).await.map_err(CliError::Server)?;
    let teller = Teller { style, address: stage.address().to_owned(), data: stage.data().display().to_string() };
    let told = tell(&teller, args.rate).await;
    match (&told, args.keep.as_deref()) {
        (Ok(()), Some(folder)) => {
            teller.next(folder);
            stage.wait().await.map_err(CliError::Server)?;
        }
        (Ok(()), None) => {
            stage.strike().await.map_err(CliError::Server)?;
            teller.ending();
        }
        (Err(_), _) => stage.strike().await.map_err(CliError::Server)?,
    }
    told.map(|()| Exit::Done)
}

async fn tell(teller: &Teller, rate: u32) -> Result<(), CliError> {
    teller.scene("A first champion");
    teller.say("5,000 customers of a phone company; 707 left. A logistic regression learns who will leave.");
    teller.types(&format!("{TRAIN} --family logistic_regression"), Exit::Done).await?;
    teller.say("The validator scores it again itself, on rows that training never saw.");
    teller.types("validate churn 1", Exit::Done).await?;
    teller.types("promote churn 1 --reason first", Exit::Done).await?;

    teller.scene("A challenger takes over, under load");
    let stream = Stream::start(&teller.address, rate)?;
    stream.until(1, STRETCH).await?;
    teller.say(&format!("From here on, {rate} predictions a second are asked for and counted."));
    teller.types(&format!("{TRAIN} --family gradient_boosting"), Exit::Done).await?;
    teller.types("validate churn 2", Exit::Done).await?;
    teller.say("It beat the champion on the same rows. Every replica loads and tries it before the alias moves.");
    teller.types("promote churn 2 --reason better", Exit::Done).await?;
    stream.until(2, STRETCH).await?;
    teller.say(&format!("{STRETCH} answers of version 2 later: {}", stream.count()));

    teller.scene("A worse challenger is refused");
    teller.types(&format!("{TRAIN} --family gradient_boosting --set rounds=1 --set max_depth=1"), Exit::Done).await?;
    teller.types("validate churn 3", Exit::Refused).await?;
    teller.types("promote churn 3", Exit::Refused).await?;

    teller.scene("Where an answer comes from");
    let answer = stream.until(2, 1).await?;
    let pedigree = answer.pedigree.unwrap_or_default();
    teller.types("predict churn --file {data} --limit 3", Exit::Done).await?;
    teller.types(&format!("explain {}", pedigree.prediction_id), Exit::Done).await?;

    teller.scene("The way back");
    teller.types("rollback churn --reason drill", Exit::Done).await?;
    stream.until(1, STRETCH).await?;
    teller.say("Version 1 answers again. All predictions of the story:");
    let counted = stream.stop().await;
    teller.say(&counted.to_string());
    if counted.failed > 0 || counted.went_back > 0 {
        return Err(CliError::Server(anyhow::anyhow!("the stream of predictions was disturbed")));
    }
    teller.types("versions churn", Exit::Done).await?;
    teller.types("audit churn --limit 12", Exit::Done).await
}

/// Prints the story and types its commands.
struct Teller {
    style: Style,
    address: String,
    data: String,
}

impl Teller {
    fn scene(&self, title: &str) {
        println!("\n{}", self.style.heading(&format!("== {title} ==")));
    }

    #[allow(clippy::unused_self, reason = "it is the teller who says it")]
    fn say(&self, text: &str) {
        println!("\n{text}");
    }

    /// Runs a command line in this process; anything but the `expected` end ends the story.
    async fn types(&self, line: &str, expected: Exit) -> Result<(), CliError> {
        println!("\n{}", self.style.heading(&format!("$ lineal {}", line.replace("{data}", "churn.csv"))));
        let words = ["lineal", "--address", &self.address, "--actor", "demo"].map(str::to_owned);
        let words = words.into_iter().chain(line.split(' ').map(|word| word.replace("{data}", &self.data)));
        let cli = <Cli as clap::Parser>::try_parse_from(words).map_err(|error| CliError::usage(error.to_string()))?;
        let exit = match Box::pin(cli.run()).await {
            Ok(exit) => exit,
            Err(error) if error.exit() == expected => {
                // On the standard output, in its place in the story.
                println!("{}", error.text().trim_end());
                expected
            }
            Err(error) => return Err(error),
        };
        if exit == expected {
            return Ok(());
        }
        Err(CliError::Server(anyhow::anyhow!("`lineal {line}` ended with {exit:?} instead of {expected:?}")))
    }

    fn ending(&self) {
        self.scene("Your turn");
        println!("\n  lineal dev                         start it for yourself, with data in ./lineal-data");
        println!("  lineal train FILE --model NAME --label COLUMN");
        println!("  lineal --help");
    }

    fn next(&self, folder: &Path) {
        self.scene("Your turn");
        println!("\nLineal keeps running at {} until you press Ctrl-C. In another terminal:\n", self.address);
        println!("  lineal status");
        println!("  lineal explain churn@champion");
        println!("  lineal train {} --model churn --label churn --set rounds=300", folder.join("churn.csv").display());
    }
}
