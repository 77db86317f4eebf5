//! The audit.

use lineal_kernel::PageRequest;
use lineal_proto::lineal::registry::v1 as pb;
use lineal_rpc::{caller_of, timestamp};
use tonic::{Request, Response, Status};

use super::{
    Grpc,
    fields::{self, checked},
    status::{bad_request, from_error},
};
use crate::domain::audit::AuditRecord;

#[tonic::async_trait]
impl pb::audit_service_server::AuditService for Grpc {
    async fn list_audit_entries(
        &self,
        request: Request<pb::ListAuditEntriesRequest>,
    ) -> Result<Response<pb::ListAuditEntriesResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let query = format!("audit of {}", message.model);
        let (model, page) = checked!({
            model: fields::optional_model(&message.model),
            page: PageRequest::new(message.page_size, &message.page_token, &query),
        } => (model, page))
        .map_err(bad_request)?;
        let found = self.0.audit(&caller, model.as_ref(), &page).await.map_err(from_error)?;
        Ok(Response::new(pb::ListAuditEntriesResponse {
            next_page_token: fields::next(found.next, &query),
            entries: found.items.into_iter().map(convert).collect(),
        }))
    }
}

fn convert(record: AuditRecord) -> pb::AuditEntry {
    pb::AuditEntry {
        sequence: record.sequence,
        create_time: Some(timestamp(record.created)),
        actor: record.actor,
        action: record.action,
        model: record.model,
        slot: record.slot.labels().clone(),
        number: record.number,
        from_stage: record.from_stage,
        to_stage: record.to_stage,
        done: record.done,
        detail: record.detail,
        generation: record.generation,
    }
}
