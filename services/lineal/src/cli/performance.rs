//! `lineal performance`

use std::time::Duration;

use lineal_kernel::{Clock, Slot, SystemClock, Timestamp};
use lineal_proto::lineal::registry::v1::{
    PerformanceBucket, PerformanceEntry, QueryPerformanceRequest, QueryPerformanceResponse, SlotFilter,
    performance_service_client::PerformanceServiceClient,
};

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, Table, cell},
    parse,
    request::PageArgs,
};

/// `lineal performance`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal performance churn --metric auc --last 24h --step 1h")]
pub(super) struct Args {
    /// The model
    model: String,
    /// What was measured
    #[arg(long, value_name = "NAME", default_value = "auc")]
    metric: String,
    /// How far to look back, e.g. 90s, 10m, 24h
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = parse::duration)]
    last: Duration,
    /// Sum up the points of each step, e.g. 1h
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    step: Option<Duration>,
    /// Only this version
    #[arg(long, value_name = "NUMBER", default_value_t = 0, hide_default_value = true)]
    number: u64,
    /// Only this slot, e.g. regime=trending; an empty text is the default slot [default: every slot]
    #[arg(long, value_name = "K=V,K=V", value_parser = parse::slot)]
    slot: Option<Slot>,
    #[command(flatten)]
    page: PageArgs,
}

/// Shows a metric over time.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let now = SystemClock.now();
    let start = Timestamp::from_micros(now.micros().saturating_sub(args.last.as_micros() as i64));
    let request = QueryPerformanceRequest {
        model: args.model.clone(),
        number: args.number,
        slot: args.slot.map(|slot| SlotFilter { labels: slot.labels().clone() }),
        metric: args.metric,
        start_time: Some(lineal_rpc::timestamp(start)),
        end_time: Some(lineal_rpc::timestamp(now)),
        step: args.step.map(lineal_rpc::duration),
        page_size: args.page.limit,
        page_token: args.page.page_token,
    };
    let answer = ctx.registry.call(PerformanceServiceClient::new(ctx.registry.peer()).query_performance(request)).await;
    let answer = answer.map_err(|error| error.about(&args.model, ""))?;
    let summed = args.step.is_some();
    ctx.output.print(&answer, |style| render(&answer, summed, style))?;
    Ok(Exit::Done)
}

fn render(answer: &QueryPerformanceResponse, summed: bool, style: Style) -> String {
    let table = if summed { buckets(&answer.buckets, style) } else { entries(&answer.entries, style) };
    table.render() + &format::more(&answer.next_page_token)
}

fn entries(entries: &[PerformanceEntry], style: Style) -> Table {
    let mut table = Table::new(style, &["TIME", "VERSION", "SLOT", "VALUE", "COUNT"]);
    for entry in entries {
        let point = entry.point.clone().unwrap_or_default();
        table.add([
            cell(format::time(point.time.as_ref())),
            cell(entry.number),
            cell(format::slot(&entry.slot)),
            cell(format::metric(point.value)),
            cell(point.count),
        ]);
    }
    table
}

fn buckets(buckets: &[PerformanceBucket], style: Style) -> Table {
    let mut table = Table::new(style, &["FROM", "VERSION", "SLOT", "POINTS", "MIN", "MEAN", "MAX", "LAST"]);
    let value = |value: Option<f64>| cell(value.map_or_else(|| "-".to_owned(), format::metric));
    for bucket in buckets {
        table.add([
            cell(format::time(bucket.start_time.as_ref())),
            cell(bucket.number),
            cell(format::slot(&bucket.slot)),
            cell(bucket.points),
            value(bucket.min),
            value(bucket.mean),
            value(bucket.max),
            value(bucket.last),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use lineal_proto::pbjson_types;

    use super::*;

    #[test]
    fn a_bucket_is_one_line_and_without_values_has_dashes() {
        let start_time = Some(pbjson_types::Timestamp { seconds: 1_736_951_422, nanos: 0 });
        let full = PerformanceBucket {
            number: 3,
            start_time,
            points: 60,
            min: Some(0.8),
            mean: Some(0.81),
            max: Some(0.82),
            last: Some(0.805),
            ..PerformanceBucket::default()
        };
        let empty = PerformanceBucket { number: 3, start_time, not_finite: 1, ..PerformanceBucket::default() };
        let answer = QueryPerformanceResponse { buckets: vec![full, empty], ..QueryPerformanceResponse::default() };
        assert_eq!(
            render(&answer, true, Style::default()),
            "FROM                  VERSION  SLOT     POINTS  MIN     MEAN    MAX     LAST\n\
             2025-01-15T14:30:22Z  3        default  60      0.8000  0.8100  0.8200  0.8050\n\
             2025-01-15T14:30:22Z  3        default  0       -       -       -       -\n"
        );
    }
}
