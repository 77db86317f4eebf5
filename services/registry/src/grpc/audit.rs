//! The audit.

use futures::{StreamExt, stream::BoxStream};
use lineal_kernel::{FieldError, FieldErrors, PageRequest, Slot};
use lineal_proto::lineal::registry::v1 as pb;
use lineal_rpc::{caller_of, timestamp};
use tonic::{Request, Response, Status};

use super::{
    Grpc,
    fields::{self, checked},
    status::{bad_request, from_error},
    tracking,
};
use crate::domain::{
    audit::{AuditRecord, AuditSearch},
    seal::Fault,
};

#[tonic::async_trait]
impl pb::audit_service_server::AuditService for Grpc {
    async fn list_audit_entries(
        &self,
        request: Request<pb::ListAuditEntriesRequest>,
    ) -> Result<Response<pb::ListAuditEntriesResponse>, Status> {
        let caller = caller_of(&request);
        let mut message = request.into_inner();
        let (size, token) = (std::mem::take(&mut message.page_size), std::mem::take(&mut message.page_token));
        let query = format!("{message:?}");
        let (search, page) = checked!({
            search: search(message),
            page: PageRequest::new(size, &token, &query),
        } => (search, page))
        .map_err(bad_request)?;
        let found = self.0.audit(&caller, &search, &page).await.map_err(from_error)?;
        Ok(Response::new(pb::ListAuditEntriesResponse {
            next_page_token: fields::next(found.next, &query),
            entries: found.items.into_iter().map(|record| self.entry(record)).collect(),
        }))
    }

    async fn verify_audit(
        &self,
        request: Request<pb::VerifyAuditRequest>,
    ) -> Result<Response<pb::VerifyAuditResponse>, Status> {
        let found = self.0.verify_audit(&caller_of(&request)).await.map_err(from_error)?;
        let fault = match found.broken.map(|broken| broken.fault) {
            None => pb::AuditFault::Unspecified,
            Some(Fault::Altered) => pb::AuditFault::Altered,
            Some(Fault::Missing) => pb::AuditFault::Missing,
            Some(Fault::Head) => pb::AuditFault::Head,
        };
        Ok(Response::new(pb::VerifyAuditResponse {
            checked: found.checked,
            broken_sequence: found.broken.map_or(0, |broken| broken.sequence),
            fault: fault.into(),
            head_sequence: found.head.sequence,
            head_digest: found.head.digest,
        }))
    }

    type ExportAuditStream = BoxStream<'static, Result<pb::ExportAuditResponse, Status>>;

    async fn export_audit(
        &self,
        request: Request<pb::ExportAuditRequest>,
    ) -> Result<Response<Self::ExportAuditStream>, Status> {
        let tenant = caller_of(&request).tenant;
        let grpc = self.clone();
        let records = self.0.clone().export_audit(tenant, request.into_inner().after_sequence);
        let messages = records.map(move |record| match record {
            Ok(record) => Ok(pb::ExportAuditResponse { entry: Some(grpc.entry(record)) }),
            Err(error) => Err(from_error(error)),
        });
        Ok(Response::new(messages.boxed()))
    }
}

fn search(message: pb::ListAuditEntriesRequest) -> Result<AuditSearch, FieldErrors> {
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    let number = Some(message.number).filter(|number| *number > 0);
    checked!({
        model: fields::optional_model(&message.model),
        number: number.map(|number| fields::number(number, "number")).transpose(),
        actor: fields::text(message.actor, "actor"),
        action: fields::text(message.action, "action"),
        done: done(message.outcome),
        since: tracking::moment(message.start_time, "start_time"),
        until: tracking::moment(message.end_time, "end_time"),
    } => AuditSearch { model, number, actor: given(actor), action: given(action), done, since, until })
}

fn done(outcome: i32) -> Result<Option<bool>, FieldError> {
    match pb::AuditOutcome::try_from(outcome) {
        Ok(pb::AuditOutcome::Unspecified) => Ok(None),
        Ok(pb::AuditOutcome::Done) => Ok(Some(true)),
        Ok(pb::AuditOutcome::Refused) => Ok(Some(false)),
        Err(_) => Err(FieldError::new("outcome", "is DONE or REFUSED")),
    }
}

impl Grpc {
    fn entry(&self, record: AuditRecord) -> pb::AuditEntry {
        pb::AuditEntry {
            sequence: record.sequence,
            create_time: Some(timestamp(record.created)),
            actor: record.actor,
            action: record.action,
            model: record.model,
            slot: Slot::parse(&record.slot).map(|slot| slot.labels().clone()).unwrap_or_default(),
            number: record.number,
            from_stage: record.from_stage,
            to_stage: record.to_stage,
            done: record.done,
            detail: record.detail,
            generation: record.generation,
            digest: record.digest,
            request_id: record.request_id,
            fingerprint: record.fingerprint,
            subject: record.subject,
            environment: self.0.environment.to_string(),
        }
    }
}
