//! Performance of versions over time.

use std::time::Duration;

use lineal_kernel::{FieldError, FieldErrors, PageRequest, Slot, Timestamp};
use lineal_proto::{lineal::registry::v1 as pb, pbjson_types};
use lineal_rpc::{caller_of, timestamp};
use tonic::{Request, Response, Status};

use super::{
    Grpc,
    fields::{self, checked},
    promotions::optional_number,
    status::{bad_request, from_error},
    tracking::moment,
};
use crate::domain::performance::{PerformanceBucket, PerformanceEntry, PerformancePoint, RecordPerformance, Window};

const MAX_POINTS: usize = 1000;
/// More observations than any value stands for; their sum still fits its column.
const MAX_COUNT: u64 = 1 << 40;
/// Sums of finite values times counts stay finite.
const MAX_VALUE: f64 = 1e200;
/// 2000-01-01T00:00:00Z
const EARLIEST: Timestamp = Timestamp::from_micros(946_684_800_000_000);
/// How far a clock may be ahead.
const AHEAD: Duration = Duration::from_hours(24);
const SHORTEST_STEP: Duration = Duration::from_millis(1);

#[tonic::async_trait]
impl pb::performance_service_server::PerformanceService for Grpc {
    async fn record_performance(
        &self,
        request: Request<pb::RecordPerformanceRequest>,
    ) -> Result<Response<pb::RecordPerformanceResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let wish = checked!({
            model: fields::model(&message.model),
            number: fields::number(message.number, "number"),
            slot: fields::slot(message.slot),
            points: points(message.points, self.0.clock.now().plus(AHEAD)),
            request_id: fields::request_id(&message.request_id),
        } => RecordPerformance { model, number, slot, points, request_id });
        self.0.record_performance(&caller, wish.map_err(bad_request)?).await.map_err(from_error)?;
        Ok(Response::new(pb::RecordPerformanceResponse {}))
    }

    async fn query_performance(
        &self,
        request: Request<pb::QueryPerformanceRequest>,
    ) -> Result<Response<pb::QueryPerformanceResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let query = query(&message);
        let (window, step, page) = checked!({
            page: PageRequest::new(message.page_size, &message.page_token, &query),
            step: step(message.step),
            window: window(message, self.0.clock.now()),
        } => (window, step, page))
        .map_err(bad_request)?;
        let mut answer = pb::QueryPerformanceResponse::default();
        let next = match step {
            None => {
                let found = self.0.performance(&caller, &window, &page).await.map_err(from_error)?;
                answer.entries = found.items.into_iter().map(entry).collect();
                found.next
            }
            Some(step) => {
                let found = self.0.performance_buckets(&caller, &window, step, &page).await.map_err(from_error)?;
                answer.buckets = found.items.into_iter().map(bucket).collect();
                found.next
            }
        };
        answer.next_page_token = fields::next(next, &query);
        Ok(Response::new(answer))
    }
}

/// What a page token belongs to: everything but the page.
fn query(message: &pb::QueryPerformanceRequest) -> String {
    let whole = pb::QueryPerformanceRequest { page_size: 0, page_token: String::new(), ..message.clone() };
    format!("{whole:?}")
}

fn points(points: Vec<pb::PerformancePoint>, latest: Timestamp) -> Result<Vec<PerformancePoint>, FieldErrors> {
    if !(1..=MAX_POINTS).contains(&points.len()) {
        return Err(FieldError::new("points", format!("1 to {MAX_POINTS}; send several batches")).into());
    }
    let mut errors = FieldErrors::default();
    let mut known = Vec::with_capacity(points.len());
    for (i, point) in points.into_iter().enumerate() {
        let path = |field: &str| format!("points[{i}].{field}");
        errors.check(fields::key(&point.metric, &path("metric")));
        let time = moment(point.time, &path("time")).and_then(|time| {
            let bounded = time.filter(|time| (EARLIEST..=latest).contains(time));
            bounded.ok_or_else(|| FieldError::new(path("time"), "is required, from the year 2000 to a day from now"))
        });
        if point.value.is_finite() && point.value.abs() > MAX_VALUE {
            errors.0.push(FieldError::new(path("value"), format!("{:e} is beyond {MAX_VALUE:e}", point.value)));
        }
        if point.count > MAX_COUNT {
            errors.0.push(FieldError::new(path("count"), format!("at most {MAX_COUNT}")));
        }
        let time = errors.check(time).unwrap_or(EARLIEST);
        known.push(PerformancePoint { metric: point.metric, time, value: point.value, count: point.count.max(1) });
    }
    errors.into_result(|| Some(known))
}

fn step(step: Option<pbjson_types::Duration>) -> Result<Option<Duration>, FieldError> {
    let Some(step) = step else { return Ok(None) };
    let length = Duration::try_from(step).ok().filter(|step| *step >= SHORTEST_STEP);
    length.map(Some).ok_or_else(|| FieldError::new("step", "is a millisecond or longer"))
}

fn window(message: pb::QueryPerformanceRequest, now: Timestamp) -> Result<Window, FieldErrors> {
    let start = moment(message.start_time, "start_time");
    let window = checked!({
        model: fields::model(&message.model),
        number: optional_number(message.number),
        slot: message.slot.map(|slot| fields::slot(slot.labels)).transpose(),
        metric: fields::key(&message.metric, "metric").map(|()| message.metric),
        start: start.and_then(|start| start.ok_or_else(|| FieldError::new("start_time", "is required"))),
        end: moment(message.end_time, "end_time"),
    } => Window { model, number, slot, metric, start, end: end.unwrap_or(now) })?;
    if window.end <= window.start {
        return Err(FieldError::new("end_time", "is not after start_time").into());
    }
    Ok(window)
}

fn entry(entry: PerformanceEntry) -> pb::PerformanceEntry {
    let PerformancePoint { metric, time, value, count } = entry.point;
    pb::PerformanceEntry {
        number: entry.number.get(),
        slot: Slot::labels(&entry.slot).clone(),
        point: Some(pb::PerformancePoint { metric, time: Some(timestamp(time)), value, count }),
    }
}

fn bucket(bucket: PerformanceBucket) -> pb::PerformanceBucket {
    let summary = bucket.summary;
    pb::PerformanceBucket {
        number: bucket.number.get(),
        slot: bucket.slot.labels().clone(),
        start_time: Some(timestamp(bucket.start)),
        points: bucket.points,
        count: bucket.count,
        min: summary.map(|summary| summary.min),
        max: summary.map(|summary| summary.max),
        mean: summary.map(|summary| summary.mean),
        last: summary.map(|summary| summary.last),
        not_finite: bucket.not_finite,
    }
}
