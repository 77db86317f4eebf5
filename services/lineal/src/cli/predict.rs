//! `lineal predict`

use std::{
    fs::File,
    io::{self, Read},
};

use lineal_kernel::{AliasName, Slot};
use lineal_proto::{
    inference::{
        ModelMetadataRequest, grpc_inference_service_client::GrpcInferenceServiceClient,
        model_metadata_response::TensorMetadata,
    },
    lineal::inference::v1::{
        Pedigree, PredictRequest, PredictResponse, prediction_service_client::PredictionServiceClient,
    },
};

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, Table, cell, printable},
    parse,
    request::{SlotArgs, resolve},
    rows::Rows,
};

/// `lineal predict`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  lineal predict churn --file churn.csv --limit 5\n  lineal predict churn --file churn.csv --alias canary"
)]
pub(super) struct Args {
    /// The model
    model: String,
    #[command(flatten)]
    source: Source,
    /// At most this many rows
    #[arg(long, value_name = "N", default_value_t = 1000)]
    limit: usize,
    #[command(flatten)]
    asked: Asked,
    #[command(flatten)]
    slot: SlotArgs,
}

/// Which version is asked.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct Asked {
    /// Ask the version with this number or label [default: the one that the slot's traffic brings, mostly the champion]
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// Ask the version that this alias points at
    #[arg(long, value_name = "NAME", value_parser = parse::alias)]
    alias: Option<AliasName>,
}

impl Asked {
    /// The version as a request names it.
    async fn name(&self, model: &str, slot: &Slot, ctx: &Context) -> Result<String, CliError> {
        match (&self.version, &self.alias) {
            (Some(version), _) => Ok(resolve(ctx, model, version, slot).await?.to_string()),
            (None, Some(alias)) => Ok(format!("@{alias}")),
            (None, None) => Ok(String::new()),
        }
    }
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// A CSV file with a header; - for the standard input
    #[arg(long, value_name = "FILE")]
    file: Option<String>,
    /// One row: column=value,column=value
    #[arg(long, value_name = "PAIRS")]
    row: Option<String>,
    /// A JSON object or an array of objects; - for the standard input
    #[arg(long, value_name = "JSON")]
    json: Option<String>,
}

impl Source {
    fn read(&self, limit: usize) -> Result<Rows, CliError> {
        match (&self.file, &self.row, self.json.as_deref()) {
            (Some(path), _, _) if path == "-" => Rows::from_csv(io::stdin().lock(), limit),
            (Some(path), _, _) => {
                let file = File::open(path).map_err(|source| CliError::File { path: path.clone(), source })?;
                Rows::from_csv(file, limit)
            }
            (None, Some(pairs), _) => Rows::from_pairs(pairs),
            (None, None, Some("-")) => {
                let mut text = String::new();
                let read = io::stdin().lock().read_to_string(&mut text);
                read.map_err(|source| CliError::File { path: "-".to_owned(), source })?;
                Rows::from_json(&text, limit)
            }
            (None, None, Some(text)) => Rows::from_json(text, limit),
            (None, None, None) => Err(CliError::usage("give rows with --file, --row or --json")),
        }
    }
}

/// Scores rows with the champion of the slot, or with the version that is asked for.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let rows = args.source.read(args.limit)?;
    let version = args.asked.name(&args.model, &args.slot.slot, ctx).await?;
    let columns = if args.slot.slot.is_default() {
        rows.columns(&signature(&args.model, &version, ctx).await?)?
    } else {
        // The protocol that describes signatures knows no slots.
        rows.guessed_columns()
    };
    let request = PredictRequest {
        model: args.model.clone(),
        slot: args.slot.slot.labels().clone(),
        columns,
        version: version.clone(),
        ..PredictRequest::default()
    };
    let answer = ctx.inference.call(PredictionServiceClient::new(ctx.inference.peer()).predict(request)).await;
    let answer = answer.map_err(|error| error.about(&args.model, &version))?;
    ctx.output.print(&answer, |style| render(&answer, style))?;
    Ok(Exit::Done)
}

/// The raw columns of a version in the default slot; without one, of the champion.
async fn signature(model: &str, version: &str, ctx: &Context) -> Result<Vec<TensorMetadata>, CliError> {
    let request = ModelMetadataRequest { name: model.to_owned(), version: version.to_owned() };
    let answer =
        ctx.inference.call(GrpcInferenceServiceClient::new(ctx.inference.peer()).model_metadata(request)).await;
    Ok(answer.map_err(|error| error.about(model, version))?.inputs)
}

fn render(answer: &PredictResponse, style: Style) -> String {
    let mut table = Table::new(style, &["ROW", "SCORE", "LABEL"]);
    for (row, scores) in answer.scores.chunks(answer.answers.len().max(1)).enumerate() {
        let label = answer.labels.get(row).map_or("", String::as_str);
        table.add([cell(row + 1), cell(numbers(&answer.answers, scores)), cell(label)]);
    }
    table.render() + &answer.pedigree.as_ref().map(pedigree).unwrap_or_default()
}

/// One score as it is, several with their names.
fn numbers(names: &[String], scores: &[f64]) -> String {
    match scores {
        [score] => format!("{score:.6}"),
        _ => names.iter().zip(scores).map(|(name, score)| format!("{name} {score:.6}")).collect::<Vec<_>>().join(", "),
    }
}

fn pedigree(pedigree: &Pedigree) -> String {
    let Pedigree { model, version, label, generation, replica, prediction_id, .. } = pedigree;
    let digest = format::digest(&pedigree.digest);
    let line = format!("by {model} {version} ({label}, {digest}), generation {generation}, replica {replica}");
    format!("{}\nprediction {prediction_id}\nnext: lineal explain {prediction_id}\n", printable(&line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_says_where_it_comes_from() {
        // F133
        let answer = PredictResponse {
            scores: vec![0.25, 0.75],
            labels: vec!["no".to_owned(), "yes".to_owned()],
            answers: vec!["yes".to_owned()],
            pedigree: Some(Pedigree {
                prediction_id: "churn:3:g7:1736951422000000:r1:0000beef".to_owned(),
                model: "churn".to_owned(),
                version: 3,
                label: "gradient_boosting-20250115-143022".to_owned(),
                digest: "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".to_owned(),
                generation: 7,
                replica: "r1".to_owned(),
                ..Pedigree::default()
            }),
            ..PredictResponse::default()
        };
        assert_eq!(
            render(&answer, Style::default()),
            "ROW  SCORE     LABEL\n\
             1    0.250000  no\n\
             2    0.750000  yes\n\
             by churn 3 (gradient_boosting-20250115-143022, e3b0c44298fc), generation 7, replica r1\n\
             prediction churn:3:g7:1736951422000000:r1:0000beef\n\
             next: lineal explain churn:3:g7:1736951422000000:r1:0000beef\n"
        );
    }
}
