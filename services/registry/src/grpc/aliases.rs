//! Aliases and what replicas serve.

use lineal_kernel::{AliasName, FieldError, PageRequest};
use lineal_proto::lineal::registry::v1 as pb;
use lineal_rpc::{caller_of, timestamp, traffic, traffic_of};
use tonic::{Request, Response, Status};

use super::{
    Grpc,
    fields::{self, checked},
    status::{bad_request, from_error},
};
use crate::domain::{
    alias::{ResolvedAlias, ServingEntry, SetAlias},
    promotion::Skipped,
    standby::Standby,
    traffic::SetTraffic,
    version::VersionView,
};

#[tonic::async_trait]
impl pb::alias_service_server::AliasService for Grpc {
    async fn resolve_alias(
        &self,
        request: Request<pb::ResolveAliasRequest>,
    ) -> Result<Response<pb::ResolveAliasResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let (model, slot, alias) = checked!({
            model: fields::model(&message.model),
            slot: fields::slot(message.slot),
            alias: name(&message.alias),
        } => (model, slot, alias))
        .map_err(bad_request)?;
        let found = self.0.alias(&caller, &model, &slot, &alias).await.map_err(from_error)?;
        Ok(Response::new(pb::ResolveAliasResponse { alias: Some(convert(found)) }))
    }

    async fn set_alias(&self, request: Request<pb::SetAliasRequest>) -> Result<Response<pb::SetAliasResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let etag = fields::etag(message.etag);
        let wish = checked!({
            model: fields::model(&message.model),
            slot: fields::slot(message.slot),
            name: name(&message.alias),
            number: fields::number(message.number, "number"),
            request_id: fields::request_id(&message.request_id),
        } => SetAlias { model, slot, name, number, etag, request_id });
        let alias = self.0.set_alias(&caller, wish.map_err(bad_request)?).await.map_err(from_error)?;
        Ok(Response::new(pb::SetAliasResponse { alias: Some(convert(alias)) }))
    }

    async fn set_traffic(
        &self,
        request: Request<pb::SetTrafficRequest>,
    ) -> Result<Response<pb::SetTrafficResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let etag = fields::etag(message.etag);
        let wish = checked!({
            model: fields::model(&message.model),
            slot: fields::slot(message.slot),
            name: name(&message.alias),
            traffic: traffic_of(message.traffic),
            request_id: fields::request_id(&message.request_id),
        } => SetTraffic { model, slot, name, traffic, etag, request_id });
        let alias = self.0.set_traffic(&caller, wish.map_err(bad_request)?).await.map_err(from_error)?;
        Ok(Response::new(pb::SetTrafficResponse { alias: Some(convert(alias)) }))
    }

    async fn list_aliases(
        &self,
        request: Request<pb::ListAliasesRequest>,
    ) -> Result<Response<pb::ListAliasesResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let query = format!("aliases of {}", message.model);
        let (model, page) = checked!({
            model: fields::model(&message.model),
            page: PageRequest::new(message.page_size, &message.page_token, &query),
        } => (model, page))
        .map_err(bad_request)?;
        let found = self.0.aliases(&caller, &model, &page).await.map_err(from_error)?;
        Ok(Response::new(pb::ListAliasesResponse {
            next_page_token: fields::next(found.next, &query),
            aliases: found.items.into_iter().map(convert).collect(),
        }))
    }

    async fn get_serving_table(
        &self,
        request: Request<pb::GetServingTableRequest>,
    ) -> Result<Response<pb::GetServingTableResponse>, Status> {
        let caller = caller_of(&request);
        let table = self.0.serving_table(&caller).await.map_err(from_error)?;
        let standbys = if request.into_inner().include_standbys {
            self.0.standbys(&caller).await.map_err(from_error)?
        } else {
            Vec::new()
        };
        Ok(Response::new(pb::GetServingTableResponse {
            generation: table.generation,
            entries: table.entries.into_iter().map(entry).collect(),
            environment: self.0.environment.to_string(),
            standbys: standbys.into_iter().map(standby).collect(),
        }))
    }
}

fn name(text: &str) -> Result<AliasName, FieldError> {
    AliasName::new(text).map_err(|error| error.under("alias"))
}

fn convert(resolved: ResolvedAlias) -> pb::Alias {
    let alias = resolved.alias;
    pb::Alias {
        etag: alias.etag(),
        model: alias.model.to_string(),
        slot: alias.slot.labels().clone(),
        name: alias.name.to_string(),
        number: alias.number.get(),
        digest: resolved.digest.to_string(),
        run_id: resolved.run_id,
        generation: alias.generation,
        update_time: Some(timestamp(alias.updated)),
        traffic: traffic(alias.traffic),
    }
}

fn entry(entry: ServingEntry) -> pb::ServingEntry {
    let (alias, version) = (entry.alias, entry.version);
    pb::ServingEntry {
        model: alias.model.to_string(),
        slot: alias.slot.labels().clone(),
        alias: alias.name.to_string(),
        number: version.number.get(),
        label: version.label,
        digest: version.digest.to_string(),
        run_id: version.lineage.run_id,
        code_version: version.lineage.code_version,
        data_digest: version.lineage.data_digest.to_string(),
        feature_digest: version.lineage.feature_digest.to_string(),
        trained_time: Some(timestamp(version.created)),
        traffic: traffic(alias.traffic),
    }
}

fn standby(standby: Standby) -> pb::Standby {
    pb::Standby {
        model: standby.model.to_string(),
        slot: standby.slot.labels().clone(),
        number: standby.chain.last().map_or(0, |head| head.version.number.get()),
        bundles: standby.chain.into_iter().map(standby_bundle).collect(),
        skipped: standby.skipped.into_iter().map(skipped).collect(),
    }
}

fn standby_bundle(view: VersionView) -> pb::StandbyBundle {
    pb::StandbyBundle {
        model: view.version.model.to_string(),
        number: view.version.number.get(),
        digest: view.version.digest.to_string(),
        check_time: view.check.map(|check| timestamp(check.time)),
    }
}

pub(super) fn skipped(skipped: Skipped) -> pb::SkippedCandidate {
    pb::SkippedCandidate { number: skipped.number, reason: skipped.reason }
}
