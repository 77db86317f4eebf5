//! Where versions and predictions come from.

use lineal_kernel::FieldError;
use lineal_proto::lineal::registry::v1 as pb;
use lineal_rpc::{caller_of, timestamp};
use tonic::{Request, Response, Status};

use super::{
    Grpc,
    status::{bad_request, from_error},
    validations, versions,
};
use crate::{
    app::lineage::Node,
    domain::{
        lineage::{Direction, Edge, Relation},
        prediction::{Origin, PredictionId},
    },
};

const DEFAULT_DEPTH: u32 = 10;
const MAX_DEPTH: u32 = 50;

#[tonic::async_trait]
impl pb::lineage_service_server::LineageService for Grpc {
    async fn get_lineage(
        &self,
        request: Request<pb::GetLineageRequest>,
    ) -> Result<Response<pb::GetLineageResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let (model, number) = versions::name(&message.model, message.number).map_err(bad_request)?;
        let depth = if message.depth == 0 { DEFAULT_DEPTH } else { message.depth.min(MAX_DEPTH) };
        let directions = directions(message.direction).map_err(bad_request)?;
        let walk = self.0.lineage(&caller, &model, number, depth, directions).await.map_err(from_error)?;
        let nodes = walk
            .nodes
            .into_iter()
            .map(|node| pb::LineageNode { environment: self.0.environment.to_string(), ..self::node(node) });
        Ok(Response::new(pb::GetLineageResponse {
            nodes: nodes.collect(),
            edges: walk.edges.iter().map(edge).collect(),
            truncated: walk.truncated,
        }))
    }

    async fn explain_version(
        &self,
        request: Request<pb::ExplainVersionRequest>,
    ) -> Result<Response<pb::ExplainVersionResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let (model, number) = versions::name(&message.model, message.number).map_err(bad_request)?;
        let explained = self.0.explain(&caller, &model, number).await.map_err(from_error)?;
        let validations = explained.version.validations.iter().cloned().map(validations::convert).collect();
        let promotions = self.shown(&caller, explained.promotions).await.map_err(from_error)?;
        let version = self.detailed(&caller, explained.version).await.map_err(from_error)?;
        Ok(Response::new(pb::ExplainVersionResponse {
            version,
            run: explained.run.map(|run| self.run(run)),
            promotions,
            validations,
        }))
    }

    async fn trace_prediction(
        &self,
        request: Request<pb::TracePredictionRequest>,
    ) -> Result<Response<pb::TracePredictionResponse>, Status> {
        let caller = caller_of(&request);
        let id: PredictionId = request.into_inner().prediction_id.parse().map_err(bad_request)?;
        let (view, generation) = self.0.trace(&caller, &id).await.map_err(from_error)?;
        Ok(Response::new(pb::TracePredictionResponse {
            git_sha: view.version.lineage.code_version.clone(),
            trained_time: Some(timestamp(view.version.created)),
            scored_time: Some(timestamp(id.scored)),
            generation,
            score_batch_id: match id.origin {
                Origin::Generation(_) => String::new(),
                Origin::Batch(batch_id) => batch_id.to_string(),
            },
            replica: id.replica,
            run_id: view.version.lineage.run_id.clone(),
            version: self.detailed(&caller, view).await.map_err(from_error)?,
        }))
    }
}

fn directions(direction: i32) -> Result<&'static [Direction], FieldError> {
    match pb::LineageDirection::try_from(direction) {
        Ok(pb::LineageDirection::Unspecified | pb::LineageDirection::Ancestors) => Ok(&[Direction::Ancestors]),
        Ok(pb::LineageDirection::Descendants) => Ok(&[Direction::Descendants]),
        Ok(pb::LineageDirection::Both) => Ok(&[Direction::Ancestors, Direction::Descendants]),
        Err(_) => Err(FieldError::new("direction", "is ANCESTORS, DESCENDANTS or BOTH")),
    }
}

fn node(Node { relative, distance, place }: Node) -> pb::LineageNode {
    pb::LineageNode {
        version: Some(versions::reference(&relative.name.0, relative.name.1)),
        depth: distance,
        layer: place.layer as u32,
        position: place.position as u32,
        label: relative.label,
        family: relative.family,
        digest: relative.digest.to_string(),
        display_state: relative.state.word().to_owned(),
        tainted: relative.tainted,
        create_time: Some(timestamp(relative.created)),
        ..pb::LineageNode::default()
    }
}

fn edge(edge: &Edge) -> pb::LineageEdge {
    let relation = match edge.relation {
        Relation::Parent => pb::LineageRelation::Parent,
        Relation::Upstream => pb::LineageRelation::Upstream,
    };
    pb::LineageEdge {
        from: Some(versions::reference(&edge.from.0, edge.from.1)),
        to: Some(versions::reference(&edge.to.0, edge.to.1)),
        relation: relation.into(),
    }
}
