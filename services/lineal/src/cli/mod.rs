//! The command line: one file per command, each a client of the services like any other.

mod aliases;
mod audit;
mod batches;
mod bundle;
mod card;
mod compare;
mod context;
mod data;
mod demo;
mod demote;
mod describe;
mod download;
mod ensemble;
mod error;
mod experiments;
mod explain;
mod fail;
mod families;
mod features;
mod format;
mod health;
mod hints;
mod history;
mod import;
mod imports;
mod jobs;
mod lineage;
mod models;
mod output;
mod parse;
mod performance;
mod pipeline;
mod predict;
mod promote;
mod promotions;
mod registration;
mod reproduce;
mod request;
mod rollback;
mod rollbacks;
mod rows;
mod runs;
mod score;
mod serve;
mod settings;
mod sign;
mod signatures;
mod source;
mod split;
mod status;
mod story;
mod train;
mod usage;
mod validate;
mod verify;
mod versions;
mod watch;
mod way_back;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use context::{Context, GlobalArgs};
use error::{CliError, Exit};

const EXIT_CODES: &str = "Exit codes:
  0  done
  1  failed in another way
  2  wrong usage or a wrong value
  4  a gate, a replica or the present state said no
  5  not found
  6  conflict: somebody else was faster, or the name is taken
  7  the service does not answer";

/// Runs the life of a model: train, validate, promote, serve, explain, roll back.
#[derive(Debug, Parser)]
#[command(name = "lineal", version, max_term_width = 120, after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything in this process: registry, trainer, validator and inference
    Dev(serve::DevArgs),
    /// Run some of the services in this process
    Serve(serve::Args),
    /// See the whole life of a model in a minute, on real data
    Demo(demo::Args),
    /// Train a model on a file and make a new version of it
    Train(Box<train::Args>),
    /// Look at data before anything is learned from it
    Data(data::Args),
    /// Name and show the rules that cut rows into those to learn from and those to measure on
    Split(split::Args),
    /// Name and show what models compute from raw columns
    Features(features::Args),
    /// Apply and show the file that says how a model is trained, judged and scored
    Settings(settings::Args),
    /// Make a version of a model that was trained elsewhere: LightGBM, XGBoost, ONNX
    Import(Box<import::Args>),
    /// Make a version that answers with the weighed answers of others
    Ensemble(Box<ensemble::Args>),
    /// List, show, watch and cancel training jobs
    Jobs(Box<jobs::Args>),
    /// Run pipelines: graphs of steps from rows to champions
    Pipeline(Box<pipeline::Args>),
    /// List experiments
    Experiments(experiments::Args),
    /// List, show and search runs
    Runs(runs::Args),
    /// List models
    Models(models::Args),
    /// List the versions of a model
    Versions(versions::Args),
    /// Set and take away tags of a model or a version
    Tag(describe::TagArgs),
    /// Describe a model or a version anew
    Describe(describe::Args),
    /// Tell what versions did in production
    Usage(usage::Args),
    /// Show a metric in production over time
    Performance(performance::Args),
    /// Show two versions side by side, and whether the difference may be chance
    Compare(compare::Args),
    /// List the aliases of a model
    Aliases(aliases::Args),
    /// Sign a version, so that those who trust the key load it
    Sign(sign::Args),
    /// List who signed a version
    Signatures(signatures::Args),
    /// Check that a key signed every byte of a version
    Verify(verify::Args),
    /// Write the files of a version to a folder, with its signature
    Download(download::Args),
    /// Point an alias of your own at a version
    Alias(aliases::AliasArgs),
    /// Judge a version: score it and the champion on the same rows and apply the gates
    Validate(validate::Args),
    /// Make a validated version the champion, on every replica or not at all
    Promote(promote::Args),
    /// Bring back an earlier champion
    Rollback(rollback::Args),
    /// List rollbacks, newest first, with those that were refused
    Rollbacks(rollbacks::Args),
    /// Take the champion away and leave the slot empty
    Demote(demote::Args),
    /// Take a version out for good
    Fail(fail::Args),
    /// List, show, watch and cancel promotions
    Promotions(promotions::Args),
    /// Score rows with the champion
    Predict(predict::Args),
    /// Score a whole file, each row once
    Score(score::Args),
    /// List, show and stop scored files
    Batches(batches::Args),
    /// Tell how a version or a prediction came to be
    Explain(explain::Args),
    /// Train a version again from what was recorded and compare digests
    Reproduce(reproduce::Args),
    /// Print the model card of a version that is or was champion
    Card(card::Args),
    /// Tell who was champion of a model, and when
    History(history::Args),
    /// Draw what a version comes from, and what comes from it
    Lineage(lineage::Args),
    /// Show services, replicas, champions and what is going on
    Status(status::Args),
    /// Show who did what, newest first
    Audit(audit::Args),
    /// List what can be trained, with hyperparameters and defaults
    Families(families::Args),
    /// Ask a server whether it works
    Health(health::Args),
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = cli.global.standard_output();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = runtime.map_err(CliError::from).and_then(|runtime| {
        let result = runtime.block_on(cli.run());
        // A fit that does not listen must not hold up the end.
        runtime.shutdown_background();
        result
    });
    match result {
        Ok(exit) => exit.into(),
        // Whoever read the answer has seen enough, e.g. `head`.
        Err(CliError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Done.into(),
        Err(error) => {
            output.print_error(&error);
            error.exit().into()
        }
    }
}

