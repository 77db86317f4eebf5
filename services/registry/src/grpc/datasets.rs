//! Datasets and their snapshots.

use lineal_kernel::{FieldError, Name, PageRequest};
use lineal_proto::lineal::registry::v1 as pb;
use lineal_rpc::{caller_of, timestamp};
use tonic::{Request, Response, Status};

use super::{
    Grpc,
    fields::{self, checked},
    status::{bad_request, from_error},
};
use crate::domain::snapshot::Snapshot;

#[tonic::async_trait]
impl pb::dataset_service_server::DatasetService for Grpc {
    async fn create_snapshot(
        &self,
        request: Request<pb::CreateSnapshotRequest>,
    ) -> Result<Response<pb::CreateSnapshotResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let (dataset, digest) = checked!({
            dataset: name(&message.dataset),
            digest: fields::digest(&message.digest, "digest"),
        } => (dataset, digest))
        .map_err(bad_request)?;
        let made = self.0.create_snapshot(&caller, dataset, digest, message.rows, message.columns).await;
        Ok(Response::new(pb::CreateSnapshotResponse { snapshot: Some(convert(made.map_err(from_error)?)) }))
    }

    async fn list_snapshots(
        &self,
        request: Request<pb::ListSnapshotsRequest>,
    ) -> Result<Response<pb::ListSnapshotsResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let query = format!("snapshots of {}", message.dataset);
        let (dataset, page) = checked!({
            dataset: name(&message.dataset),
            page: PageRequest::new(message.page_size, &message.page_token, &query),
        } => (dataset, page))
        .map_err(bad_request)?;
        let found = self.0.snapshots(&caller, &dataset, &page).await.map_err(from_error)?;
        Ok(Response::new(pb::ListSnapshotsResponse {
            next_page_token: fields::next(found.next, &query),
            snapshots: found.items.into_iter().map(convert).collect(),
        }))
    }
}

fn name(text: &str) -> Result<Name, FieldError> {
    Name::new(text).map_err(|error| error.under("dataset"))
}

fn convert(snapshot: Snapshot) -> pb::Snapshot {
    pb::Snapshot {
        dataset: snapshot.dataset.to_string(),
        digest: snapshot.digest.to_string(),
        rows: snapshot.rows,
        columns: snapshot.columns,
        create_time: Some(timestamp(snapshot.created)),
    }
}
