//! `lineal train`

use std::{path::PathBuf, time::Duration};

use lineal_kernel::{Digest, Timestamp};
use lineal_proto::{
    lineal::{
        registry::v1::Settings,
        trainer::v1::{
            CreateJobRequest, DataSource, JobSchedule, JobSpec, ResampleMethod, Resampling, SourceFormat, Task,
            Upstream, job_service_client::JobServiceClient,
        },
    },
    pbjson_types::Value,
};
use lineal_rpc::artifacts;

use super::{
    context::Context,
    error::{CliError, Exit},
    format, jobs, parse,
    request::{ChangeArgs, SlotArgs},
    settings::SettingsArgs,
    source::{Format, read, stem},
    watch,
};

/// `lineal train`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  lineal train churn.csv --model churn --label churn --set learning_rate=0.05 --seed 7"
)]
pub(super) struct Args {
    /// The rows: a CSV file with a header, or a Parquet file
    file: PathBuf,
    /// The registered model that gets the new version [default: the one that the settings name]
    #[arg(long, value_name = "NAME", required_unless_present = "settings")]
    model: Option<String>,
    #[command(flatten)]
    settings: SettingsArgs,
    /// The column to predict; left out for members of chains
    #[arg(long, value_name = "COLUMN", default_value = "", hide_default_value = true)]
    label: String,
    /// A version whose answers are learned from; without a number the champion; can be given many times
    #[arg(long, value_name = "MODEL[/VERSION]", value_parser = upstream)]
    upstream: Vec<Upstream>,
    /// Format of the file [default: by its extension]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Name of the dataset [default: as the settings say, else the file's name without extension]
    #[arg(long, value_name = "NAME")]
    dataset: Option<String>,
    /// What to predict [default: what the label's values and the family suggest]
    #[arg(long, value_enum)]
    task: Option<Kind>,
    /// A column that says how much each row counts in the fit; never a feature
    #[arg(long, value_name = "COLUMN", default_value = "", hide_default_value = true)]
    weight: String,
    /// The label's value that counts as 1 [default: yes, true or 1]
    #[arg(long, value_name = "VALUE", default_value = "", hide_default_value = true)]
    positive: String,
    /// A column that is not a feature; can be given many times
    #[arg(long, value_name = "COLUMN")]
    exclude: Vec<String>,
    #[command(flatten)]
    slot: SlotArgs,
    /// Longest time of one attempt, e.g. 10m
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    max_runtime: Option<Duration>,
    /// Return once the job is queued
    #[arg(long)]
    detach: bool,
    #[command(flatten)]
    change: ChangeArgs,
    // Last, because their help headings stay in force.
    #[command(flatten)]
    queue: QueueArgs,
    #[command(flatten)]
    recipe: RecipeArgs,
    #[command(flatten)]
    notes: NoteArgs,
}

/// When to train, and what goes before it.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Queue")]
struct QueueArgs {
    /// Greater ones run first, -1000 to 1000
    #[arg(long, value_name = "N", default_value_t = 0, allow_hyphen_values = true)]
    priority: i32,
    /// How often it is tried if the registry is away or a process dies [default: 3]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    max_attempts: u32,
    /// Do not start before this time, e.g. 2026-01-15T06:00:00Z
    #[arg(long, value_name = "TIME", value_parser = parse::time)]
    not_before: Option<Timestamp>,
    /// Fail if it has not started by this time
    #[arg(long, value_name = "TIME", value_parser = parse::time)]
    start_by: Option<Timestamp>,
    /// Fail if it has not ended by this time
    #[arg(long, value_name = "TIME", value_parser = parse::time)]
    finish_by: Option<Timestamp>,
    /// The pipeline it works for
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true, requires = "node")]
    pipeline: String,
    /// The node of the pipeline; it has one active job at a time
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true, requires = "pipeline")]
    node: String,
    /// Train although the node has an active job
    #[arg(long)]
    rerun: bool,
}

impl QueueArgs {
    fn schedule(&self) -> Option<JobSchedule> {
        let schedule = JobSchedule {
            priority: self.priority,
            max_attempts: self.max_attempts,
            not_before_time: self.not_before.map(lineal_rpc::timestamp),
            start_by_time: self.start_by.map(lineal_rpc::timestamp),
            finish_by_time: self.finish_by.map(lineal_rpc::timestamp),
        };
        (schedule != JobSchedule::default()).then_some(schedule)
    }
}

