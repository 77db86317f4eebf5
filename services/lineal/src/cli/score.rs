//! `lineal score`

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use lineal_proto::lineal::inference::v1::{
    FileFormat, FinishedBatch, ScoreRequest, ScoringProgress, ScoringStage, batch_service_client::BatchServiceClient,
};

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Output, Style, Table},
    request::SlotArgs,
    source::Format,
};

/// Lines of progress are this far apart where nobody looks at a terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// `lineal score`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  lineal score churn customers.parquet --out scores --batch-id 2026-01-31 --key account_id"
)]
pub(super) struct Args {
    /// The model
    model: String,
    /// The file of rows: a path, or a url that the inference service can read
    input: String,
    /// The folder of predictions, with a folder for each model and batch: a path, or a url [default: as the model's settings say]
    #[arg(long, value_name = "DIR")]
    out: Option<String>,
    /// The name of the batch; under one name, one file is scored once
    #[arg(long, value_name = "ID")]
    batch_id: String,
    /// A column that goes into the predictions as it is; may be given several times [default: as the model's settings say, else rows are numbered]
    #[arg(long, value_name = "COLUMN")]
    key: Vec<String>,
    /// A number or @alias [default: the champion]
    #[arg(long, value_name = "VERSION", default_value = "", hide_default_value = true)]
    model_version: String,
    /// What the file is [default: by its name]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Rows of one file of predictions [default: as the model's settings say, else 262144]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    rows_per_part: Option<u64>,
    #[command(flatten)]
    slot: SlotArgs,
}

impl Args {
    fn request(self) -> Result<ScoreRequest, CliError> {
        let format = match self.format {
            None => FileFormat::Unspecified,
            Some(Format::Csv) => FileFormat::Csv,
            Some(Format::Parquet) => FileFormat::Parquet,
        };
        Ok(ScoreRequest {
            model: self.model,
            slot: self.slot.slot.labels().clone(),
            model_version: self.model_version,
            batch_id: self.batch_id,
            input: place(&self.input)?,
            format: format.into(),
            output: self.out.as_deref().map(place).transpose()?.unwrap_or_default(),
            key_columns: self.key,
            rows_per_part: self.rows_per_part.unwrap_or_default(),
        })
    }
}

/// Scores a file and shows how far it is. Ctrl-C stops the batch; the same command goes on with it.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let request = args.request()?;
    let model = request.model.clone();
    let mut client = BatchServiceClient::new(ctx.inference.peer());
    let answer = ctx.inference.call(client.score(request)).await;
    let mut stream = answer.map_err(|error| error.about(&model, ""))?;
    let mut display = Display::new(ctx.output);
    let mut finished = None;
    loop {
        let next = stream.message().await.map_err(|status| ctx.inference.failed(status).about(&model, ""));
        let Some(message) = next.inspect_err(|_| display.clear())? else { break };
        if let Some(progress) = &message.progress {
            display.show(progress);
        }
        finished = message.batch.or(finished);
    }
    display.clear();
    let batch = ctx.inference.present(finished, "batch")?;
    ctx.output.print(&batch, |style| render(&batch, style))?;
    Ok(Exit::Done)
}

/// A path as the service sees it, whatever its own folder is; urls stay as they are.
fn place(text: &str) -> Result<String, CliError> {
    if text.contains("://") {
        return Ok(text.to_owned());
    }
    let path = std::path::absolute(text).map_err(|source| CliError::File { path: text.to_owned(), source })?;
    Ok(path.display().to_string())
}

fn render(batch: &FinishedBatch, style: Style) -> String {
    let mut table = Table::headless(style);
    table.fact("batch", &batch.batch_id);
    table.fact("version", format!("{} {}", batch.model, batch.version));
    table.fact("rows", batch.rows.to_string());
    table.fact("files", batch.parts.to_string());
    table.fact("folder", &batch.output);
    let labels = batch.label_counts.iter().map(|(label, count)| format!("{label}={count}"));
    table.fact("labels", labels.collect::<Vec<_>>().join(" "));
    table.fact("psi", batch.psi.map(format::metric).unwrap_or_default());
    if batch.replayed {
        table.fact("note", "an earlier call finished it; nothing was written");
    }
    if batch.parts_resumed > 0 {
        table.fact("resumed", format!("{} files of an earlier attempt were whole", batch.parts_resumed));
    }
    if batch.champion_now > 0 {
        let (began, now) = (batch.version, batch.champion_now);
        table.fact("champion", format!("now version {now}; the batch kept version {began}, with which it began"));
    }
    table.render()
}

