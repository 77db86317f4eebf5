//! Who was champion when.

use lineal_kernel::PageRequest;
use lineal_proto::lineal::registry::v1::{self as pb, get_champion_at_response::Occupant as Held};
use lineal_rpc::{caller_of, timestamp};
use tonic::{Request, Response, Status};

use super::{
    Grpc,
    fields::{self, checked},
    promotions,
    status::{bad_request, from_error},
    tracking,
};
use crate::domain::{
    history::{Occupant, Tenure},
    reign::EndedBy,
};

#[tonic::async_trait]
impl pb::history_service_server::HistoryService for Grpc {
    async fn get_champion_at(
        &self,
        request: Request<pb::GetChampionAtRequest>,
    ) -> Result<Response<pb::GetChampionAtResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let (model, slot, moment) = checked!({
            model: fields::model(&message.model),
            slot: fields::slot(message.slot),
            moment: tracking::moment(message.time, "time"),
        } => (model, slot, moment))
        .map_err(bad_request)?;
        let occupant = self.0.champion_at(&caller, &model, &slot, moment).await.map_err(from_error)?;
        let occupant = match occupant {
            Occupant::Champion(tenure) => Held::Reign(convert(*tenure)),
            Occupant::Nobody(vacancy) => Held::Vacancy(pb::Vacancy {
                start_time: vacancy.since.map(timestamp),
                end_time: vacancy.until.map(timestamp),
            }),
        };
        Ok(Response::new(pb::GetChampionAtResponse { occupant: Some(occupant) }))
    }

    async fn list_reigns(
        &self,
        request: Request<pb::ListReignsRequest>,
    ) -> Result<Response<pb::ListReignsResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let query = format!("reigns of {} {:?}", message.model, message.slot);
        let (model, slot, page) = checked!({
            model: fields::model(&message.model),
            slot: fields::slot(message.slot),
            page: PageRequest::new(message.page_size, &message.page_token, &query),
        } => (model, slot, page))
        .map_err(bad_request)?;
        let found = self.0.reigns(&caller, &model, &slot, &page).await.map_err(from_error)?;
        Ok(Response::new(pb::ListReignsResponse {
            next_page_token: fields::next(found.next, &query),
            reigns: found.items.into_iter().map(convert).collect(),
        }))
    }
}

fn convert(tenure: Tenure) -> pb::Reign {
    let Tenure { reign, begun_by } = tenure;
    let ended_by = reign.ended_by.map_or(pb::PromotionKind::Unspecified, |ended_by| match ended_by {
        EndedBy::Promote => pb::PromotionKind::Promote,
        EndedBy::Rollback => pb::PromotionKind::Rollback,
        EndedBy::Demote => pb::PromotionKind::Demote,
    });
    pb::Reign {
        model: reign.model.to_string(),
        slot: reign.slot.labels().clone(),
        number: reign.number.get(),
        start_time: Some(timestamp(reign.started)),
        end_time: reign.ended.map(timestamp),
        generation: reign.from_generation,
        end_generation: reign.to_generation.unwrap_or_default(),
        begun_by: promotions::kind_of(begun_by.kind).into(),
        promotion_id: begun_by.promotion_id,
        ended_by: ended_by.into(),
        actor: begun_by.actor,
        reason: begun_by.reason,
    }
}
