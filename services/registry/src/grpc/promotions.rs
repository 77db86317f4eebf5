//! Moves of champions.

use std::{pin::Pin, time::Duration};

use futures::{Stream, StreamExt as _};
use lineal_kernel::{FieldError, PageRequest, Slot, Timestamp, VersionNumber};
use lineal_proto::{lineal::registry::v1 as pb, pbjson_types};
use lineal_rpc::{caller_of, duration, timestamp};
use tonic::{Request, Response, Status};

use super::{
    Grpc, aliases, bakes,
    fields::{self, checked},
    status::{bad_request, from_error},
    story,
};
use crate::{
    app::stories::Wanted,
    domain::{
        chains::Member,
        lineage::Recipe,
        moves::{Demote, Promote, Rollback},
        promotion::{
            CancelPromotion, Promotion, PromotionFilter, PromotionKind, PromotionState, ReloadPolicy, ReplicaOutcome,
            Trigger,
        },
    },
};

/// Bounds of `prepare_timeout`. The call has to be answered before the listener gives it up.
const SHORTEST_PREPARE: Duration = Duration::from_millis(1);
const LONGEST_PREPARE: Duration = Duration::from_mins(4);

#[tonic::async_trait]
impl pb::promotion_service_server::PromotionService for Grpc {
    async fn plan_promotion(
        &self,
        request: Request<pb::PlanPromotionRequest>,
    ) -> Result<Response<pb::PlanPromotionResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let wish = checked!({
            model: fields::model(&message.model),
            slot: fields::slot(message.slot),
            number: fields::number(message.number, "number"),
            request_id: fields::request_id(""),
        } => Promote {
            model, slot, number, request_id,
            expected: None, report_id: None, policy: ReloadPolicy::All, prepare_timeout: None, reason: String::new(),
            bake: None, allow_sampled: message.allow_sampled,
        })
        .map_err(bad_request)?;
        let plan = self.0.plan_promotion(&caller, &wish).await.map_err(from_error)?;
        Ok(Response::new(pb::PlanPromotionResponse {
            from_number: plan.from.map_or(0, VersionNumber::get),
            to_number: plan.to.get(),
            generation: plan.generation,
            replicas: plan.replicas,
            blockers: plan.blockers,
            defaults: Some(defaults(plan.recipe)),
            members: plan.members.into_iter().map(chain_move).collect(),
        }))
    }

    async fn promote(&self, request: Request<pb::PromoteRequest>) -> Result<Response<pb::PromoteResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let report_id = Some(message.report_id).filter(|id| !id.is_empty());
        let wish = checked!({
            model: fields::model(&message.model),
            slot: fields::slot(message.slot),
            number: fields::number(message.number, "number"),
            policy: policy(message.policy, message.quorum),
            prepare_timeout: prepare_timeout(message.prepare_timeout),
            reason: why(message.reason, message.allow_sampled),
            bake: bakes::plan(message.bake),
            request_id: fields::request_id(&message.request_id),
        } => Promote {
            model, slot, number, report_id, policy, prepare_timeout, reason, bake, request_id,
            expected: message.expected_champion, allow_sampled: message.allow_sampled,
        });
        let promotion = self.0.promote(&caller, wish.map_err(bad_request)?).await.map_err(from_error)?;
        let promotion = self.shown(&caller, vec![promotion]).await.map_err(from_error)?.pop();
        Ok(Response::new(pb::PromoteResponse { promotion }))
    }

    async fn rollback(&self, request: Request<pb::RollbackRequest>) -> Result<Response<pb::RollbackResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let wish = checked!({
            model: fields::model(&message.model),
            slot: fields::slot(message.slot),
            number: optional_number(message.number),
            policy: policy(message.policy, message.quorum),
            prepare_timeout: prepare_timeout(message.prepare_timeout),
            reason: fields::reason(message.reason),
            trigger: trigger(message.trigger),
            evidence: fields::metrics(message.evidence, "evidence"),
            request_id: fields::request_id(&message.request_id),
        } => Rollback {
            model, slot, number, policy, prepare_timeout, reason, trigger, evidence, request_id,
            expected: message.expected_champion,
        });
        let promotion = self.0.rollback(&caller, wish.map_err(bad_request)?).await.map_err(from_error)?;
        Ok(Response::new(pb::RollbackResponse { promotion: Some(convert(promotion)) }))
    }

    async fn demote(&self, request: Request<pb::DemoteRequest>) -> Result<Response<pb::DemoteResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let wish = checked!({
            model: fields::model(&message.model),
            slot: fields::slot(message.slot),
            reason: fields::reason(message.reason),
            request_id: fields::request_id(&message.request_id),
        } => Demote { model, slot, expected: message.expected_champion, reason, request_id });
        let promotion = self.0.demote(&caller, wish.map_err(bad_request)?).await.map_err(from_error)?;
        Ok(Response::new(pb::DemoteResponse { promotion: Some(convert(promotion)) }))
    }

    async fn get_promotion(
        &self,
        request: Request<pb::GetPromotionRequest>,
    ) -> Result<Response<pb::GetPromotionResponse>, Status> {
        let caller = caller_of(&request);
        let promotion = self.0.promotion(&caller, &request.into_inner().promotion_id).await.map_err(from_error)?;
        let promotion = self.shown(&caller, vec![promotion]).await.map_err(from_error)?.pop();
        Ok(Response::new(pb::GetPromotionResponse { promotion }))
    }

    type WatchPromotionStream = Pin<Box<dyn Stream<Item = Result<pb::WatchPromotionResponse, Status>> + Send>>;

    async fn watch_promotion(
        &self,
        request: Request<pb::WatchPromotionRequest>,
    ) -> Result<Response<Self::WatchPromotionStream>, Status> {
        let caller = caller_of(&request);
        let pb::WatchPromotionRequest { promotion_id, request_id, after_sequence } = request.into_inner();
        let wanted = checked!({ wanted: wanted(promotion_id, request_id) } => wanted).map_err(bad_request)?;
        let news = self.0.watch_promotion(&caller, wanted, after_sequence).await.map_err(from_error)?;
        let answers = news.map(|news| match news {
            Ok(news) => Ok(pb::WatchPromotionResponse { news: Some(story::news(news)) }),
            Err(error) => Err(from_error(error)),
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn cancel_promotion(
        &self,
        request: Request<pb::CancelPromotionRequest>,
    ) -> Result<Response<pb::CancelPromotionResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let promotion_id = message.promotion_id;
        let wish = checked!({
            reason: fields::reason(message.reason),
            request_id: fields::request_id(&message.request_id),
        } => CancelPromotion { promotion_id, reason, request_id });
        let promotion = self.0.cancel_promotion(&caller, wish.map_err(bad_request)?).await.map_err(from_error)?;
        Ok(Response::new(pb::CancelPromotionResponse { promotion: Some(convert(promotion)) }))
    }

    async fn list_promotions(
        &self,
        request: Request<pb::ListPromotionsRequest>,
    ) -> Result<Response<pb::ListPromotionsResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let query = format!("promotions of {} {} {}", message.model, message.kind, message.state);
        let (filter, page) = checked!({
            model: fields::optional_model(&message.model),
            kind: kind(message.kind),
            state: state(message.state),
            page: PageRequest::new(message.page_size, &message.page_token, &query),
        } => (PromotionFilter { model, kind, state }, page))
        .map_err(bad_request)?;
        let found = self.0.promotions(&caller, &filter, &page).await.map_err(from_error)?;
        let promotions = self.shown(&caller, found.items).await.map_err(from_error)?;
        Ok(Response::new(pb::ListPromotionsResponse { next_page_token: fields::next(found.next, &query), promotions }))
    }

    async fn get_defaults(
        &self,
        request: Request<pb::GetDefaultsRequest>,
    ) -> Result<Response<pb::GetDefaultsResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let (model, slot) =
            checked!({ model: fields::model(&message.model), slot: fields::slot(message.slot) } => (model, slot))
                .map_err(bad_request)?;
        let recipe = self.0.defaults(&caller, &model, &slot).await.map_err(from_error)?;
        Ok(Response::new(pb::GetDefaultsResponse { defaults: Some(defaults(recipe)) }))
    }
}

