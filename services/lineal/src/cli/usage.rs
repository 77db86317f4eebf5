//! `lineal usage`

use lineal_proto::lineal::registry::v1::{
    ListVersionsRequest, ListVersionsResponse, Version, version_service_client::VersionServiceClient,
};

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, Table, bad, cell},
    request::{PageArgs, SlotArgs, resolve, resolve_reference},
};

/// `lineal usage`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal usage churn 3")]
pub(super) struct Args {
    /// The model
    model: String,
    /// A number, a label or @alias [default: every version]
    version: Option<String>,
    #[command(flatten)]
    slot: SlotArgs,
    #[command(flatten)]
    page: PageArgs,
}

/// Tells what versions did in production.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let answer = if let Some(version) = &args.version {
        let number = resolve(ctx, &args.model, version, &args.slot.slot).await?;
        let found = resolve_reference(ctx, format!("{}/{number}", args.model), &args.slot.slot).await;
        let version = found.map_err(|error| error.about(&args.model, number))?;
        ListVersionsResponse { versions: vec![version], next_page_token: String::new() }
    } else {
        let request = ListVersionsRequest {
            model: args.model.clone(),
            page_size: args.page.limit,
            page_token: args.page.page_token,
            ..ListVersionsRequest::default()
        };
        let found = ctx.registry.call(VersionServiceClient::new(ctx.registry.peer()).list_versions(request)).await;
        found.map_err(|error| error.about(&args.model, ""))?
    };
    ctx.output.print(&answer, |style| render(&answer, style))?;
    Ok(Exit::Done)
}

fn render(answer: &ListVersionsResponse, style: Style) -> String {
    let header = ["VERSION", "STATE", "REQUESTS", "ERRORS", "ROWS", "MEAN", "DEPLOYED", "LAST USED"];
    let mut table = Table::new(style, &header);
    for Version { number, display_state, usage, .. } in &answer.versions {
        let usage = usage.unwrap_or_default();
        table.add([
            cell(number),
            cell(display_state),
            cell(usage.requests),
            if usage.errors > 0 { bad(usage.errors) } else { cell(usage.errors) },
            cell(usage.rows),
            cell(format!("{:.3} ms", usage.mean_milliseconds)),
            cell(format::time(usage.deploy_time.as_ref())),
            cell(format::time(usage.last_use_time.as_ref())),
        ]);
    }
    table.render() + &format::more(&answer.next_page_token)
}

#[cfg(test)]
mod tests {
    use lineal_proto::{lineal::registry::v1::Usage, pbjson_types::Timestamp};

    use super::*;

    #[test]
    fn what_a_version_did_is_one_line() {
        let used = Some(Timestamp { seconds: 1_736_951_422, nanos: 0 });
        let usage = Usage {
            last_use_time: used,
            requests: 1000,
            errors: 7,
            rows: 1986,
            mean_milliseconds: 0.1234,
            ..Usage::default()
        };
        let version = Version { number: 3, display_state: "archived".into(), usage: Some(usage), ..Version::default() };
        let answer = ListVersionsResponse { versions: vec![version], next_page_token: String::new() };
        assert_eq!(
            render(&answer, Style::default()),
            "VERSION  STATE     REQUESTS  ERRORS  ROWS  MEAN      DEPLOYED  LAST USED\n\
             3        archived  1000      7       1986  0.123 ms            2025-01-15T14:30:22Z\n"
        );
    }
}
