//! Graphs to experiment with, as callers send them.

use lineal_kernel::{Digest, RequestId};
use lineal_proto::lineal::trainer::v1::{self as pb, pipeline_node::Kind, pipeline_service_server::PipelineService};
use tonic::{Request, Status};

use super::lab::{Lab, caller, customers};
use crate::{
    domain::{PipelineId, PipelineRun, RunPipeline},
    grpc::TrainerGrpc,
};

/// A node with one kind of everything else.
pub(super) fn node(id: &str, inputs: &[&str], kind: Kind) -> pb::PipelineNode {
    let inputs = inputs.iter().map(ToString::to_string).collect();
    pb::PipelineNode { id: id.to_owned(), inputs, after: vec![], kind: Some(kind) }
}

/// The same after others.
pub(super) fn after(mut node: pb::PipelineNode, after: &[&str]) -> pb::PipelineNode {
    node.after = after.iter().map(ToString::to_string).collect();
    node
}

pub(super) fn data(id: &str, digest: &str) -> pb::PipelineNode {
    let format = pb::SourceFormat::Csv.into();
    node(id, &[], Kind::Data(pb::DataSource { dataset: "customers".to_owned(), digest: digest.to_owned(), format }))
}

pub(super) fn split(id: &str, rows: &str) -> pb::PipelineNode {
    node(id, &[rows], Kind::Split(pb::SplitNode { version: "v1".to_owned(), reference_fraction: 0.25 }))
}

/// A job on what the nodes before it give.
pub(super) fn job(model: &str, family: &str) -> pb::JobSpec {
    pb::JobSpec {
        model: model.to_owned(),
        label_column: "churn".to_owned(),
        family: family.to_owned(),
        ..pb::JobSpec::default()
    }
}

pub(super) fn train(id: &str, inputs: &[&str], family: &str) -> pb::PipelineNode {
    node(id, inputs, Kind::Train(job(id, family)))
}

pub(super) fn validate(id: &str, train: &str) -> pb::PipelineNode {
    node(id, &[train], Kind::Validate(pb::ValidateNode::default()))
}

pub(super) fn promote(id: &str, validate: &str) -> pb::PipelineNode {
    let reason = "weekly".to_owned();
    node(id, &[validate], Kind::Promote(pb::PromoteNode { reason, ..pb::PromoteNode::default() }))
}

/// Rows, split, and the training, verdict and promotion of each model, which is its node's name too.
pub(super) fn branches(lab: &Lab, models: &[(&str, &str)]) -> Vec<pb::PipelineNode> {
    let digest = lab.registry.add(&customers(300)).to_string();
    let mut nodes = vec![data("rows", &digest), split("parts", "rows")];
    for (model, family) in models {
        let (judge, crown) = (format!("judge-{model}"), format!("crown-{model}"));
        nodes.extend([train(model, &["parts"], family), validate(&judge, model), promote(&crown, &judge)]);
    }
    nodes
}

/// Saves a graph over the wire.
pub(super) async fn save(lab: &Lab, nodes: Vec<pb::PipelineNode>) -> Result<pb::Pipeline, Status> {
    let grpc = TrainerGrpc::new(lab.app.clone());
    let request = pb::SavePipelineRequest { spec: Some(pb::PipelineSpec { nodes }) };
    Ok(grpc.save_pipeline(Request::new(request)).await?.into_inner().pipeline.unwrap())
}

/// A run of a saved pipeline with changes to the usual wish.
pub(super) async fn start(lab: &Lab, pipeline_id: &str, change: impl FnOnce(&mut RunPipeline)) -> PipelineRun {
    let mut command = wish(pipeline_id);
    change(&mut command);
    lab.app.run_pipeline(&caller(), command).await.unwrap()
}

pub(super) fn wish(pipeline_id: &str) -> RunPipeline {
    RunPipeline {
        pipeline: PipelineId::from(pipeline_id.to_owned()),
        sources: std::collections::BTreeMap::new(),
        until: None,
        max_staleness: None,
        rerun: false,
        request_id: RequestId::random(),
    }
}

/// Any digest.
pub(super) fn some_digest() -> String {
    Digest::of(b"rows").to_string()
}
