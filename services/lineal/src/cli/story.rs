//! Showing a promotion as it happens, across broken connections.

use std::{pin::pin, time::Duration};

use lineal_proto::lineal::registry::v1::{
    Promotion, PromotionEvent, PromotionEventKind as Kind, WatchPromotionRequest,
    promotion_service_client::PromotionServiceClient, watch_promotion_response::News,
};
use tonic::{Code, Status};

use super::{
    context::{Context, Service},
    error::CliError,
    format,
    output::printable,
    watch::{WAITS_MS, is_lost},
};

/// Between two looks for the promotion of a call that has yet to begin it.
const PAUSE: Duration = Duration::from_millis(100);

/// Waits for the answer to the call with this key and shows meanwhile what happens. What cannot be shown does not keep the call from
/// being answered.
pub(super) async fn shown<T>(
    ctx: &Context,
    request_id: &str,
    call: impl Future<Output = Result<T, CliError>>,
) -> Result<T, CliError> {
    if ctx.output.is_json() {
        return call.await;
    }
    let mut call = pin!(call);
    let request = WatchPromotionRequest { request_id: request_id.to_owned(), ..WatchPromotionRequest::default() };
    tokio::select! {
        answer = &mut call => answer,
        () = watch_call(&ctx.registry, request, tell) => call.await,
    }
}

/// Shows a promotion to its end and returns what became of it.
pub(super) async fn follow(ctx: &Context, promotion_id: &str) -> Result<Promotion, CliError> {
    let show = if ctx.output.is_json() { |_: &PromotionEvent| {} } else { tell };
    let request = WatchPromotionRequest { promotion_id: promotion_id.to_owned(), ..WatchPromotionRequest::default() };
    events(&ctx.registry, request, show).await
}

async fn watch_call(registry: &Service, mut request: WatchPromotionRequest, mut show: impl FnMut(&PromotionEvent)) {
    loop {
        match read(registry, &mut request, &mut show).await {
            Err(status) if is_lost(&status) || status.code() == Code::NotFound => tokio::time::sleep(PAUSE).await,
            Ok(_) | Err(_) => return,
        }
    }
}

async fn events(
    registry: &Service,
    mut request: WatchPromotionRequest,
    mut show: impl FnMut(&PromotionEvent),
) -> Result<Promotion, CliError> {
    let mut waits = WAITS_MS.iter();
    loop {
        let before = request.after_sequence;
        let status = match read(registry, &mut request, &mut show).await {
            Ok(promotion) => return Ok(promotion),
            Err(status) => status,
        };
        if request.after_sequence > before {
            waits = WAITS_MS.iter();
        }
        match waits.next() {
            Some(wait) if is_lost(&status) => tokio::time::sleep(Duration::from_millis(*wait)).await,
            _ => return Err(registry.failed(status)),
        }
    }
}

/// Reads one stream to the end of the promotion, keeping the last sequence number in the request.
async fn read(
    registry: &Service,
    request: &mut WatchPromotionRequest,
    show: &mut impl FnMut(&PromotionEvent),
) -> Result<Promotion, Status> {
    let mut client = PromotionServiceClient::new(registry.peer());
    let mut stream = client.watch_promotion(request.clone()).await?.into_inner();
    while let Some(message) = stream.message().await? {
        match message.news {
            Some(News::Event(event)) => {
                request.after_sequence = event.sequence;
                show(&event);
            }
            Some(News::Promotion(promotion)) => return Ok(promotion),
            None => {}
        }
    }
    Err(Status::unavailable("the stream ended before the promotion did"))
}

/// Progress goes to the standard error; the standard output is for the answer.
fn tell(event: &PromotionEvent) {
    eprintln!("{}", line(event));
}

fn line(event: &PromotionEvent) -> String {
    let (replica, took) = (&event.replica, format::millis(event.duration.as_ref()));
    let what = match event.kind() {
        Kind::Began if event.replicas.is_empty() => "there is no replica to ask".to_owned(),
        Kind::Began => format!("asking {}", event.replicas.join(", ")),
        Kind::ReplicaPrepared => format!("{replica} has prepared it ({took})"),
        Kind::ReplicaRefused => format!("{replica} refused: {} ({took})", event.problem),
        Kind::Committed => format!("the champion has moved: generation {}", event.generation),
        Kind::ReplicaReloaded => format!("{replica} has switched ({took})"),
        Kind::ReplicaBehind => format!("{replica} is behind: {} ({took})", event.problem),
        Kind::Unspecified => "something that this release does not know".to_owned(),
    };
    format!("{}  {}", format::time(event.create_time.as_ref()), printable(&what))
}

#[cfg(test)]
mod tests {
    use lineal_proto::pbjson_types::{Duration, Timestamp};

    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let event = |kind: Kind| PromotionEvent {
            kind: kind.into(),
            create_time: Some(Timestamp { seconds: 1_736_951_422, nanos: 0 }),
            replica: "r1".to_owned(),
            duration: Some(Duration { seconds: 0, nanos: 12_300_000 }),
            problem: "disk\nfull".to_owned(),
            generation: 7,
            replicas: vec!["r1".to_owned(), "r2".to_owned()],
            ..PromotionEvent::default()
        };
        let told = [
            (Kind::Began, "asking r1, r2"),
            (Kind::ReplicaPrepared, "r1 has prepared it (12.3 ms)"),
            (Kind::ReplicaRefused, "r1 refused: disk full (12.3 ms)"),
            (Kind::Committed, "the champion has moved: generation 7"),
            (Kind::ReplicaReloaded, "r1 has switched (12.3 ms)"),
            (Kind::ReplicaBehind, "r1 is behind: disk full (12.3 ms)"),
        ];
        for (kind, text) in told {
            assert_eq!(line(&event(kind)), format!("2025-01-15T14:30:22Z  {text}"));
        }
    }
}
