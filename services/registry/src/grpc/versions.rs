//! Versions.

use std::time::Duration;

use lineal_kernel::{FieldError, FieldErrors, ModelName, PageRequest, VersionNumber};
use lineal_proto::lineal::registry::v1 as pb;
use lineal_rpc::{caller_of, duration, timestamp};
use tonic::{Request, Response, Status};

use super::{
    Grpc,
    fields::{self, checked},
    metadata, runs,
    status::{bad_request, from_error},
    validations, version_search,
};
use crate::domain::{
    lineage::{Lineage, Recipe},
    reference::Reference,
    version::{CreateVersion, FailVersion, UpdateVersion, VersionState, VersionView},
    version_search::VersionSearch,
};

#[tonic::async_trait]
impl pb::version_service_server::VersionService for Grpc {
    async fn create_version(
        &self,
        request: Request<pb::CreateVersionRequest>,
    ) -> Result<Response<pb::CreateVersionResponse>, Status> {
        let caller = caller_of(&request);
        let wish = create_version(request.into_inner()).map_err(bad_request)?;
        let version = self.0.create_version(&caller, wish).await.map_err(from_error)?;
        let version = self.detailed(&caller, version).await.map_err(from_error)?;
        Ok(Response::new(pb::CreateVersionResponse { version }))
    }

    async fn get_version(
        &self,
        request: Request<pb::GetVersionRequest>,
    ) -> Result<Response<pb::GetVersionResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let (model, number) = name(&message.model, message.number).map_err(bad_request)?;
        let version = self.0.version(&caller, &model, number).await.map_err(from_error)?;
        let version = self.detailed(&caller, version).await.map_err(from_error)?;
        Ok(Response::new(pb::GetVersionResponse { version }))
    }

    async fn resolve_version(
        &self,
        request: Request<pb::ResolveVersionRequest>,
    ) -> Result<Response<pb::ResolveVersionResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let (reference, slot) = checked!({
            reference: message.reference.parse::<Reference>(),
            slot: fields::slot(message.slot),
        } => (reference, slot))
        .map_err(bad_request)?;
        let version = self.0.resolve_version(&caller, &reference, &slot).await.map_err(from_error)?;
        let version = self.detailed(&caller, version).await.map_err(from_error)?;
        Ok(Response::new(pb::ResolveVersionResponse { version }))
    }

    async fn get_chain(&self, request: Request<pb::GetChainRequest>) -> Result<Response<pb::GetChainResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let (model, number) = name(&message.model, message.number).map_err(bad_request)?;
        let chain = self.0.chain(&caller, &model, number).await.map_err(from_error)?;
        Ok(Response::new(pb::GetChainResponse { members: chain.into_iter().map(|view| self.version(view)).collect() }))
    }

    async fn list_versions(
        &self,
        request: Request<pb::ListVersionsRequest>,
    ) -> Result<Response<pb::ListVersionsResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let query = format!(
            "versions of {} {} {:?} {:?}",
            message.model, message.display_state, message.filter, message.order_by
        );
        let (search, page) = checked!({
            model: fields::model(&message.model),
            page: PageRequest::new(message.page_size, &message.page_token, &query),
            query: version_search::query(&message.display_state, &message.filter, &message.order_by),
        } => {
            let (filter, order) = query;
            (VersionSearch { model: Some(model), filter, order }, page)
        })
        .map_err(bad_request)?;
        let found = self.0.search_versions(&caller, &search, &page).await.map_err(from_error)?;
        let versions = self.all_detailed(&caller, found.items).await.map_err(from_error)?;
        Ok(Response::new(pb::ListVersionsResponse { next_page_token: fields::next(found.next, &query), versions }))
    }

    async fn search_versions(
        &self,
        request: Request<pb::SearchVersionsRequest>,
    ) -> Result<Response<pb::SearchVersionsResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let query = format!("all versions {:?} {:?}", message.filter, message.order_by);
        let (search, page) = checked!({
            search: version_search::of_all(&message.filter, &message.order_by),
            page: PageRequest::new(message.page_size, &message.page_token, &query),
        } => (search, page))
        .map_err(bad_request)?;
        let found = self.0.search_versions(&caller, &search, &page).await.map_err(from_error)?;
        Ok(Response::new(pb::SearchVersionsResponse {
            next_page_token: fields::next(found.next, &query),
            versions: found.items.into_iter().map(|view| self.version(view)).collect(),
        }))
    }

    async fn update_version(
        &self,
        request: Request<pb::UpdateVersionRequest>,
    ) -> Result<Response<pb::UpdateVersionResponse>, Status> {
        let caller = caller_of(&request);
        let wish = update_version(request.into_inner()).map_err(bad_request)?;
        let version = self.0.update_version(&caller, wish).await.map_err(from_error)?;
        let version = self.detailed(&caller, version).await.map_err(from_error)?;
        Ok(Response::new(pb::UpdateVersionResponse { version }))
    }

    async fn fail_version(
        &self,
        request: Request<pb::FailVersionRequest>,
    ) -> Result<Response<pb::FailVersionResponse>, Status> {
        let caller = caller_of(&request);
        let wish = fail_version(request.into_inner()).map_err(bad_request)?;
        let version = self.0.fail_version(&caller, wish).await.map_err(from_error)?;
        let version = self.detailed(&caller, version).await.map_err(from_error)?;
        Ok(Response::new(pb::FailVersionResponse { version }))
    }

    async fn record_validation(
        &self,
        request: Request<pb::RecordValidationRequest>,
    ) -> Result<Response<pb::RecordValidationResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let wish = validations::record(message).map_err(bad_request)?;
        let version = self.0.record_validation(&caller, wish).await.map_err(from_error)?;
        let version = self.detailed(&caller, version).await.map_err(from_error)?;
        Ok(Response::new(pb::RecordValidationResponse { version }))
    }
}

