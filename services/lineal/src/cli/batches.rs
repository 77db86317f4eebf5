//! `lineal batches`

use lineal_proto::lineal::{
    inference::v1::{CancelScoreRequest, batch_service_client::BatchServiceClient},
    registry::v1::{
        GetScoringBatchRequest, ListScoringBatchesRequest, ScoringBatch, SlotFilter,
        scoring_batch_service_client::ScoringBatchServiceClient,
    },
};

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, Table, cell},
    request::{PageArgs, SlotArgs},
};

/// `lineal batches`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal batches churn")]
pub(super) struct Args {
    /// The model
    model: String,
    /// Show this batch [default: list all]
    batch: Option<String>,
    /// Stop the batch; scoring it again goes on with it
    #[arg(long, requires = "batch")]
    cancel: bool,
    #[command(flatten)]
    slot: SlotArgs,
    #[command(flatten)]
    page: PageArgs,
}

/// Lists, shows or stops batches.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let model = args.model.clone();
    let done = match args.batch.clone() {
        None => list(args, ctx).await,
        Some(batch_id) if args.cancel => cancel(args.model, batch_id, ctx).await,
        Some(batch_id) => show(args.model, batch_id, ctx).await,
    };
    done.map_err(|error| error.about(&model, ""))?;
    Ok(Exit::Done)
}

async fn list(args: Args, ctx: &Context) -> Result<(), CliError> {
    let slot = (!args.slot.slot.is_default()).then(|| SlotFilter { labels: args.slot.slot.labels().clone() });
    let request = ListScoringBatchesRequest {
        model: args.model,
        slot,
        page_size: args.page.limit,
        page_token: args.page.page_token,
    };
    let mut client = ScoringBatchServiceClient::new(ctx.registry.peer());
    let answer = ctx.registry.call(client.list_scoring_batches(request)).await?;
    ctx.output.print(&answer, |style| render(&answer.batches, &answer.next_page_token, style))
}

async fn show(model: String, batch_id: String, ctx: &Context) -> Result<(), CliError> {
    let mut client = ScoringBatchServiceClient::new(ctx.registry.peer());
    let answer = ctx.registry.call(client.get_scoring_batch(GetScoringBatchRequest { model, batch_id })).await?;
    let batch = ctx.registry.present(answer.batch.as_ref(), "batch")?;
    ctx.output.print(&answer, |style| facts(batch, style))
}

async fn cancel(model: String, batch_id: String, ctx: &Context) -> Result<(), CliError> {
    let mut client = BatchServiceClient::new(ctx.inference.peer());
    let request = CancelScoreRequest { model, batch_id };
    let answer = ctx.inference.call(client.cancel_score(request)).await?;
    ctx.output.print(&answer, |_| "it stops\n".to_owned())
}

fn render(batches: &[ScoringBatch], next_page_token: &str, style: Style) -> String {
    let mut table = Table::new(style, &["BATCH", "SLOT", "VERSION", "ROWS", "MEDIAN", "MEAN", "PSI", "FINISHED"]);
    for batch in batches {
        table.add([
            cell(&batch.batch_id),
            cell(format::slot(&batch.slot)),
            cell(batch.number),
            cell(batch.rows),
            cell(quantile(batch, 0.5)),
            cell(batch.distribution.as_ref().map(|it| format::metric(it.mean)).unwrap_or_default()),
            cell(psi(batch)),
            cell(format::time(batch.finish_time.as_ref())),
        ]);
    }
    table.render() + &format::more(next_page_token)
}

/// A stored quantile; empty for a level that is not stored.
fn quantile(batch: &ScoringBatch, level: f64) -> String {
    let quantiles = batch.distribution.iter().flat_map(|distribution| &distribution.quantiles);
    let mut found = quantiles.filter(|quantile| (quantile.level - level).abs() < 1e-9);
    found.next().map(|quantile| format::metric(quantile.score)).unwrap_or_default()
}

fn psi(batch: &ScoringBatch) -> String {
    batch.psi.map_or_else(|| "-".to_owned(), format::metric)
}

fn facts(batch: &ScoringBatch, style: Style) -> String {
    let mut table = Table::headless(style);
    table.fact("batch", &batch.batch_id);
    table.fact("slot", format::slot(&batch.slot));
    table.fact("version", format!("{} {}, found in generation {}", batch.model, batch.number, batch.generation));
    table.fact("rows", batch.rows.to_string());
    table.fact("files", batch.parts.to_string());
    table.fact("input", &batch.input);
    table.fact("digest", format::digest(&batch.input_digest));
    table.fact("folder", &batch.output);
    table.fact("manifest", format::digest(&batch.manifest_digest));
    table.fact("replica", &batch.replica);
    table.fact("started", format::time(batch.start_time.as_ref()));
    table.fact("finished", format::time(batch.finish_time.as_ref()));
    let labels = batch.label_counts.iter().map(|(label, count)| format!("{label}={count}"));
    table.fact("labels", labels.collect::<Vec<_>>().join(" "));
    if batch.previous_batch_id.is_empty() {
        table.fact("psi", "no batch before it");
    } else {
        table.fact("psi", format!("{} against {}", psi(batch), batch.previous_batch_id));
    }
    let mut quantiles = Table::new(style, &["LEVEL", "SCORE"]);
    for quantile in batch.distribution.iter().flat_map(|distribution| &distribution.quantiles) {
        quantiles.add([cell(quantile.level), cell(format::metric(quantile.score))]);
    }
    format!("{}\n{}", table.render(), quantiles.render())
}

#[cfg(test)]
mod tests {
    use lineal_proto::lineal::registry::v1::{ScoreDistribution, ScoreQuantile};

    use super::*;

    #[test]
    fn a_batch_is_one_line() {
        // F132
        let quantiles = vec![ScoreQuantile { level: 0.5, score: 0.25 }];
        let distribution = ScoreDistribution { quantiles, mean: 0.3, ..ScoreDistribution::default() };
        let batch = |id: &str, psi| ScoringBatch {
            batch_id: id.to_owned(),
            number: 3,
            rows: 10_000,
            distribution: Some(distribution.clone()),
            psi,
            ..ScoringBatch::default()
        };
        assert_eq!(
            render(&[batch("b-2", Some(0.0123)), batch("b-1", None)], "", Style::default()),
            "BATCH  SLOT     VERSION  ROWS   MEDIAN  MEAN    PSI     FINISHED\n\
             b-2    default  3        10000  0.2500  0.3000  0.0123\n\
             b-1    default  3        10000  0.2500  0.3000  -\n"
        );
    }
}
