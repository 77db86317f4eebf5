//! `lineal health`

use std::time::Duration;

use serde::Serialize;
use tonic::{Code, Status};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use super::{
    context::{Context, Service},
    error::{CliError, Exit},
};

const PATIENCE: Duration = Duration::from_secs(5);

/// `lineal health`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal health --address http://127.0.0.1:7400 --service lineal.ready")]
pub(super) struct Args {
    /// What to ask about: empty for the process, lineal.ready, or the full name of a gRPC service
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    service: String,
}

#[derive(Serialize)]
struct Answer<'a> {
    address: &'a str,
    service: &'a str,
    serving: bool,
}

/// Asks the server at `--address`.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let server = &ctx.server;
    let serving = match check(server, &args.service).await {
        Ok(serving) => serving,
        // A probe does not care why something is not there.
        Err(status) if status.code() == Code::NotFound => false,
        Err(status) => return Err(server.failed(status)),
    };
    let answer = Answer { address: server.address(), service: &args.service, serving };
    ctx.output.print(&answer, |_| if serving { "serving".to_owned() } else { "not serving".to_owned() })?;
    Ok(if serving { Exit::Done } else { Exit::Unavailable })
}

/// Whether `name` works at `server`, within five seconds.
pub(super) async fn check(server: &Service, name: &str) -> Result<bool, Status> {
    let request = HealthCheckRequest { service: name.to_owned() };
    let mut client = HealthClient::new(server.peer());
    let answer = tokio::time::timeout(PATIENCE, client.check(request))
        .await
        .map_err(|_| Status::deadline_exceeded("no answer within 5 seconds"))??;
    Ok(answer.into_inner().status() == ServingStatus::Serving)
}
