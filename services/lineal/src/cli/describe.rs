//! `lineal tag` and `lineal describe`

use lineal_kernel::Slot;
use lineal_proto::{
    lineal::registry::v1::{
        Model, UpdateModelRequest, UpdateVersionRequest, Version, model_service_client::ModelServiceClient,
        version_service_client::VersionServiceClient,
    },
    pbjson_types::Struct,
};

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, Table},
    parse,
    request::{ChangeArgs, SlotArgs, resolve_reference},
};

/// `lineal tag`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  lineal tag churn/3 team=growth tier=1 --remove draft\n  lineal tag churn owner=ana"
)]
pub(super) struct TagArgs {
    /// A model, or a version of it: churn, churn/3 or churn@champion
    subject: String,
    /// Tags to set
    #[arg(value_name = "KEY=VALUE", value_parser = parse::pair, required_unless_present = "remove")]
    tags: Vec<(String, String)>,
    /// A tag to take away; may be given several times
    #[arg(long, value_name = "KEY")]
    remove: Vec<String>,
    #[command(flatten)]
    place: PlaceArgs,
}

/// `lineal describe`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  lineal describe churn/3 --description \"weekly, without weekends\" --metadata '{\"owner\": {\"team\": \"growth\"}}'"
)]
pub(super) struct Args {
    /// A model, or a version of it: churn, churn/3 or churn@champion
    subject: String,
    /// What people should know
    #[arg(long, value_name = "TEXT", required_unless_present = "metadata")]
    description: Option<String>,
    /// A JSON object to keep with the version, in place of what was there
    #[arg(long, value_name = "JSON", value_parser = object)]
    metadata: Option<Struct>,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Where, and on which condition.
#[derive(Debug, clap::Args)]
struct PlaceArgs {
    /// Change it only if it still has this etag
    #[arg(long, default_value = "", hide_default_value = true)]
    etag: String,
    #[command(flatten)]
    slot: SlotArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

/// What to change of a model or of a version.
#[derive(Debug, Default)]
struct Change {
    description: Option<String>,
    tags: Vec<(String, String)>,
    removed: Vec<String>,
    metadata: Option<Struct>,
}

/// Sets and takes away tags.
pub(super) async fn tag(args: TagArgs, ctx: &Context) -> Result<Exit, CliError> {
    let change = Change { tags: args.tags, removed: args.remove, ..Change::default() };
    apply(&args.subject, change, args.place, ctx).await
}

/// Describes a model or a version anew.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let change = Change { description: args.description, metadata: args.metadata, ..Change::default() };
    apply(&args.subject, change, args.place, ctx).await
}

async fn apply(subject: &str, change: Change, place: PlaceArgs, ctx: &Context) -> Result<Exit, CliError> {
    if subject.contains(['/', '@']) {
        return version(subject, change, place, ctx).await;
    }
    if change.metadata.is_some() {
        return Err(CliError::usage("only versions have metadata; name one, e.g. churn/3"));
    }
    let request = UpdateModelRequest {
        name: subject.to_owned(),
        description: change.description,
        tags: change.tags.into_iter().collect(),
        remove_tags: change.removed,
        etag: place.etag,
        request_id: place.change.request_id(),
    };
    let answer = ctx.registry.call(ModelServiceClient::new(ctx.registry.peer()).update_model(request)).await;
    let answer = answer.map_err(|error| error.about(subject, ""))?;
    let model = ctx.registry.present(answer.model.as_ref(), "model")?;
    ctx.output.print(&answer, |style| render_model(model, style))?;
    Ok(Exit::Done)
}

async fn version(subject: &str, change: Change, place: PlaceArgs, ctx: &Context) -> Result<Exit, CliError> {
    let slot: &Slot = &place.slot.slot;
    let found = resolve_reference(ctx, subject.to_owned(), slot).await?;
    let request = UpdateVersionRequest {
        model: found.model,
        number: found.number,
        description: change.description,
        tags: change.tags.into_iter().collect(),
        remove_tags: change.removed,
        metadata: change.metadata,
        etag: place.etag,
        request_id: place.change.request_id(),
    };
    let answer = ctx.registry.call(VersionServiceClient::new(ctx.registry.peer()).update_version(request)).await?;
    let version = ctx.registry.present(answer.version.as_ref(), "version")?;
    ctx.output.print(&answer, |style| render_version(version, style))?;
    Ok(Exit::Done)
}

fn object(text: &str) -> Result<Struct, String> {
    serde_json::from_str(text).map_err(|error| format!("expected a JSON object: {error}"))
}

fn render_model(model: &Model, style: Style) -> String {
    let mut table = Table::headless(style);
    table.fact("description", &model.description);
    table.fact("tags", format::pairs(&model.tags));
    table.fact("etag", &model.etag);
    format!("{}\n{}", style.heading(&model.name), table.render())
}

fn render_version(version: &Version, style: Style) -> String {
    let mut table = Table::headless(style);
    table.fact("description", &version.description);
    table.fact("tags", format::pairs(&version.tags));
    let metadata = version.metadata.as_ref().filter(|metadata| !metadata.fields.is_empty());
    let metadata = metadata.and_then(|metadata| serde_json::to_string(metadata).ok());
    table.fact("metadata", metadata.unwrap_or_default());
    table.fact("etag", &version.etag);
    format!("{}\n{}", style.heading(&format!("{}/{}", version.model, version.number)), table.render())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_description_is_shown_as_it_is_now() {
        let version = Version {
            model: "churn".to_owned(),
            number: 3,
            tags: BTreeMap::from([("team".to_owned(), "growth".to_owned())]),
            metadata: object("{\"owner\": {\"id\": 7}}").ok(),
            etag: "r2".to_owned(),
            ..Version::default()
        };
        let shown = render_version(&version, Style::default());
        for told in ["churn/3\n", "team=growth", "{\"owner\":{\"id\":7.0}}", "r2"] {
            assert!(shown.contains(told), "{told}: {shown}");
        }
    }

    #[test]
    fn metadata_is_an_object() {
        for text in ["[1]", "1", "{", ""] {
            assert!(object(text).is_err(), "{text}");
        }
    }
}
