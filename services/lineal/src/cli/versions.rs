//! `lineal versions`

use lineal_proto::lineal::registry::v1::{
    AliasPointer, ListVersionsRequest, ListVersionsResponse, Version, version_service_client::VersionServiceClient,
};

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, Table, cell, good},
    request::PageArgs,
};

/// `lineal versions`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  lineal versions churn --state rollback_candidate\n  lineal versions churn --where \"metrics.auc > 0.8 and tags.team = 'x'\" --order \"metrics.f1 desc\" --top 5"
)]
pub(super) struct Args {
    /// The model
    model: String,
    /// Only these: production, rollback_candidate, archived, failed, canary or staging
    #[arg(long, value_name = "WORD", default_value = "", hide_default_value = true)]
    state: String,
    /// Comparisons joined by `and`, of metrics.KEY, tags.KEY, metadata.KEY.KEY, state, display_state, family, label, run_id, digest,
    /// number or created
    #[arg(long = "where", value_name = "FILTER", default_value = "", hide_default_value = true)]
    filter: String,
    /// `created`, `number` or `metrics.KEY`, then `asc` or `desc` [default: number desc]
    #[arg(long, value_name = "ORDER", default_value = "", hide_default_value = true)]
    order: String,
    /// The first N and no more
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=500), conflicts_with_all = ["limit", "page_token"])]
    top: Option<i32>,
    #[command(flatten)]
    page: PageArgs,
}

/// Lists the versions of a model, newest first.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let request = ListVersionsRequest {
        model: args.model.clone(),
        page_size: args.top.unwrap_or(args.page.limit),
        page_token: args.page.page_token,
        display_state: args.state,
        filter: args.filter,
        order_by: args.order.clone(),
    };
    let answer = ctx.registry.call(VersionServiceClient::new(ctx.registry.peer()).list_versions(request)).await;
    let mut answer = answer.map_err(|error| error.about(&args.model, ""))?;
    if args.top.is_some() {
        answer.next_page_token.clear();
    }
    ctx.output.print(&answer, |style| render(&answer, ordering_metric(&args.order), style))?;
    Ok(Exit::Done)
}

/// The metric that an order goes by: the one to show.
fn ordering_metric(order: &str) -> Option<&str> {
    let key = order.trim().strip_prefix("metrics.")?.trim_end_matches(" desc").trim_end_matches(" asc");
    Some(key.trim().trim_matches('"'))
}

/// One line a version with `metric`, or with its AUC.
fn render(answer: &ListVersionsResponse, metric: Option<&str>, style: Style) -> String {
    let heading = metric.map_or_else(|| "AUC".to_owned(), str::to_uppercase);
    let mut table = Table::new(style, &["VERSION", "LABEL", "STATE", "ALIASES", &heading, "CREATED", "DIGEST"]);
    for version in &answer.versions {
        let state = &version.display_state;
        table.add([
            cell(version.number),
            cell(&version.label),
            if state == "production" { good(state) } else { cell(state) },
            cell(version.aliases.iter().map(pointer).collect::<Vec<_>>().join(" ")),
            cell(metric.map_or_else(|| auc(version), |metric| format::metric_of(&version.metrics, metric))),
            cell(format::time(version.create_time.as_ref())),
            cell(format::digest(&version.digest)),
        ]);
    }
    table.render() + &format::more(&answer.next_page_token)
}

/// `champion`, or `champion[symbol=BTCUSDT]` in a slot with labels.
pub(super) fn pointer(pointer: &AliasPointer) -> String {
    if pointer.slot.is_empty() {
        pointer.alias.clone()
    } else {
        format!("{}[{}]", pointer.alias, format::pairs(&pointer.slot))
    }
}

/// The validator's measurement counts more than the trainer's.
fn auc(version: &Version) -> String {
    let validated = version.validation.as_ref().filter(|validation| validation.metrics.contains_key("auc"));
    format::metric_of(validated.map_or(&version.metrics, |validation| &validation.metrics), "auc")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_version_is_one_line() {
        let version = Version {
            model: "churn".to_owned(),
            number: 3,
            label: "gradient_boosting-20250115-143022".to_owned(),
            digest: "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".to_owned(),
            display_state: "production".to_owned(),
            aliases: vec![
                AliasPointer { alias: "champion".to_owned(), slot: BTreeMap::new() },
                AliasPointer {
                    alias: "champion".to_owned(),
                    slot: BTreeMap::from([("regime".to_owned(), "trending".to_owned())]),
                },
            ],
            metrics: BTreeMap::from([("auc".to_owned(), 0.91234)]),
            ..Version::default()
        };
        let answer = ListVersionsResponse { versions: vec![version], next_page_token: "abc".to_owned() };
        assert_eq!(
            render(&answer, None, Style::default()),
            "VERSION  LABEL                              STATE       ALIASES                             AUC     CREATED  DIGEST\n\
             3        gradient_boosting-20250115-143022  production  champion champion[regime=trending]  0.9123           e3b0c44298fc\n\
             more: --page-token abc\n"
        );
        let by_f1 = render(&answer, ordering_metric("metrics.f1 desc"), Style::default());
        assert!(by_f1.starts_with(
            "VERSION  LABEL                              STATE       ALIASES                             F1"
        ));
        assert_eq!(ordering_metric("metrics.\"log loss\" asc"), Some("log loss"));
        assert_eq!(ordering_metric("number desc"), None);
    }
}
