//! `lineal card`

use lineal_proto::lineal::registry::v1::{GetModelCardRequest, card_service_client::CardServiceClient};

use super::{
    context::Context,
    error::{CliError, Exit},
    request::{SlotArgs, resolve_reference},
};

/// `lineal card`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal card churn@champion > churn.md")]
pub(super) struct Args {
    /// A version (churn@champion, churn/3, models:/churn/3)
    reference: String,
    #[command(flatten)]
    slot: SlotArgs,
}

/// Prints the model card of a version: Markdown, or its facts as JSON.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let model = args.reference.trim_start_matches("models:/").split(['/', '@']).next().unwrap_or_default().to_owned();
    let version = resolve_reference(ctx, args.reference, &args.slot.slot).await;
    let number = version.map_err(|error| error.about(&model, ""))?.number;
    let request = GetModelCardRequest { model: model.clone(), number };
    let answer = ctx.registry.call(CardServiceClient::new(ctx.registry.peer()).get_model_card(request)).await;
    let answer = answer.map_err(|error| error.about(&model, number))?;
    // Every line of the text was made safe for terminals when the card was made.
    ctx.output.print(&answer, |_| answer.card.as_ref().map(|card| card.text.clone()).unwrap_or_default())?;
    Ok(Exit::Done)
}
