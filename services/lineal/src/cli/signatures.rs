//! `lineal signatures`

use lineal_proto::lineal::registry::v1::{
    ListSignaturesRequest, ListSignaturesResponse, signature_service_client::SignatureServiceClient,
};

use super::{
    bundle::Found,
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, Table, cell},
    request::{PageArgs, SlotArgs},
};

/// `lineal signatures`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal signatures churn @champion")]
pub(super) struct Args {
    /// The model
    model: String,
    /// A number, a label or @alias
    version: String,
    #[command(flatten)]
    slot: SlotArgs,
    #[command(flatten)]
    page: PageArgs,
}

/// Lists the signatures of a version in order of their keys.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let found = Found::fetch(ctx, &args.model, &args.version, &args.slot.slot).await?;
    let request = ListSignaturesRequest {
        digest: found.bundle.digest().to_string(),
        page_size: args.page.limit,
        page_token: args.page.page_token,
    };
    let answer = ctx.registry.call(SignatureServiceClient::new(ctx.registry.peer()).list_signatures(request)).await?;
    ctx.output.print(&answer, |style| render(&answer, style))?;
    Ok(Exit::Done)
}

fn render(answer: &ListSignaturesResponse, style: Style) -> String {
    let mut table = Table::new(style, &["KEY", "ATTACHED", "BY"]);
    for signature in &answer.signatures {
        table.add([
            cell(&signature.key_fingerprint),
            cell(format::time(signature.create_time.as_ref())),
            cell(&signature.actor),
        ]);
    }
    table.render() + &format::more(&answer.next_page_token)
}