/// How to train.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Recipe")]
struct RecipeArgs {
    /// What to fit; `lineal families` lists them [default: as the settings say, else gradient_boosting]
    #[arg(long, value_name = "FAMILY")]
    family: Option<String>,
    /// A hyperparameter; can be given many times
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse::setting)]
    set: Vec<(String, Value)>,
    /// Makes the training repeatable [default: as the settings say, else 0]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Make the classes of the train rows equally large: repeat rows of smaller ones, or leave out rows of larger ones
    #[arg(long, value_enum)]
    resample: Option<Resample>,
    /// Name of the split [default: the champion's, else v1]
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    split_version: String,
    /// Name of the feature set [default: the champion's, else v1]
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    feature_version: String,
    /// Name of the model definition [default: after family and hyperparameters]
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    model_version: String,
    /// Share of rows for the reference set of a new split [default: 0.2]
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, hide_default_value = true)]
    reference_fraction: f64,
    /// Share of the training rows that say when to stop, with early_stopping_rounds [default: 0.1]
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, hide_default_value = true)]
    stopping_fraction: f64,
    /// Score from which on a row gets the positive label [default: 0.5]
    #[arg(long, value_name = "SCORE", default_value_t = 0.0, hide_default_value = true)]
    threshold: f64,
}

/// Ways to make classes equally large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Resample {
    Over,
    Under,
}

impl From<Resample> for ResampleMethod {
    fn from(method: Resample) -> Self {
        match method {
            Resample::Over => Self::Over,
            Resample::Under => Self::Under,
        }
    }
}

/// What to write down beside it.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Notes")]
struct NoteArgs {
    /// Experiment the run belongs to
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    experiment: String,
    /// What this training is for
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    description: String,
    /// A tag; can be given many times
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse::pair)]
    tag: Vec<(String, String)>,
    /// Commit of your code, kept with the run and every prediction
    #[arg(long, value_name = "SHA", default_value = "", hide_default_value = true)]
    git_sha: String,
}

/// `goals` or `goals/3`.
fn upstream(text: &str) -> Result<Upstream, String> {
    let (model, number) = text.split_once('/').unwrap_or((text, "0"));
    let number = number.parse().map_err(|_| format!("`{number}` is no version number"))?;
    Ok(Upstream { model: model.to_owned(), number })
}

/// What can be predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    Binary,
    Multiclass,
    Regression,
    Count,
}

impl From<Kind> for Task {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Binary => Self::Binary,
            Kind::Multiclass => Self::Multiclass,
            Kind::Regression => Self::Regression,
            Kind::Count => Self::Count,
        }
    }
}

/// Uploads the file, creates the job and follows it.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let format = args.source_format()?;
    let content = read(&args.file)?;
    let request_id = args.change.request_id();
    let settings = args.settings.fetch(ctx, args.model.as_deref(), &request_id).await?;
    let size = content.len() as u64;
    let registry = ctx.registry.peer();
    let digest = artifacts::upload(&registry, content).await.map_err(|status| ctx.registry.failed(status))?;
    if !ctx.output.is_json() {
        eprintln!("uploaded {} ({}, {})", args.file.display(), format::size(size), digest.short());
    }
    let (detach, rerun) = (args.detach, args.queue.rerun);
    let spec = args.spec(digest, format, settings);
    let model = spec.model.clone();
    let request = CreateJobRequest { spec: Some(spec), request_id: request_id.clone(), rerun };
    let answer = ctx.trainer.call(JobServiceClient::new(ctx.trainer.peer()).create_job(request)).await;
    let answer = answer.map_err(|error| error.about(&model, "").of_request(&request_id))?;
    let job = ctx.trainer.present(answer.job, "job")?;
    if detach {
        return jobs::print(ctx, job);
    }
    let job = watch::follow(ctx, &job.job_id).await?;
    jobs::conclude(ctx, job)
}

impl Args {
    fn source_format(&self) -> Result<Format, CliError> {
        Format::of(&self.file, self.format)
    }