pub(super) fn name(model: &str, number: u64) -> Result<(ModelName, VersionNumber), FieldErrors> {
    checked!({ model: fields::model(model), number: fields::number(number, "number") } => (model, number))
}

fn create_version(message: pb::CreateVersionRequest) -> Result<CreateVersion, FieldErrors> {
    checked!({
        model: fields::model(&message.model),
        family: kind(message.family),
        digest: fields::digest(&message.digest, "digest"),
        metrics: fields::metrics(message.metrics, "metrics"),
        lineage: fields::required(message.lineage, "lineage").and_then(lineage_in),
        description: fields::text(message.description, "description"),
        tags: fields::words(message.tags, "tags"),
        upstreams: upstreams(&message.upstreams),
        metadata: metadata::read(message.metadata.unwrap_or_default()),
        source: fields::link(message.source, "source"),
        run_link: fields::link(message.run_link, "run_link"),
        request_id: fields::request_id(&message.request_id),
    } => CreateVersion {
        model,
        family,
        digest,
        metrics,
        lineage,
        description,
        tags,
        upstreams,
        metadata,
        source,
        run_link,
        request_id,
    })
}

fn update_version(message: pb::UpdateVersionRequest) -> Result<UpdateVersion, FieldErrors> {
    let etag = fields::etag(message.etag);
    checked!({
        model: fields::model(&message.model),
        number: fields::number(message.number, "number"),
        description: fields::optional_text(message.description, "description"),
        tags: fields::tags(message.tags, message.remove_tags),
        metadata: message.metadata.map(metadata::read).transpose(),
        request_id: fields::request_id(&message.request_id),
    } => UpdateVersion { model, number, description, tags, metadata, etag, request_id })
}

fn fail_version(message: pb::FailVersionRequest) -> Result<FailVersion, FieldErrors> {
    checked!({
        model: fields::model(&message.model),
        number: fields::number(message.number, "number"),
        reason: present(message.reason, "reason"),
        request_id: fields::request_id(&message.request_id),
    } => FailVersion { model, number, reason, request_id })
}

/// A family becomes the first part of a label.
fn kind(family: String) -> Result<String, FieldError> {
    lineal_kernel::Name::new(&family).map(|_| family).map_err(|error| error.under("family"))
}

fn upstreams(references: &[pb::VersionReference]) -> Result<Vec<(ModelName, VersionNumber)>, FieldErrors> {
    let mut errors = FieldErrors::default();
    let known = references.iter().enumerate().filter_map(|(i, reference)| {
        let path = format!("upstreams[{i}]");
        let model = errors.check(fields::model(&reference.model).map_err(|error| error.under(&path)));
        let number = errors.check(fields::number(reference.number, "number").map_err(|error| error.under(&path)));
        model.zip(number)
    });
    let known = known.collect();
    errors.into_result(|| Some(known))
}