pub(super) fn optional_number(number: u64) -> Result<Option<VersionNumber>, FieldError> {
    if number == 0 { Ok(None) } else { fields::number(number, "number").map(Some) }
}

fn wanted(promotion_id: String, request_id: String) -> Result<Wanted, FieldError> {
    match (promotion_id.is_empty(), request_id.is_empty()) {
        (false, true) => Ok(Wanted::Promotion(promotion_id)),
        (true, false) => Ok(Wanted::Request(request_id)),
        _ => Err(FieldError::new("promotion_id", "give either the promotion's id or the request_id of its call")),
    }
}

/// A reason that may be left alone unless the promotion makes an exception.
fn why(given: String, exception: bool) -> Result<String, FieldError> {
    if exception { fields::reason(given) } else { fields::text(given, "reason") }
}

/// Absent as configured.
fn prepare_timeout(given: Option<pbjson_types::Duration>) -> Result<Option<Duration>, FieldError> {
    let Some(given) = given else { return Ok(None) };
    let seconds = u64::try_from(given.seconds).ok();
    let length = seconds.zip(u32::try_from(given.nanos).ok()).map(|(seconds, nanos)| Duration::new(seconds, nanos));
    match length {
        Some(length) if length >= SHORTEST_PREPARE && length <= LONGEST_PREPARE => Ok(Some(length)),
        _ => Err(FieldError::new("prepare_timeout", "give a time from 1 millisecond to 4 minutes")),
    }
}