/// Progress goes to the standard error; the standard output is for the answer.
enum Display {
    Bar(ProgressBar),
    Lines { last: Option<(i32, Instant)> },
    Silent,
}

impl Display {
    fn new(output: Output) -> Self {
        if output.is_json() {
            return Self::Silent;
        }
        if !output.is_live() {
            return Self::Lines { last: None };
        }
        let bar = ProgressBar::new(0);
        if let Ok(style) =
            ProgressStyle::with_template("{spinner} {prefix:10} {bar:24} {pos}/{len} {elapsed} {wide_msg}")
        {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self::Bar(bar)
    }

    fn show(&mut self, progress: &ScoringProgress) {
        match self {
            Self::Bar(bar) => {
                bar.set_length(progress.rows);
                bar.set_position(progress.rows_done);
                bar.set_prefix(stage(progress));
                bar.set_message(speed(progress));
            }
            Self::Lines { last } => {
                let due = last.is_none_or(|(stage, at)| stage != progress.stage || at.elapsed() >= LINE_EVERY);
                if due {
                    eprintln!("{}", line(progress));
                    *last = Some((progress.stage, Instant::now()));
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
}

fn stage(progress: &ScoringProgress) -> String {
    format::word(ScoringStage::as_str_name(&progress.stage()), "SCORING_STAGE_")
}

fn speed(progress: &ScoringProgress) -> String {
    if progress.version == 0 {
        return String::new();
    }
    format!(
        "{} files by version {}, {:.0} rows a second",
        progress.parts_done, progress.version, progress.rows_per_second
    )
}

fn line(progress: &ScoringProgress) -> String {
    let text = format!("{:10} {}/{} rows, {}", stage(progress), progress.rows_done, progress.rows, speed(progress));
    text.trim_end_matches([',', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Alone {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn flags_reach_the_request_and_paths_are_whole() {
        let words = "score churn rows.csv --out s3://b/scores --batch-id b-1 --key a --key b --model-version @canary \
                     --format parquet --rows-per-part 10 --slot region=eu";
        let args = Alone::parse_from(words.split_whitespace()).args;
        let request = args.request().unwrap();
        assert!(request.input.ends_with("/rows.csv") && request.input.starts_with('/'), "{}", request.input);
        assert_eq!((request.output.as_str(), request.batch_id.as_str()), ("s3://b/scores", "b-1"));
        assert_eq!((request.key_columns.len(), request.rows_per_part, request.format()), (2, 10, FileFormat::Parquet));
        assert_eq!((request.model_version.as_str(), request.slot["region"].as_str()), ("@canary", "eu"));
    }

    #[test]
    fn what_became_of_a_batch_is_told() {
        let batch = FinishedBatch {
            batch_id: "b-1".to_owned(),
            model: "churn".to_owned(),
            version: 3,
            rows: 10,
            parts: 2,
            output: "/scores/churn/b-1".to_owned(),
            label_counts: [("leaves".to_owned(), 1), ("stays".to_owned(), 9)].into(),
            psi: Some(0.0123),
            parts_resumed: 1,
            champion_now: 4,
            ..FinishedBatch::default()
        };
        assert_eq!(
            render(&batch, Style::default()),
            "batch     b-1\nversion   churn 3\nrows      10\nfiles     2\nfolder    /scores/churn/b-1\n\
             labels    leaves=1 stays=9\npsi       0.0123\nresumed   1 files of an earlier attempt were whole\n\
             champion  now version 4; the batch kept version 3, with which it began\n"
        );
    }

    #[test]
    fn progress_is_one_line() {
        let progress = ScoringProgress {
            stage: ScoringStage::Scoring.into(),
            version: 3,
            rows: 100,
            rows_done: 40,
            parts_done: 4,
            rows_per_second: 1234.5,
        };
        assert_eq!(line(&progress), "scoring    40/100 rows, 4 files by version 3, 1234 rows a second");
        let waiting = ScoringProgress { stage: ScoringStage::Waiting.into(), ..ScoringProgress::default() };
        assert_eq!(line(&waiting), "waiting    0/0 rows");
    }
}
