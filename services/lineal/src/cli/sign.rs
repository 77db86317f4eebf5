//! `lineal sign`

use lineal_proto::lineal::registry::v1::{AttachSignatureRequest, signature_service_client::SignatureServiceClient};
use lineal_signing::{Envelope, SigningKey};

use super::{
    bundle::{self, Found},
    context::Context,
    error::{CliError, Exit},
    request::{ChangeArgs, SlotArgs},
};

/// `lineal sign`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal sign churn 3 --key signing.pem")]
pub(super) struct Args {
    /// The model
    model: String,
    /// A number, a label or @alias
    version: String,
    /// Private key that signs: ECDSA P-256 in PEM
    #[arg(long, value_name = "FILE")]
    key: String,
    #[command(flatten)]
    slot: SlotArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Signs the bundle of a version and keeps the signature in the registry. The key stays on this machine.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let key = bundle::key(&args.key, SigningKey::from_pem)?;
    let found = Found::fetch(ctx, &args.model, &args.version, &args.slot.slot).await?;
    let request = AttachSignatureRequest {
        model: found.version.model.clone(),
        digest: found.bundle.digest().to_string(),
        envelope: Envelope::sign(&key, &found.version.model, &found.bundle.to_sign())?,
        public_key: key.public().pem().to_owned(),
        request_id: args.change.request_id(),
    };
    let answer = ctx.registry.call(SignatureServiceClient::new(ctx.registry.peer()).attach_signature(request)).await;
    let answer = answer.map_err(|error| error.about(&args.model, found.version.number))?;
    let told = format!("{} is signed by {}", found.name(), key.public().fingerprint());
    ctx.output.print(&answer, |style| format!("{}\n", style.heading(&told)))?;
    Ok(Exit::Done)
}
