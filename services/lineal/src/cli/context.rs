//! Whom a command talks to, as whom, and how it answers.

use std::future::Future;

use lineal_rpc::{Peer, connect};
use tonic::{Response, Status};

use super::{
    error::{CliError, FailedCall},
    output::{Format, Output},
};

/// Flags of every client command.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct GlobalArgs {
    /// Where Lineal listens
    #[arg(long, global = true, env = "LINEAL_ADDRESS", value_name = "URL", default_value = "http://127.0.0.1:7400")]
    #[arg(help_heading = "Connection")]
    pub(super) address: String,
    /// Where the registry listens, if elsewhere
    #[arg(long, global = true, env = "LINEAL_REGISTRY", value_name = "URL", help_heading = "Connection")]
    pub(super) registry: Option<String>,
    /// Where the trainer listens, if elsewhere
    #[arg(long, global = true, env = "LINEAL_TRAINER", value_name = "URL", help_heading = "Connection")]
    pub(super) trainer: Option<String>,
    /// Where the validator listens, if elsewhere
    #[arg(long, global = true, env = "LINEAL_VALIDATOR", value_name = "URL", help_heading = "Connection")]
    pub(super) validator: Option<String>,
    /// Where the inference service listens, if elsewhere
    #[arg(long, global = true, env = "LINEAL_INFERENCE", value_name = "URL", help_heading = "Connection")]
    pub(super) inference: Option<String>,
    /// Your name in the audit
    #[arg(long, global = true, env = "USER", value_name = "NAME", default_value = "cli", help_heading = "Connection")]
    pub(super) actor: String,
    /// Text for people or one JSON document for programs
    #[arg(short, long, global = true, value_enum, default_value = "table", help_heading = "Output")]
    pub(super) output: Format,
    /// No colours, also on a terminal
    #[arg(long, global = true, env = "NO_COLOR", value_parser = clap::builder::FalseyValueParser::new())]
    #[arg(action = clap::ArgAction::SetTrue, help_heading = "Output")]
    pub(super) no_color: bool,
}

impl GlobalArgs {
    /// Where and how answers are written.
    pub(super) fn standard_output(&self) -> Output {
        Output::standard(self.output, self.no_color)
    }
}

/// What every command gets.
#[derive(Debug)]
pub(super) struct Context {
    /// Whatever listens at `--address`.
    pub(super) server: Service,
    /// Models, versions, promotions, audit.
    pub(super) registry: Service,
    /// Jobs and families.
    pub(super) trainer: Service,
    /// Reports.
    pub(super) validator: Service,
    /// Predictions.
    pub(super) inference: Service,
    /// Where the answer goes.
    pub(super) output: Output,
}

impl Context {
    /// Checks the addresses. Connections are made when they are needed.
    pub(super) fn new(args: &GlobalArgs) -> Result<Self, CliError> {
        let actor = if args.actor.trim().is_empty() { "cli" } else { &args.actor };
        let service = |name, address: &Option<String>| {
            Service::new(name, address.as_deref().filter(|address| !address.is_empty()).unwrap_or(&args.address), actor)
        };
        Ok(Self {
            server: service("server", &None)?,
            registry: service("registry", &args.registry)?,
            trainer: service("trainer", &args.trainer)?,
            validator: service("validator", &args.validator)?,
            inference: service("inference", &args.inference)?,
            output: args.standard_output(),
        })
    }
}

/// One service and the way to it.
#[derive(Debug)]
pub(super) struct Service {
    name: &'static str,
    address: String,
    peer: Peer,
}

impl Service {
    fn new(name: &'static str, address: &str, actor: &str) -> Result<Self, CliError> {
        // Other clients take `host:port`.
        let address = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
        Ok(Self { name, peer: connect(&address, actor)?, address })
    }

    /// What the service is called.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Where it is looked for.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// A channel for a generated client.
    pub(super) fn peer(&self) -> Peer {
        self.peer.clone()
    }

    /// Waits for the answer to a call of this service.
    pub(super) async fn call<T>(&self, call: impl Future<Output = Result<Response<T>, Status>>) -> Result<T, CliError> {
        call.await.map(Response::into_inner).map_err(|status| self.failed(status))
    }

    /// `status` as this service's failure.
    pub(super) fn failed(&self, status: Status) -> CliError {
        CliError::Call(Box::new(FailedCall {
            service: self.name,
            address: self.address.clone(),
            status,
            model: None,
            version: None,
            request_id: None,
        }))
    }

    /// An answer without the `part` that the contract promises.
    pub(super) fn absent(&self, part: &'static str) -> CliError {
        CliError::Incomplete { service: self.name, part }
    }

    /// The `part` of an answer that the contract promises.
    pub(super) fn present<T>(&self, value: Option<T>, part: &'static str) -> Result<T, CliError> {
        value.ok_or_else(|| self.absent(part))
    }
}