    /// What neither flags nor settings say has a default of the command line.
    fn spec(self, digest: Digest, format: Format, settings: Option<Settings>) -> JobSpec {
        let (use_settings, settings) = (settings.is_some(), settings.unwrap_or_default());
        let known = settings.training.unwrap_or_default();
        let unsaid = |known: &str, default: String| if known.is_empty() { default } else { String::new() };
        let dataset = self.dataset.unwrap_or_else(|| unsaid(&known.dataset, stem(&self.file)));
        let family = self.recipe.family.unwrap_or_else(|| unsaid(&known.family, "gradient_boosting".to_owned()));
        let source = DataSource { dataset, digest: digest.to_string(), format: SourceFormat::from(format).into() };
        let resampling = self.recipe.resample.map(ResampleMethod::from);
        let seed = self.recipe.seed.unwrap_or(known.seed);
        JobSpec {
            schedule: self.queue.schedule(),
            resampling: resampling.map(|method| Resampling { method: method.into(), seed }),
            pipeline_id: self.queue.pipeline,
            node_id: self.queue.node,
            model: self.model.unwrap_or(settings.model),
            slot: self.slot.slot.labels().clone(),
            source: Some(source),
            label_column: self.label,
            positive_class: self.positive,
            exclude_columns: self.exclude,
            family,
            hyperparameters: self.recipe.set.into_iter().collect(),
            split_version: self.recipe.split_version,
            feature_version: self.recipe.feature_version,
            model_version: self.recipe.model_version,
            reference_fraction: self.recipe.reference_fraction,
            seed,
            threshold: self.recipe.threshold,
            experiment: self.notes.experiment,
            description: self.notes.description,
            tags: self.notes.tag.into_iter().collect(),
            git_sha: self.notes.git_sha,
            max_runtime: self.max_runtime.map(lineal_rpc::duration),
            task: self.task.map_or(Task::Unspecified, Task::from).into(),
            weight_column: self.weight,
            stopping_fraction: self.recipe.stopping_fraction,
            upstreams: self.upstream,
            use_settings,
            settings_digest: settings.digest,
            classes: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use lineal_proto::lineal::registry::v1::TrainingSettings;

    use super::*;

    #[derive(Parser)]
    struct Alone {
        #[command(flatten)]
        args: Args,
    }

    fn args(words: &str) -> Args {
        Alone::parse_from(format!("train {words}").split(' ')).args
    }

    #[test]
    fn blanks_are_left_to_the_trainer() {
        let spec = args("data/churn.csv --model churn --label churn").spec(Digest::of(b"rows"), Format::Csv, None);
        let source = DataSource {
            dataset: "churn".to_owned(),
            digest: Digest::of(b"rows").to_string(),
            format: SourceFormat::Csv.into(),
        };
        let expected = JobSpec {
            model: "churn".to_owned(),
            label_column: "churn".to_owned(),
            family: "gradient_boosting".to_owned(),
            source: Some(source),
            ..JobSpec::default()
        };
        assert_eq!(spec, expected);
    }

    #[test]
    fn settings_leave_blank_what_they_say() {
        // F88
        let known = TrainingSettings { dataset: "customers".to_owned(), ..TrainingSettings::default() };
        let settings = Settings {
            model: "churn".to_owned(),
            digest: "sha256:0a".to_owned(),
            training: Some(known),
            ..Settings::default()
        };
        let spec = args("rows.csv --settings churn.toml").spec(Digest::of(b""), Format::Csv, Some(settings.clone()));
        assert_eq!((spec.model.as_str(), spec.family.as_str()), ("churn", "gradient_boosting"));
        assert_eq!(spec.source.unwrap().dataset, "");
        assert_eq!((spec.use_settings, spec.settings_digest.as_str()), (true, "sha256:0a"));
        let words = "rows.csv --model churn --use-settings --dataset d --family ridge";
        let spec = args(words).spec(Digest::of(b""), Format::Csv, Some(settings));
        assert_eq!((spec.source.unwrap().dataset.as_str(), spec.family.as_str()), ("d", "ridge"));
        assert!(Alone::try_parse_from(["train", "rows.csv"]).is_err());
        assert!(Alone::try_parse_from(["train", "rows.csv", "--use-settings"]).is_err());
    }

    #[test]
    fn flags_reach_the_specification() {
        let words = "rows.parquet --model m --label y --family random_forest --set trees=50 --set criterion=gini \
                     --dataset d --positive yes --exclude id --exclude phone --slot b=2,a=1 --seed 7 --threshold 0.4 \
                     --reference-fraction 0.3 --split-version v2 --tag team=growth --git-sha abc --max-runtime 10m \
                     --upstream goals --upstream draws/3 --task count --weight w --stopping-fraction 0.2 --resample under \
                      --priority -3 --finish-by 2026-01-15T06:00:00Z --pipeline p --node n";
        let args = args(&words.split_whitespace().collect::<Vec<_>>().join(" "));
        assert_eq!(args.source_format().unwrap(), Format::Parquet);
        let spec = args.spec(Digest::of(b""), Format::Parquet, None);
        assert_eq!((spec.task(), spec.weight_column.as_str(), spec.stopping_fraction), (Task::Count, "w", 0.2));
        assert_eq!(spec.hyperparameters["trees"], Value::from(50.0));
        assert_eq!(spec.hyperparameters["criterion"], Value::from("gini"));
        let upstreams: Vec<_> = spec.upstreams.iter().map(|one| (one.model.as_str(), one.number)).collect();
        assert_eq!(upstreams, [("goals", 0), ("draws", 3)]);
        assert_eq!(spec.exclude_columns, ["id", "phone"]);
        assert_eq!(spec.slot.into_iter().collect::<Vec<_>>()[0], ("a".to_owned(), "1".to_owned()));
        assert_eq!((spec.seed, spec.threshold, spec.reference_fraction), (7, 0.4, 0.3));
        assert_eq!((spec.split_version.as_str(), spec.git_sha.as_str()), ("v2", "abc"));
        assert_eq!(spec.tags["team"], "growth");
        assert_eq!(spec.max_runtime.map(|time| time.seconds), Some(600));
        assert_eq!(spec.resampling, Some(Resampling { method: ResampleMethod::Under.into(), seed: 7 }));
        let schedule = spec.schedule.unwrap();
        assert_eq!((schedule.priority, schedule.max_attempts, schedule.start_by_time), (-3, 0, None));
        assert_eq!(schedule.finish_by_time.map(|time| time.seconds), Some(1_768_456_800));
        assert_eq!((spec.pipeline_id.as_str(), spec.node_id.as_str()), ("p", "n"));
    }
}
