//! Following a job until it ends, across broken connections.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use lineal_proto::lineal::trainer::v1::{
    GetJobRequest, Job, JobEvent, JobState, WatchJobRequest, job_service_client::JobServiceClient,
};
use tonic::{Code, Status};

use super::{
    context::{Context, Service},
    error::CliError,
    format,
    output::{Output, printable},
};

/// Waits before each new connection; after the last one the watch is given up. Every event that arrives starts them anew.
pub(super) const WAITS_MS: [u64; 6] = [0, 250, 500, 1000, 2000, 4000];

/// Shows the job's events until it has ended and returns what became of it. Ctrl-C stops the watch, not the job.
pub(super) async fn follow(ctx: &Context, job_id: &str) -> Result<Job, CliError> {
    let mut display = Display::new(ctx.output);
    // If it cannot be asked, the watch says why.
    let newest = get(ctx, job_id).await.map_or(0, |job| job.last_sequence);
    let watch = events(&ctx.trainer, job_id, |event| {
        display.show(event);
        if let Some(hint) = next_step(job_id, event, newest) {
            display.tell(&hint);
        }
    });
    let watched = tokio::select! {
        watched = watch => watched,
        _ = tokio::signal::ctrl_c() => Err(CliError::Interrupted { job_id: job_id.to_owned() }),
    };
    display.clear();
    watched?;
    get(ctx, job_id).await
}

/// The job as it is now.
pub(super) async fn get(ctx: &Context, job_id: &str) -> Result<Job, CliError> {
    let request = GetJobRequest { job_id: job_id.to_owned() };
    let answer = ctx.trainer.call(JobServiceClient::new(ctx.trainer.peer()).get_job(request)).await?;
    ctx.trainer.present(answer.job, "job")
}

async fn events(trainer: &Service, job_id: &str, mut show: impl FnMut(&JobEvent)) -> Result<(), CliError> {
    let mut seen = 0;
    let mut waits = WAITS_MS.iter();
    loop {
        let before = seen;
        let Err(status) = read(trainer, job_id, &mut seen, &mut show).await else { return Ok(()) };
        if seen > before {
            waits = WAITS_MS.iter();
        }
        match waits.next() {
            Some(wait) if is_lost(&status) => tokio::time::sleep(Duration::from_millis(*wait)).await,
            _ => return Err(trainer.failed(status)),
        }
    }
}

/// Reads one stream to the event that ends the job, keeping the last sequence number in `seen`.
async fn read(trainer: &Service, job_id: &str, seen: &mut u64, show: &mut impl FnMut(&JobEvent)) -> Result<(), Status> {
    let request = WatchJobRequest { job_id: job_id.to_owned(), after_sequence: *seen };
    let mut stream = JobServiceClient::new(trainer.peer()).watch_job(request).await?.into_inner();
    while let Some(message) = stream.message().await? {
        let Some(event) = message.event else { continue };
        *seen = event.sequence;
        show(&event);
        if is_final(event.state()) {
            return Ok(());
        }
    }
    Err(Status::unavailable("the stream ended before the job did"))
}

/// Whether the connection broke, as opposed to the service saying no.
pub(super) fn is_lost(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled)
}

fn is_final(state: JobState) -> bool {
    matches!(state, JobState::Succeeded | JobState::Failed | JobState::Cancelled)
}

/// Progress goes to the standard error; the standard output is for the answer.
enum Display {
    Bar(ProgressBar),
    Lines { last: String },
    Silent,
}

impl Display {
    fn new(output: Output) -> Self {
        if output.is_json() {
            Self::Silent
        } else if output.is_live() {
            let bar = ProgressBar::new(1000);
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix:16} {bar:24} {elapsed} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            Self::Bar(bar)
        } else {
            Self::Lines { last: String::new() }
        }
    }

    fn show(&mut self, event: &JobEvent) {
        match self {
            Self::Bar(bar) => {
                bar.set_prefix(stage(event));
                bar.set_position((event.progress.clamp(0.0, 1.0) * 1000.0) as u64);
                bar.set_message(printable(&event.message));
                if is_remark(event) {
                    bar.println(line(event));
                }
            }
            Self::Lines { last } => {
                let stage = stage(event);
                if *last != stage || is_remark(event) {
                    eprintln!("{}", line(event));
                    *last = stage;
                }
            }
            Self::Silent => {}
        }
    }

    fn clear(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }

    /// Stays on the screen, whatever comes.
    fn tell(&self, text: &str) {
        match self {
            Self::Bar(bar) => bar.suspend(|| eprintln!("{text}")),
            Self::Lines { .. } | Self::Silent => eprintln!("{text}"),
        }
    }
}

