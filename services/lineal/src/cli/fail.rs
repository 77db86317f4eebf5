//! `lineal fail`

use lineal_proto::lineal::registry::v1::{FailVersionRequest, version_service_client::VersionServiceClient};

use super::{
    context::Context,
    error::{CliError, Exit},
    request::{ChangeArgs, SlotArgs, resolve},
};

/// `lineal fail`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal fail churn 3 --reason 'trained on a broken feed'")]
pub(super) struct Args {
    /// The model
    model: String,
    /// A number, a label or @alias
    version: String,
    /// Why; it goes into the audit
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    slot: SlotArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Takes a version out for good.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let number = resolve(ctx, &args.model, &args.version, &args.slot.slot).await?;
    let request = FailVersionRequest {
        model: args.model.clone(),
        number,
        reason: args.reason,
        request_id: args.change.request_id(),
    };
    let answer = ctx.registry.call(VersionServiceClient::new(ctx.registry.peer()).fail_version(request)).await;
    let answer = answer.map_err(|error| error.about(&args.model, number))?;
    let version = ctx.registry.present(answer.version.as_ref(), "version")?;
    let told = format!("{} {} has failed; it will not serve (again)", version.model, version.number);
    ctx.output.print(&answer, |style| format!("{}\n", style.heading(&told)))?;
    Ok(Exit::Done)
}
