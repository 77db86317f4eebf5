//! `lineal jobs`

use lineal_kernel::Timestamp;
use lineal_proto::lineal::trainer::v1::{
    CancelJobRequest, GetJobResponse, Job, JobFailureReason, JobState, ListJobAttemptsRequest, ListJobAttemptsResponse,
    ListJobsRequest, ListJobsResponse, ResumeJobRequest, Sample, SuspendJobRequest,
    job_service_client::JobServiceClient,
};

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, Table, bad, cell, good},
    parse,
    request::PageArgs,
    watch,
};

/// `lineal jobs`
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, after_help = "Example:\n  lineal jobs --model churn --state running")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List jobs, newest first; the same as `lineal jobs`
    List(ListArgs),
    /// Show one job
    Show(JobArgs),
    /// Follow a job until it ends
    Watch(JobArgs),
    /// List every start of a job, with what became of it
    Attempts(AttemptsArgs),
    /// Ask a job to stop
    Cancel(JobArgs),
    /// Hold a job back; it keeps its place in the queue
    Suspend(JobArgs),
    /// Let a suspended job run again
    Resume(JobArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal jobs watch 0194f3a2-7c1e-7d53-b0a4-2f6f4c1f9d10")]
struct JobArgs {
    /// The job's id
    id: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal jobs attempts 0194f3a2-7c1e-7d53-b0a4-2f6f4c1f9d10")]
struct AttemptsArgs {
    /// The job's id
    id: String,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Only jobs of this model
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    model: String,
    /// Only jobs in this state
    #[arg(long, value_enum)]
    state: Option<State>,
    /// Only jobs with this experiment tag
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    experiment: String,
    /// Only jobs of this pipeline
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pipeline: String,
    /// Only jobs of this node
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    node: String,
    /// Only jobs that this caller created
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    actor: String,
    /// Only jobs with this tag
    #[arg(long, value_name = "KEY=VALUE", default_value = "", hide_default_value = true)]
    tag: String,
    /// Only jobs created at this time or later, e.g. 2026-01-15T06:00:00Z
    #[arg(long, value_name = "TIME", value_parser = parse::time)]
    from: Option<Timestamp>,
    /// Only jobs created before this time
    #[arg(long, value_name = "TIME", value_parser = parse::time)]
    to: Option<Timestamp>,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum State {
    Queued,
    Running,
    Suspended,
    Succeeded,
    Failed,
    Cancelled,
}

impl From<State> for JobState {
    fn from(state: State) -> Self {
        match state {
            State::Queued => Self::Queued,
            State::Running => Self::Running,
            State::Suspended => Self::Suspended,
            State::Succeeded => Self::Succeeded,
            State::Failed => Self::Failed,
            State::Cancelled => Self::Cancelled,
        }
    }
}

/// Lists, shows, watches or cancels jobs.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    match args.command {
        None => list(args.list, ctx).await,
        Some(Command::List(args)) => list(args, ctx).await,
        Some(Command::Show(args)) => {
            let job = watch::get(ctx, &args.id).await?;
            print(ctx, job)
        }
        Some(Command::Watch(args)) => {
            let job = watch::follow(ctx, &args.id).await?;
            conclude(ctx, job)
        }
        Some(Command::Attempts(args)) => attempts(args, ctx).await,
        Some(Command::Cancel(args)) => {
            let request = CancelJobRequest { job_id: args.id };
            let answer = ctx.trainer.call(JobServiceClient::new(ctx.trainer.peer()).cancel_job(request)).await?;
            changed(ctx, &answer, answer.job.as_ref())
        }
        Some(Command::Suspend(args)) => {
            let request = SuspendJobRequest { job_id: args.id };
            let answer = ctx.trainer.call(JobServiceClient::new(ctx.trainer.peer()).suspend_job(request)).await?;
            changed(ctx, &answer, answer.job.as_ref())
        }
        Some(Command::Resume(args)) => {
            let request = ResumeJobRequest { job_id: args.id };
            let answer = ctx.trainer.call(JobServiceClient::new(ctx.trainer.peer()).resume_job(request)).await?;
            let job = ctx.trainer.present(answer.job.as_ref(), "job")?;
            ctx.output.print(&answer, |_| format!("job {} is {}", job.job_id, state(job)))?;
            Ok(Exit::Done)
        }
    }
}

async fn list(args: ListArgs, ctx: &Context) -> Result<Exit, CliError> {
    let request = ListJobsRequest {
        page_size: args.page.limit,
        page_token: args.page.page_token,
        model: args.model,
        state: args.state.map_or(JobState::Unspecified, JobState::from).into(),
        experiment: args.experiment,
        pipeline_id: args.pipeline,
        node_id: args.node,
        actor: args.actor,
        tag: args.tag,
        created_from_time: args.from.map(lineal_rpc::timestamp),
        created_to_time: args.to.map(lineal_rpc::timestamp),
    };
    let answer = ctx.trainer.call(JobServiceClient::new(ctx.trainer.peer()).list_jobs(request)).await?;
    ctx.output.print(&answer, |style| render_list(&answer, style))?;
    Ok(Exit::Done)
}

async fn attempts(args: AttemptsArgs, ctx: &Context) -> Result<Exit, CliError> {
    let request =
        ListJobAttemptsRequest { job_id: args.id, page_size: args.page.limit, page_token: args.page.page_token };
    let answer = ctx.trainer.call(JobServiceClient::new(ctx.trainer.peer()).list_job_attempts(request)).await?;
    ctx.output.print(&answer, |style| render_attempts(&answer, style))?;
    Ok(Exit::Done)
}

/// Says what became of a job that was asked to stop.
fn changed<T: serde::Serialize>(ctx: &Context, answer: &T, job: Option<&Job>) -> Result<Exit, CliError> {
    let job = ctx.trainer.present(job, "job")?;
    ctx.output.print(answer, |_| match job.state() {
        JobState::Running => format!("job {} will stop shortly\nnext: lineal jobs watch {}", job.job_id, job.job_id),
        _ => format!("job {} is {}", job.job_id, state(job)),
    })?;
    Ok(Exit::Done)
}

/// Prints a job that has ended; anything but a new version is an error.
pub(super) fn conclude(ctx: &Context, job: Job) -> Result<Exit, CliError> {
    if job.state() == JobState::Succeeded {
        return print(ctx, job);
    }
    let reason = if job.error.is_empty() { "the trainer gave no reason".to_owned() } else { job.error.clone() };
    Err(CliError::Job { state: state(&job), job_id: job.job_id, reason })
}

/// Prints a job as it is.
pub(super) fn print(ctx: &Context, job: Job) -> Result<Exit, CliError> {
    let answer = GetJobResponse { job: Some(job) };
    ctx.output.print(&answer, |style| answer.job.iter().map(|job| render(job, style)).collect())?;
    Ok(Exit::Done)
}

fn state(job: &Job) -> String {
    format::word(job.state().as_str_name(), "JOB_STATE_")
}

pub(super) fn render_list(answer: &ListJobsResponse, style: Style) -> String {
    let mut table = Table::new(style, &["JOB", "STATE", "MODEL", "FAMILY", "STEP", "VERSION", "CREATED", "ACTOR"]);
    for job in &answer.jobs {
        let spec = job.spec.clone().unwrap_or_default();
        table.add([
            cell(&job.job_id),
            match job.state() {
                JobState::Succeeded => good(state(job)),
                JobState::Failed => bad(state(job)),
                _ => cell(state(job)),
            },
            cell(spec.model),
            cell(spec.family),
            cell(step(job)),
            cell(format::number(job.version)),
            cell(format::time(job.create_time.as_ref())),
            cell(&job.actor),
        ]);
    }
    table.render() + &format::more(&answer.next_page_token)
}

fn render_attempts(answer: &ListJobAttemptsResponse, style: Style) -> String {
    let mut table = Table::new(style, &["ATTEMPT", "STATE", "REASON", "STARTED", "ENDED", "WORKER", "ERROR"]);
    for attempt in &answer.attempts {
        table.add([
            cell(attempt.number),
            cell(format::word(attempt.state().as_str_name(), "JOB_STATE_")),
            cell(reason(attempt.failure_reason())),
            cell(format::time(attempt.start_time.as_ref())),
            cell(format::time(attempt.end_time.as_ref())),
            cell(&attempt.worker),
            cell(attempt.error.lines().next().unwrap_or_default()),
        ]);
    }
    table.render() + &format::more(&answer.next_page_token)
}

fn reason(reason: JobFailureReason) -> String {
    match reason {
        JobFailureReason::Unspecified => String::new(),
        reason => format::word(reason.as_str_name(), "JOB_FAILURE_REASON_"),
    }
}

/// Where a running job is, e.g. `train 40%`.
fn step(job: &Job) -> String {
    if job.state() != JobState::Running || job.step.is_empty() {
        return String::new();
    }
    format!("{} {:.0}%", job.step, job.progress.clamp(0.0, 1.0) * 100.0)
}

/// How the rows were chosen, if they were too many.
fn sample(sample: &Sample) -> String {
    format!("{:.4} of {} rows, seed {}; never promoted by itself", sample.fraction, sample.source_rows, sample.seed)
}

fn render(job: &Job, style: Style) -> String {
    let spec = job.spec.clone().unwrap_or_default();
    let headline = match job.state() {
        JobState::Succeeded => format!("{} {} was made", spec.model, job.version),
        _ => format!("{} is {}", spec.model, state(job)),
    };
    let mut table = Table::headless(style);
    table.fact("job", &job.job_id);
    table.fact("family", &spec.family);
    table.fact("pipeline", &spec.pipeline_id);
    table.fact("node", &spec.node_id);
    table.fact("step", step(job));
    table.fact("sample", job.sample.as_ref().map(sample).unwrap_or_default());
    table.fact("run", &job.run_id);
    table.fact("digest", format::digest(&job.digest));
    table.fact("actor", &job.actor);
    table.fact("created", format::time(job.create_time.as_ref()));
    table.fact("started", format::time(job.start_time.as_ref()));
    table.fact("ended", format::time(job.end_time.as_ref()));
    for (name, value) in &job.hyperparameters {
        table.fact(name, format::value(Some(value)));
    }
    table.fact("reason", reason(job.failure_reason()));
    table.fact("error", &job.error);
    let metrics =
        if job.metrics.is_empty() { String::new() } else { format!("\n{}", format::metrics(style, &job.metrics)) };
    let next = match job.state() {
        JobState::Succeeded => format!("next: lineal validate {} {}\n", spec.model, job.version),
        JobState::Queued | JobState::Running => format!("next: lineal jobs watch {}\n", job.job_id),
        JobState::Suspended => format!("next: lineal jobs resume {}\n", job.job_id),
        JobState::Failed => format!("next: lineal jobs attempts {}\n", job.job_id),
        JobState::Unspecified | JobState::Cancelled => String::new(),
    };
    format!("{}\n{}{metrics}{next}", style.heading(&headline), table.render())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use lineal_proto::{lineal::trainer::v1::JobSpec, pbjson_types::Value};

    use super::*;

    #[test]
    fn a_finished_job_leads_to_the_next_command() {
        let job = Job {
            job_id: "j-1".to_owned(),
            state: JobState::Succeeded.into(),
            spec: Some(JobSpec {
                model: "churn".to_owned(),
                family: "gradient_boosting".to_owned(),
                ..JobSpec::default()
            }),
            version: 3,
            metrics: BTreeMap::from([("auc".to_owned(), 0.9123)]),
            sample: Some(Sample { fraction: 0.25, seed: 7, source_rows: 120_000 }),
            hyperparameters: BTreeMap::from([("learning_rate".to_owned(), Value::from(0.1))]),
            ..Job::default()
        };
        assert_eq!(
            render(&job, Style::default()),
            "churn 3 was made\n\
             job            j-1\n\
             family         gradient_boosting\n\
             sample         0.2500 of 120000 rows, seed 7; never promoted by itself\n\
             learning_rate  0.1\n\
             \n\
             METRIC  VALUE\n\
             auc     0.9123\n\
             next: lineal validate churn 3\n"
        );
    }
}