fn lineage_in(lineage: pb::Lineage) -> Result<Lineage, FieldErrors> {
    let training = lineage.training_duration.unwrap_or_default();
    checked!({
        run_id: present(lineage.run_id, "lineage.run_id"),
        data_digest: fields::digest(&lineage.data_digest, "lineage.data_digest"),
        reference_digest: fields::digest(&lineage.reference_digest, "lineage.reference_digest"),
        feature_digest: fields::digest(&lineage.feature_digest, "lineage.feature_digest"),
        hyperparameters_digest: fields::digest(&lineage.hyperparameters_digest, "lineage.hyperparameters_digest"),
        code_version: present(lineage.code_version, "lineage.code_version"),
        dataset: present(lineage.dataset, "lineage.dataset"),
        training_micros: micros(training.seconds, training.nanos),
        environment: fields::words(lineage.environment, "lineage.environment"),
    } => Lineage {
        lineage_id: String::new(),
        run_id,
        parent_number: lineage.parent_number,
        data_digest,
        reference_digest,
        feature_digest,
        hyperparameters_digest,
        code_version,
        dataset,
        recipe: Recipe {
            split_version: lineage.split_version,
            feature_version: lineage.feature_version,
            model_version: lineage.model_version,
        },
        training_micros,
        training_rows: lineage.training_rows,
        validation_rows: lineage.validation_rows,
        environment,
    })
}

pub(super) fn present(value: String, path: &str) -> Result<String, FieldError> {
    if value.is_empty() { Err(FieldError::new(path, "is required")) } else { fields::text(value, path) }
}

/// The length of a fit, in microseconds.
fn micros(seconds: i64, nanos: i32) -> Result<u64, FieldError> {
    let micros = u64::try_from(seconds)
        .ok()
        .zip(u64::try_from(nanos).ok())
        .and_then(|(seconds, nanos)| seconds.checked_mul(1_000_000)?.checked_add(nanos / 1000));
    micros.ok_or_else(|| FieldError::new("lineage.training_duration", "is not a length of time"))
}

pub(super) fn convert(view: VersionView) -> pb::Version {
    let display_state = view.display_state().word().to_owned();
    let version = view.version;
    let etag = version.etag();
    let state = match version.state {
        VersionState::Created => pb::VersionState::Created,
        VersionState::Trained => pb::VersionState::Trained,
        VersionState::Validated => pb::VersionState::Validated,
        VersionState::Failed => pb::VersionState::Failed,
    };
    let pointers = view.aliases.iter();
    let aliases = pointers
        .map(|alias| pb::AliasPointer { alias: alias.name.to_string(), slot: alias.slot.labels().clone() })
        .collect();
    let upstreams = version.upstreams.iter();
    pb::Version {
        model: version.model.to_string(),
        number: version.number.get(),
        label: version.label,
        digest: version.digest.to_string(),
        size_bytes: version.size_bytes,
        state: state.into(),
        display_state,
        aliases,
        family: version.family,
        metrics: version.metrics,
        lineage: Some(lineage_out(version.lineage, version.created)),
        validation: view.validations.into_iter().next().map(validations::convert),
        description: version.description,
        tags: version.tags,
        create_time: Some(timestamp(version.created)),
        upstreams: upstreams.map(|(model, number)| reference(model, *number)).collect(),
        check: view
            .check
            .map(|check| pb::ArtifactCheck { check_time: Some(timestamp(check.time)), problem: check.problem }),
        metadata: Some(metadata::write(&version.metadata)),
        source: version.source,
        run_link: version.run_link,
        taint: view.run.as_ref().and_then(|run| run.taint.clone()).map(runs::taint),
        run: view.run.map(|run| pb::RunSummary { run_id: run.run_id, name: run.name, tags: run.tags }),
        etag,
        ..pb::Version::default()
    }
}

pub(super) fn reference(model: &ModelName, number: VersionNumber) -> pb::VersionReference {
    pb::VersionReference { model: model.to_string(), number: number.get() }
}

fn lineage_out(lineage: Lineage, created: lineal_kernel::Timestamp) -> pb::Lineage {
    pb::Lineage {
        lineage_id: lineage.lineage_id,
        run_id: lineage.run_id,
        parent_number: lineage.parent_number,
        data_digest: lineage.data_digest.to_string(),
        reference_digest: lineage.reference_digest.to_string(),
        feature_digest: lineage.feature_digest.to_string(),
        hyperparameters_digest: lineage.hyperparameters_digest.to_string(),
        code_version: lineage.code_version,
        dataset: lineage.dataset,
        split_version: lineage.recipe.split_version,
        feature_version: lineage.recipe.feature_version,
        model_version: lineage.recipe.model_version,
        training_duration: Some(duration(Duration::from_micros(lineage.training_micros))),
        training_rows: lineage.training_rows,
        validation_rows: lineage.validation_rows,
        environment: lineage.environment,
        create_time: Some(timestamp(created)),
    }
}
