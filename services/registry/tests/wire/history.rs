//! Who was champion when.

use std::time::Duration;

use lineal_proto::{
    lineal::registry::v1::{self as pb, get_champion_at_response::Occupant},
    pbjson_types::Timestamp,
};
use tonic::Code;

use crate::fixture::{Bench, Refusal, demote};

/// The first moment of a bench.
const START: i64 = 1_736_951_422;

async fn at(bench: &Bench, seconds: i64) -> Occupant {
    let time = Some(Timestamp { seconds, nanos: 0 });
    let request = pb::GetChampionAtRequest { model: "churn".into(), time, ..Default::default() };
    bench.history_service().get_champion_at(request).await.unwrap().into_inner().occupant.unwrap()
}

fn champion(occupant: &Occupant) -> u64 {
    match occupant {
        Occupant::Reign(reign) => reign.number,
        Occupant::Vacancy(_) => 0,
    }
}

async fn an_eventful_minute() -> Bench {
    let bench = Bench::start().await;
    bench.candidate("churn").await;
    bench.clock.advance(Duration::from_secs(10));
    bench.promote("churn", 1).await.unwrap();
    bench.clock.advance(Duration::from_secs(10));
    bench.crown("churn").await;
    bench.clock.advance(Duration::from_secs(10));
    bench.rollback("churn").await.unwrap();
    bench.clock.advance(Duration::from_secs(10));
    bench.promotion_service().demote(demote("churn")).await.unwrap();
    bench.clock.advance(Duration::from_secs(10));
    bench
}

#[tokio::test]
async fn every_moment_says_who_was_champion_or_that_nobody_was() {
    let bench = an_eventful_minute().await;
    let mut champions = Vec::new();
    for seconds in [0, 9, 10, 19, 20, 29, 30, 39, 40, 49] {
        champions.push(champion(&at(&bench, START + seconds).await));
    }
    assert_eq!(champions, [0, 0, 1, 1, 2, 2, 1, 1, 0, 0]);
    let moment = |seconds| Some(Timestamp { seconds: START + seconds, nanos: 0 });
    let before = pb::Vacancy { start_time: None, end_time: moment(10) };
    assert_eq!(at(&bench, START).await, Occupant::Vacancy(before));
    let after = pb::Vacancy { start_time: moment(40), end_time: None };
    assert_eq!(at(&bench, START + 45).await, Occupant::Vacancy(after));

    let Occupant::Reign(reign) = at(&bench, START + 25).await else { panic!("version 2 was champion") };
    assert_eq!((reign.start_time, reign.end_time), (moment(20), moment(30)));
    assert_eq!((reign.generation, reign.end_generation), (2, 3));
    assert_eq!((reign.begun_by(), reign.ended_by()), (pb::PromotionKind::Promote, pb::PromotionKind::Rollback));
    assert_eq!((reign.actor.as_str(), reign.reason.as_str()), ("ada", "better"));
    assert_eq!(bench.promotion(&reign.promotion_id).await.to_number, 2);
}

#[tokio::test]
async fn reigns_come_latest_first_in_whole_pages() {
    let bench = an_eventful_minute().await;
    let mut seen = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = pb::ListReignsRequest { model: "churn".into(), page_size: 2, page_token, ..Default::default() };
        let page = bench.history_service().list_reigns(request).await.unwrap().into_inner();
        seen.extend(page.reigns.iter().map(|reign| (reign.number, reign.generation, reign.begun_by())));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let (promote, rollback) = (pb::PromotionKind::Promote, pb::PromotionKind::Rollback);
    assert_eq!(seen, [(1, 3, rollback), (2, 2, promote), (1, 1, promote)]);
}

#[tokio::test]
async fn the_future_and_unknown_models_have_no_history() {
    let bench = an_eventful_minute().await;
    let time = Some(Timestamp { seconds: START + 3600, nanos: 0 });
    let request = pb::GetChampionAtRequest { model: "churn".into(), time, ..Default::default() };
    assert_eq!(Refusal::of(bench.history_service().get_champion_at(request).await).fields, ["time"]);
    let request = pb::ListReignsRequest { model: "nobody".into(), ..Default::default() };
    let refused = Refusal::of(bench.history_service().list_reigns(request).await);
    assert_eq!((refused.code, refused.reason.as_str()), (Code::NotFound, "MODEL_NOT_FOUND"));
    let now = pb::GetChampionAtRequest { model: "churn".into(), ..Default::default() };
    let now = bench.history_service().get_champion_at(now).await.unwrap().into_inner();
    assert!(matches!(now.occupant, Some(Occupant::Vacancy(_))));
}