/// What to do for a job that does not go on by itself; events before the `newest` one are past.
fn next_step(job_id: &str, event: &JobEvent, newest: u64) -> Option<String> {
    let waits = event.state() == JobState::Suspended && event.sequence >= newest;
    waits.then(|| format!("it is suspended and waits; next: lineal jobs resume {}", printable(job_id)))
}

/// The step, or the state between steps.
fn stage(event: &JobEvent) -> String {
    if event.step.is_empty() { format::word(event.state().as_str_name(), "JOB_STATE_") } else { printable(&event.step) }
}

/// Whether it says what came of a step, e.g. that the rows are a sample, and not only how far it is.
fn is_remark(event: &JobEvent) -> bool {
    event.state() == JobState::Running && event.progress >= 1.0 && !event.message.is_empty()
}

fn line(event: &JobEvent) -> String {
    let text =
        format!("{}  {:14}  {}", format::time(event.create_time.as_ref()), stage(event), printable(&event.message));
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        sync::{Arc, Mutex},
    };

    use clap::Parser;
    use lineal_proto::lineal::trainer::v1::{
        CancelJobRequest, CancelJobResponse, CreateJobRequest, CreateJobResponse, GetJobResponse,
        ListJobAttemptsRequest, ListJobAttemptsResponse, ListJobsRequest, ListJobsResponse, ResumeJobRequest,
        ResumeJobResponse, SuspendJobRequest, SuspendJobResponse, WatchJobResponse,
        job_service_server::{JobService, JobServiceServer},
    };
    use lineal_rpc::{Health, ServerConfig};
    use tokio::net::TcpListener;
    use tokio_stream::Stream;
    use tokio_util::sync::CancellationToken;
    use tonic::{Request, Response, service::Routes};

    use super::*;
    use crate::cli::{Cli, Exit};

    /// A trainer whose streams break after every second event.
    #[derive(Clone, Default)]
    struct Flaky {
        asked_after: Arc<Mutex<Vec<u64>>>,
    }

    type Answer<T> = Result<Response<T>, Status>;

    #[tonic::async_trait]
    impl JobService for Flaky {
        type WatchJobStream = Pin<Box<dyn Stream<Item = Result<WatchJobResponse, Status>> + Send>>;

        async fn watch_job(&self, request: Request<WatchJobRequest>) -> Answer<Self::WatchJobStream> {
            let after = request.into_inner().after_sequence;
            self.asked_after.lock().unwrap().push(after);
            let event = |sequence| {
                let state = if sequence == 5 { JobState::Succeeded } else { JobState::Running };
                let event = JobEvent { sequence, state: state.into(), ..JobEvent::default() };
                Ok(WatchJobResponse { event: Some(event) })
            };
            let mut events: Vec<_> = (after + 1..=5).take(2).map(event).collect();
            events.push(Err(Status::unavailable("going away")));
            Ok(Response::new(Box::pin(tokio_stream::iter(events))))
        }

        async fn get_job(&self, request: Request<GetJobRequest>) -> Answer<GetJobResponse> {
            let job_id = request.into_inner().job_id;
            if job_id != "7" {
                return Err(Status::not_found("no such job"));
            }
            let job = Job { job_id, state: JobState::Failed.into(), error: "no rows".to_owned(), ..Job::default() };
            Ok(Response::new(GetJobResponse { job: Some(job) }))
        }

        async fn create_job(&self, _: Request<CreateJobRequest>) -> Answer<CreateJobResponse> {
            Err(Status::unimplemented(""))
        }

        async fn list_jobs(&self, _: Request<ListJobsRequest>) -> Answer<ListJobsResponse> {
            Err(Status::unimplemented(""))
        }

        async fn list_job_attempts(&self, _: Request<ListJobAttemptsRequest>) -> Answer<ListJobAttemptsResponse> {
            Err(Status::unimplemented(""))
        }

        async fn suspend_job(&self, _: Request<SuspendJobRequest>) -> Answer<SuspendJobResponse> {
            Err(Status::unimplemented(""))
        }

        async fn resume_job(&self, _: Request<ResumeJobRequest>) -> Answer<ResumeJobResponse> {
            Err(Status::unimplemented(""))
        }

        async fn cancel_job(&self, _: Request<CancelJobRequest>) -> Answer<CancelJobResponse> {
            Err(Status::unimplemented(""))
        }
    }

    async fn serve(trainer: Flaky) -> (String, CancellationToken) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let routes = Routes::new(JobServiceServer::new(trainer));
        let until = stop.clone();
        tokio::spawn(async move {
            lineal_rpc::serve(listener, routes, &Health::default(), &ServerConfig::default(), until).await
        });
        (address, stop)
    }

    fn context(address: &str) -> Context {
        Context::new(&Cli::parse_from(["lineal", "-o", "json", "models", "--address", address]).global).unwrap()
    }

    #[tokio::test]
    async fn a_broken_stream_goes_on_where_it_stopped() {
        let trainer = Flaky::default();
        let (address, stop) = serve(trainer.clone()).await;
        let mut shown = vec![];
        events(&context(&address).trainer, "7", |event| shown.push(event.sequence)).await.unwrap();
        assert_eq!(shown, [1, 2, 3, 4, 5]);
        assert_eq!(*trainer.asked_after.lock().unwrap(), [0, 2, 4]);
        stop.cancel();
    }

    #[tokio::test]
    async fn a_job_that_ended_without_a_version_fails_the_command() {
        let (address, stop) = serve(Flaky::default()).await;
        let run = |words: &str| Cli::parse_from(format!("lineal {words} --address {address} -o json").split(' ')).run();
        let error = run("jobs watch 7").await.unwrap_err();
        assert_eq!(error.exit(), Exit::Failed);
        assert_eq!(error.text(), "error: job 7 failed: no rows\nnext: lineal jobs show 7\n");
        assert_eq!(run("jobs show 8").await.unwrap_err().exit(), Exit::NotFound);
        assert_eq!(get(&context(&address), "7").await.unwrap().error, "no rows");
        stop.cancel();
    }

    #[test]
    fn who_watches_a_suspended_job_hears_how_it_goes_on() {
        // X7
        let event = |state: JobState| JobEvent { sequence: 4, state: state.into(), ..JobEvent::default() };
        let hint = next_step("7", &event(JobState::Suspended), 4);
        assert_eq!(hint.as_deref(), Some("it is suspended and waits; next: lineal jobs resume 7"));
        assert_eq!(next_step("7", &event(JobState::Suspended), 5), None, "it was resumed since");
        assert_eq!(next_step("7", &event(JobState::Queued), 4), None);
    }

    #[test]
    fn what_came_of_a_step_is_a_remark_and_its_progress_is_none() {
        // F75
        let event = |progress, message: &str| JobEvent {
            state: JobState::Running.into(),
            progress,
            message: message.to_owned(),
            ..JobEvent::default()
        };
        assert!(is_remark(&event(1.0, "sampled: 3000 rows are too many")));
        assert!(!is_remark(&event(0.57, "57 of 100")) && !is_remark(&event(1.0, "")));
        assert!(!is_remark(&JobEvent { state: JobState::Succeeded.into(), ..event(1.0, "made version 3") }));
    }

    #[test]
    fn a_step_is_one_line() {
        let event = JobEvent {
            create_time: Some(lineal_proto::pbjson_types::Timestamp { seconds: 1_736_951_422, nanos: 0 }),
            state: JobState::Running.into(),
            step: "train".to_owned(),
            message: "4000 rows".to_owned(),
            ..JobEvent::default()
        };
        assert_eq!(line(&event), "2025-01-15T14:30:22Z  train           4000 rows");
    }
}
