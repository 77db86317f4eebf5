//! The story of a promotion on the wire.

use std::time::Duration;

use lineal_kernel::Timestamp;
use lineal_proto::lineal::registry::v1::{self as pb, PromotionEventKind as Kind};
use lineal_rpc::{duration, timestamp};

use super::promotions;
use crate::{
    app::stories::News,
    domain::story::{Happening, PromotionEvent},
};

pub(super) fn news(news: News) -> pb::watch_promotion_response::News {
    match news {
        News::Event(event) => pb::watch_promotion_response::News::Event(convert(event)),
        News::Ended(promotion) => pb::watch_promotion_response::News::Promotion(promotions::convert(*promotion)),
    }
}

fn convert(event: PromotionEvent) -> pb::PromotionEvent {
    let mut told = pb::PromotionEvent {
        sequence: event.sequence,
        create_time: Some(timestamp(Timestamp::from_micros(event.created_us))),
        ..pb::PromotionEvent::default()
    };
    let mut answered = |kind: Kind, replica: String, micros: u64, problem: String| {
        told.kind = kind.into();
        told.replica = replica;
        told.duration = Some(duration(Duration::from_micros(micros)));
        told.problem = problem;
    };
    match event.what {
        Happening::Prepared { replica, micros } => answered(Kind::ReplicaPrepared, replica, micros, String::new()),
        Happening::Refused { replica, micros, problem } => answered(Kind::ReplicaRefused, replica, micros, problem),
        Happening::Reloaded { replica, micros } => answered(Kind::ReplicaReloaded, replica, micros, String::new()),
        Happening::Behind { replica, micros, problem } => answered(Kind::ReplicaBehind, replica, micros, problem),
        Happening::Began { replicas } => (told.kind, told.replicas) = (Kind::Began.into(), replicas),
        Happening::Committed { generation } => (told.kind, told.generation) = (Kind::Committed.into(), generation),
    }
    told
}
