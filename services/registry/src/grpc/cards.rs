//! Model cards.

use lineal_proto::{lineal::registry::v1 as pb, pbjson_types::Struct};
use lineal_rpc::caller_of;
use tonic::{Request, Response, Status};

use super::{
    Grpc,
    status::{bad_request, from_error},
    versions,
};
use crate::{app::cards::StoredCard, domain::error::RegistryError};

#[tonic::async_trait]
impl pb::card_service_server::CardService for Grpc {
    async fn get_model_card(
        &self,
        request: Request<pb::GetModelCardRequest>,
    ) -> Result<Response<pb::GetModelCardResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let (model, number) = versions::name(&message.model, message.number).map_err(bad_request)?;
        let stored = self.0.card(&caller, &model, number).await.map_err(from_error)?;
        let card = convert(stored).map_err(from_error)?;
        Ok(Response::new(pb::GetModelCardResponse { card: Some(card) }))
    }
}

fn convert(stored: StoredCard) -> Result<pb::ModelCard, RegistryError> {
    let StoredCard { record, facts, text } = stored;
    let facts: Struct =
        serde_json::from_slice(&facts).map_err(|_| RegistryError::ArtifactDamaged { digest: record.facts })?;
    Ok(pb::ModelCard {
        model: record.model.to_string(),
        number: record.number.get(),
        slot: record.slot.labels().clone(),
        generation: record.generation,
        digest: record.facts.to_string(),
        text_digest: record.text.to_string(),
        facts: Some(facts),
        text,
    })
}