impl Cli {
    async fn run(self) -> Result<Exit, CliError> {
        let ctx = &Context::new(&self.global)?;
        match self.command {
            Command::Dev(args) => Box::pin(serve::dev(args)).await,
            Command::Serve(args) => Box::pin(serve::run(args)).await,
            Command::Demo(args) => demo::run(args, ctx.output.style()).await,
            Command::Train(args) => train::run(*args, ctx).await,
            Command::Data(args) => data::run(args, ctx).await,
            Command::Split(args) => split::run(args, ctx).await,
            Command::Features(args) => features::run(args, ctx).await,
            Command::Settings(args) => settings::run(args, ctx).await,
            Command::Import(args) => Box::pin(import::run(*args, ctx)).await,
            Command::Ensemble(args) => Box::pin(ensemble::run(*args, ctx)).await,
            Command::Jobs(args) => jobs::run(*args, ctx).await,
            Command::Pipeline(args) => pipeline::run(*args, ctx).await,
            Command::Experiments(args) => experiments::run(args, ctx).await,
            Command::Runs(args) => runs::run(args, ctx).await,
            Command::Models(args) => models::run(args, ctx).await,
            Command::Versions(args) => versions::run(args, ctx).await,
            Command::Tag(args) => describe::tag(args, ctx).await,
            Command::Describe(args) => describe::run(args, ctx).await,
            Command::Usage(args) => usage::run(args, ctx).await,
            Command::Performance(args) => performance::run(args, ctx).await,
            Command::Compare(args) => compare::run(args, ctx).await,
            Command::Aliases(args) => aliases::run(args, ctx).await,
            Command::Alias(args) => aliases::change(args, ctx).await,
            Command::Sign(args) => sign::run(args, ctx).await,
            Command::Signatures(args) => signatures::run(args, ctx).await,
            Command::Verify(args) => verify::run(args, ctx).await,
            Command::Download(args) => download::run(args, ctx).await,
            Command::Validate(args) => validate::run(args, ctx).await,
            Command::Promote(args) => promote::run(args, ctx).await,
            Command::Rollback(args) => rollback::run(args, ctx).await,
            Command::Rollbacks(args) => rollbacks::run(args, ctx).await,
            Command::Demote(args) => demote::run(args, ctx).await,
            Command::Fail(args) => fail::run(args, ctx).await,
            Command::Promotions(args) => promotions::run(args, ctx).await,
            Command::Predict(args) => predict::run(args, ctx).await,
            Command::Score(args) => score::run(args, ctx).await,
            Command::Batches(args) => batches::run(args, ctx).await,
            Command::Explain(args) => explain::run(args, ctx).await,
            Command::Reproduce(args) => reproduce::run(args, ctx).await,
            Command::Card(args) => card::run(args, ctx).await,
            Command::History(args) => history::run(args, ctx).await,
            Command::Lineage(args) => lineage::run(args, ctx).await,
            Command::Status(args) => status::run(args, ctx).await,
            Command::Audit(args) => audit::run(args, ctx).await,
            Command::Families(args) => families::run(args, ctx).await,
            Command::Health(args) => health::run(args, ctx).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains(&format!("lineal {}", command.get_name())), "{}: {help}", command.get_name());
        }
    }

    #[tokio::test]
    async fn a_closed_port_is_unavailable_and_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        for command in [
            "models",
            "versions churn",
            "usage churn",
            "performance churn",
            "compare churn 2 1",
            "jobs",
            "pipeline list",
            "pipeline run p1",
            "families",
            "status",
            "audit",
            "health",
            "ensemble churn churn/1 churn/2",
            "validate churn 1",
            "promote churn 1",
            "promotions",
            "promotions watch p1",
            "explain churn@champion",
            "reproduce churn 1",
            "card churn@champion",
            "history churn",
            "data describe r1",
            "data reports churn",
            "data sources",
            "split list churn",
            "settings show churn",
            "settings history churn",
            "lineage churn 1",
            "signatures churn 1",
            "download churn 1 folder",
            "predict churn --row a=1",
            "score churn rows.csv --out scores --batch-id b-1",
            "batches churn",
        ] {
            let words = format!("lineal {command} --address {address}");
            let cli = Cli::try_parse_from(words.split(' ')).unwrap();
            let error = cli.run().await.unwrap_err();
            assert_eq!(error.exit(), Exit::Unavailable, "{command}: {error:?}");
            let text = error.text();
            assert!(text.contains(&format!("at {address} does not answer")), "{command}: {text}");
            assert!(text.contains("\nnext: lineal dev"), "{command}: {text}");
        }
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_wrong_usage() {
        for address in ["not an address", "https://127.0.0.1:7400", "grpc://127.0.0.1:7400", "http://"] {
            let cli = Cli::try_parse_from(["lineal", "models", "--registry", address]).unwrap();
            assert_eq!(cli.run().await.unwrap_err().exit(), Exit::Usage, "{address}");
        }
    }

    #[tokio::test]
    async fn an_address_may_go_without_its_scheme() {
        let cli = Cli::try_parse_from(["lineal", "models", "--address", "127.0.0.1:1"]).unwrap();
        let error = cli.run().await.unwrap_err();
        assert!(error.text().contains("at http://127.0.0.1:1 does not answer"), "{}", error.text());
    }
}
