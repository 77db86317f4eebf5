//! `lineal runs`

use lineal_proto::lineal::registry::v1::{
    GetRunRequest, GetRunResponse, ListRunsRequest, Run, RunStatus, SearchRunsRequest,
    run_service_client::RunServiceClient,
};

use super::{
    context::Context,
    error::{CliError, Exit},
    explain, format,
    output::{Style, Table, bad, cell, good},
    request::PageArgs,
};

/// `lineal runs`
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Example:\n  lineal runs search \"metrics.auc > 0.8 and params.family = 'gradient_boosting'\" --order \"metrics.auc desc\""
)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List runs, newest first; the same as `lineal runs`
    List(ListArgs),
    /// Show one run
    Show(ShowArgs),
    /// Find runs by what was logged of them
    Search(SearchArgs),
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Only runs of this experiment
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    experiment: String,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal runs show 0194f3a2-7c1e-7d53-b0a4-2f6f4c1f9d10")]
struct ShowArgs {
    /// The run's id
    id: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal runs search \"tags.team = 'growth' and status = 'finished'\"")]
struct SearchArgs {
    /// Comparisons joined by `and`, of metrics.KEY, params.KEY, tags.KEY, name, status, parent or model
    filter: String,
    /// `start_time`, `end_time`, `metrics.KEY` or `params.KEY`, then `asc` or `desc` [default: start_time desc]
    #[arg(long, value_name = "ORDER", default_value = "", hide_default_value = true)]
    order: String,
    #[command(flatten)]
    page: PageArgs,
}

/// Lists, shows or finds runs.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    match args.command {
        None => list(args.list, ctx).await,
        Some(Command::List(args)) => list(args, ctx).await,
        Some(Command::Show(args)) => show(args, ctx).await,
        Some(Command::Search(args)) => search(args, ctx).await,
    }
}

async fn list(args: ListArgs, ctx: &Context) -> Result<Exit, CliError> {
    let request =
        ListRunsRequest { page_size: args.page.limit, page_token: args.page.page_token, experiment: args.experiment };
    let answer = ctx.registry.call(RunServiceClient::new(ctx.registry.peer()).list_runs(request)).await?;
    ctx.output.print(&answer, |style| render(&answer.runs, &answer.next_page_token, style))?;
    Ok(Exit::Done)
}

async fn search(args: SearchArgs, ctx: &Context) -> Result<Exit, CliError> {
    let request = SearchRunsRequest {
        page_size: args.page.limit,
        page_token: args.page.page_token,
        filter: args.filter,
        order_by: args.order,
        ..SearchRunsRequest::default()
    };
    let answer = ctx.registry.call(RunServiceClient::new(ctx.registry.peer()).search_runs(request)).await?;
    ctx.output.print(&answer, |style| render(&answer.runs, &answer.next_page_token, style))?;
    Ok(Exit::Done)
}

async fn show(args: ShowArgs, ctx: &Context) -> Result<Exit, CliError> {
    let request = GetRunRequest { run_id: args.id };
    let answer: GetRunResponse = ctx.registry.call(RunServiceClient::new(ctx.registry.peer()).get_run(request)).await?;
    let run = ctx.registry.present(answer.run.as_ref(), "run")?;
    ctx.output.print(&answer, |style| {
        let measured = explain::measured(&run.metrics, style).unwrap_or_default();
        explain::execution(run, style) + &measured
    })?;
    Ok(Exit::Done)
}

fn render(runs: &[Run], next_page_token: &str, style: Style) -> String {
    let mut table = Table::new(style, &["RUN", "NAME", "EXPERIMENT", "STATUS", "AUC", "STARTED", "ENDED"]);
    for run in runs {
        let status = format::word(run.status().as_str_name(), "RUN_STATUS_");
        table.add([
            cell(&run.run_id),
            cell(&run.name),
            cell(&run.experiment),
            match run.status() {
                RunStatus::Finished => good(status),
                RunStatus::Failed => bad(status),
                RunStatus::Unspecified | RunStatus::Scheduled | RunStatus::Running | RunStatus::Killed => cell(status),
            },
            cell(format::metric_of(&run.metrics, "auc")),
            cell(format::time(run.start_time.as_ref())),
            cell(format::time(run.end_time.as_ref())),
        ]);
    }
    table.render() + &format::more(next_page_token)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_run_is_one_line() {
        let run = |id: &str, auc: f64| Run {
            run_id: id.to_owned(),
            name: "churn-20250115-143022".to_owned(),
            experiment: "weekly".to_owned(),
            status: RunStatus::Finished.into(),
            metrics: BTreeMap::from([("auc".to_owned(), auc)]),
            ..Run::default()
        };
        assert_eq!(
            render(&[run("r-1", 0.91234), run("r-2", f64::NAN)], "abc", Style::default()),
            "RUN  NAME                   EXPERIMENT  STATUS    AUC     STARTED  ENDED\n\
             r-1  churn-20250115-143022  weekly      finished  0.9123\n\
             r-2  churn-20250115-143022  weekly      finished  NaN\n\
             more: --page-token abc\n"
        );
    }
}
