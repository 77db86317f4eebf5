//! Following a run until it ends, across broken connections.

use std::{collections::BTreeMap, time::Duration};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use lineal_proto::lineal::trainer::v1::{
    GetPipelineRunRequest, Pipeline, PipelineEvent, PipelineRun, PipelineStep, PipelineStepState,
    WatchPipelineRunRequest,
};
use tonic::Status;

use super::{client, render};
use crate::cli::{
    context::Context,
    error::CliError,
    format,
    output::{Output, printable},
    watch::{WAITS_MS, is_lost},
};

/// The run as it is now.
pub(super) async fn get(ctx: &Context, run_id: &str) -> Result<PipelineRun, CliError> {
    let request = GetPipelineRunRequest { pipeline_run_id: run_id.to_owned() };
    let answer = ctx.trainer.call(client(ctx).get_pipeline_run(request)).await?;
    ctx.trainer.present(answer.pipeline_run, "run")
}

/// Shows what happens until the run has ended and returns what became of it. Ctrl-C stops the watch, not the run.
pub(super) async fn follow(ctx: &Context, pipeline: &Pipeline, run: PipelineRun) -> Result<PipelineRun, CliError> {
    let id = run.pipeline_run_id.clone();
    let mut display = Display::new(ctx.output, pipeline, &run);
    let watched = tokio::select! {
        watched = events(ctx, &run, |event| display.show(event)) => watched,
        _ = tokio::signal::ctrl_c() => Err(CliError::LeftRun { run_id: id.clone() }),
    };
    display.clear();
    watched?;
    get(ctx, &id).await
}

/// All events after those the run had already, until it has ended.
async fn events(ctx: &Context, run: &PipelineRun, mut show: impl FnMut(&PipelineEvent)) -> Result<(), CliError> {
    let mut seen = run.last_sequence;
    let mut waits = WAITS_MS.iter();
    loop {
        let before = seen;
        let Err(status) = read(ctx, &run.pipeline_run_id, &mut seen, &mut show).await else { return Ok(()) };
        if seen > before {
            waits = WAITS_MS.iter();
        }
        match waits.next() {
            Some(wait) if is_lost(&status) => tokio::time::sleep(Duration::from_millis(*wait)).await,
            _ => return Err(ctx.trainer.failed(status)),
        }
    }
}

/// Reads one stream to its end, keeping the last sequence number in `seen`.
async fn read(ctx: &Context, id: &str, seen: &mut u64, show: &mut impl FnMut(&PipelineEvent)) -> Result<(), Status> {
    let request = WatchPipelineRunRequest { pipeline_run_id: id.to_owned(), after_sequence: *seen };
    let mut stream = client(ctx).watch_pipeline_run(request).await?.into_inner();
    while let Some(message) = stream.message().await? {
        let Some(event) = message.event else { continue };
        *seen = event.sequence;
        show(&event);
    }
    Ok(())
}

/// Progress goes to the standard error; the standard output is for the answer.
enum Display {
    Tree { lines: BTreeMap<String, ProgressBar>, screen: MultiProgress },
    Lines,
    Silent,
}

impl Display {
    fn new(output: Output, pipeline: &Pipeline, run: &PipelineRun) -> Self {
        if output.is_json() {
            return Self::Silent;
        }
        if !output.is_live() {
            return Self::Lines;
        }
        let screen = MultiProgress::new();
        let tree = render::tree(pipeline);
        let width = tree.iter().map(|(depth, node)| render::name(*depth, node).len()).max().unwrap_or(0);
        let mut lines = BTreeMap::new();
        for (depth, node) in tree {
            let Some(step) = run.steps.iter().find(|step| step.node_id == node.id) else { continue };
            let line = screen.add(ProgressBar::new_spinner());
            line.set_prefix(format!("{:width$}", printable(&render::name(depth, node))));
            draw(&line, step);
            lines.insert(node.id.clone(), line);
        }
        Self::Tree { lines, screen }
    }

    fn show(&mut self, event: &PipelineEvent) {
        match self {
            Self::Tree { lines, .. } => {
                if let Some((step, line)) = event.step.as_ref().and_then(|step| Some((step, lines.get(&step.node_id)?)))
                {
                    draw(line, step);
                }
            }
            Self::Lines => eprintln!("{}", line(event)),
            Self::Silent => {}
        }
    }

    fn clear(&self) {
        if let Self::Tree { screen, .. } = self {
            // A screen that cannot be cleared is of no interest any more.
            let _ = screen.clear();
        }
    }
}

/// One step on its line; a clock runs while it does.
fn draw(line: &ProgressBar, step: &PipelineStep) {
    let running = step.state() == PipelineStepState::Running;
    let template = if running { "{prefix}  {spinner} {msg} {elapsed}" } else { "{prefix}    {msg}" };
    if let Ok(style) = ProgressStyle::with_template(template) {
        line.set_style(style);
    }
    let (version, detail) = render::result(step);
    let words = [render::word(step), render::took(step), version, printable(&detail)];
    line.set_message(words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join("  "));
    if running {
        line.reset_elapsed();
        line.enable_steady_tick(Duration::from_millis(100));
    } else {
        line.disable_steady_tick();
        line.tick();
    }
}

fn line(event: &PipelineEvent) -> String {
    let node = event.step.as_ref().map_or("", |step| &step.node_id);
    format!("{}  {:16}  {}", format::time(event.create_time.as_ref()), printable(node), printable(&event.message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let step = Some(PipelineStep { node_id: "churn".to_owned(), ..PipelineStep::default() });
        let create_time = Some(lineal_proto::pbjson_types::Timestamp { seconds: 1_736_951_422, nanos: 0 });
        let event = PipelineEvent { create_time, step, message: "churn 3 was made".to_owned(), ..Default::default() };
        assert_eq!(line(&event), "2025-01-15T14:30:22Z  churn             churn 3 was made");
    }
}