fn policy(policy: i32, quorum: u32) -> Result<ReloadPolicy, FieldError> {
    match (pb::ReloadPolicy::try_from(policy), quorum) {
        (Ok(pb::ReloadPolicy::Quorum), 0) => Err(FieldError::new("quorum", "policy QUORUM needs 1 replica or more")),
        (Ok(pb::ReloadPolicy::Quorum), needed) => Ok(ReloadPolicy::Quorum(needed)),
        (Ok(_), 1..) => Err(FieldError::new("quorum", "goes with policy QUORUM only")),
        (Ok(pb::ReloadPolicy::Unspecified | pb::ReloadPolicy::All), 0) => Ok(ReloadPolicy::All),
        (Ok(pb::ReloadPolicy::None), 0) => Ok(ReloadPolicy::None),
        (Err(_), _) => Err(FieldError::new("policy", format!("{policy} is no reload policy; use ALL, QUORUM or NONE"))),
    }
}

fn trigger(number: i32) -> Result<Trigger, FieldError> {
    match pb::RollbackTrigger::try_from(number) {
        Ok(pb::RollbackTrigger::Unspecified | pb::RollbackTrigger::Manual) => Ok(Trigger::Manual),
        Ok(pb::RollbackTrigger::Drift) => Ok(Trigger::Drift),
        Ok(pb::RollbackTrigger::Performance) => Ok(Trigger::Performance),
        Ok(pb::RollbackTrigger::Errors) => Ok(Trigger::Errors),
        Ok(pb::RollbackTrigger::Bake) => Ok(Trigger::Bake),
        Err(_) => Err(FieldError::new("trigger", format!("{number} is no trigger of a rollback"))),
    }
}

fn trigger_out(trigger: Option<Trigger>) -> pb::RollbackTrigger {
    match trigger {
        None => pb::RollbackTrigger::Unspecified,
        Some(Trigger::Manual) => pb::RollbackTrigger::Manual,
        Some(Trigger::Drift) => pb::RollbackTrigger::Drift,
        Some(Trigger::Performance) => pb::RollbackTrigger::Performance,
        Some(Trigger::Errors) => pb::RollbackTrigger::Errors,
        Some(Trigger::Bake) => pb::RollbackTrigger::Bake,
    }
}

/// A kind to narrow a listing to; unspecified for all.
fn kind(number: i32) -> Result<Option<PromotionKind>, FieldError> {
    match pb::PromotionKind::try_from(number) {
        Ok(pb::PromotionKind::Unspecified) => Ok(None),
        Ok(pb::PromotionKind::Promote) => Ok(Some(PromotionKind::Promote)),
        Ok(pb::PromotionKind::Rollback) => Ok(Some(PromotionKind::Rollback)),
        Ok(pb::PromotionKind::Demote) => Ok(Some(PromotionKind::Demote)),
        Err(_) => Err(FieldError::new("kind", format!("{number} is no kind of promotion"))),
    }
}

/// A state to narrow a listing to; unspecified for all.
fn state(number: i32) -> Result<Option<PromotionState>, FieldError> {
    match pb::PromotionState::try_from(number) {
        Ok(pb::PromotionState::Unspecified) => Ok(None),
        Ok(pb::PromotionState::Preparing) => Ok(Some(PromotionState::Preparing)),
        Ok(pb::PromotionState::Committed) => Ok(Some(PromotionState::Committed)),
        Ok(pb::PromotionState::Converged) => Ok(Some(PromotionState::Converged)),
        Ok(pb::PromotionState::Refused) => Ok(Some(PromotionState::Refused)),
        Ok(pb::PromotionState::Cancelled) => Ok(Some(PromotionState::Cancelled)),
        Err(_) => Err(FieldError::new("state", format!("{number} is no state of a promotion"))),
    }
}

fn defaults(recipe: Recipe) -> pb::Defaults {
    pb::Defaults {
        split_version: recipe.split_version,
        feature_version: recipe.feature_version,
        model_version: recipe.model_version,
    }
}

pub(super) fn kind_of(kind: PromotionKind) -> pb::PromotionKind {
    match kind {
        PromotionKind::Promote => pb::PromotionKind::Promote,
        PromotionKind::Rollback => pb::PromotionKind::Rollback,
        PromotionKind::Demote => pb::PromotionKind::Demote,
    }
}

/// A promotion without its bake time.
pub(super) fn convert(promotion: Promotion) -> pb::Promotion {
    let state = match promotion.state {
        PromotionState::Preparing => pb::PromotionState::Preparing,
        PromotionState::Committed => pb::PromotionState::Committed,
        PromotionState::Converged => pb::PromotionState::Converged,
        PromotionState::Refused => pb::PromotionState::Refused,
        PromotionState::Cancelled => pb::PromotionState::Cancelled,
    };
    let (policy, quorum) = match promotion.policy {
        ReloadPolicy::All => (pb::ReloadPolicy::All, 0),
        ReloadPolicy::None => (pb::ReloadPolicy::None, 0),
        ReloadPolicy::Quorum(needed) => (pb::ReloadPolicy::Quorum, needed),
    };
    let moment = |micros: i64| timestamp(Timestamp::from_micros(micros));
    pb::Promotion {
        promotion_id: promotion.promotion_id,
        kind: kind_of(promotion.kind).into(),
        state: state.into(),
        model: promotion.model,
        slot: Slot::parse(&promotion.slot).map(|slot| slot.labels().clone()).unwrap_or_default(),
        from_number: promotion.from_number,
        to_number: promotion.to_number,
        generation: promotion.generation,
        report_id: promotion.report_id,
        policy: policy.into(),
        actor: promotion.actor,
        reason: promotion.reason,
        replicas: promotion.replicas.into_iter().map(outcome).collect(),
        refusal: promotion.refusal,
        create_time: Some(moment(promotion.created_us)),
        commit_time: promotion.committed_us.map(moment),
        converge_time: promotion.converged_us.map(moment),
        members: promotion.members.into_iter().map(chain_move).collect(),
        quorum,
        prepare_timeout: (promotion.prepare_timeout_us > 0)
            .then(|| duration(Duration::from_micros(promotion.prepare_timeout_us))),
        under_way: promotion.under_way,
        request_id: promotion.request_id,
        trigger: trigger_out(promotion.trigger).into(),
        evidence: promotion.evidence,
        skipped: promotion.skipped.into_iter().map(aliases::skipped).collect(),
        bake: None,
        card_digest: promotion.card.map(|digest| digest.to_string()).unwrap_or_default(),
    }
}

fn chain_move(member: Member) -> pb::ChainMove {
    pb::ChainMove { model: member.model, from_number: member.from_number, to_number: member.to_number }
}

fn outcome(outcome: ReplicaOutcome) -> pb::ReplicaOutcome {
    pb::ReplicaOutcome {
        replica: outcome.replica,
        prepared: outcome.prepared,
        prepare_duration: Some(duration(Duration::from_micros(outcome.prepare_micros))),
        reloaded: outcome.reloaded,
        reload_duration: Some(duration(Duration::from_micros(outcome.reload_micros))),
        problem: outcome.problem,
    }
}
