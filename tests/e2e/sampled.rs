//! Tables that are larger than the limit: what learnt from a part of them serves only if a person says so.

use std::fmt::Write as _;

use lineal_proto::lineal::{
    registry::v1::{self as registry, promotion_service_client::PromotionServiceClient},
    trainer::v1::{self as trainer, pipeline_node::Kind, pipeline_service_client::PipelineServiceClient},
};
use lineal_rpc::{Peer, artifacts};
use tonic::Code;

use crate::{process::Process, scenario};

/// More than a mebibyte of values: two numbers and a text a row.
fn customers() -> String {
    let mut csv = "calls,minutes,churn\n".to_owned();
    for row in 0..60_000 {
        let (calls, minutes) = (row % 7, (row * 37) % 101);
        let leaves = (calls * 10 + minutes) % 60 > 35;
        let _ = writeln!(csv, "{calls},{minutes}.5,{}", if leaves { "yes" } else { "no" });
    }
    csv
}

fn node(id: &str, inputs: &[&str], kind: Kind) -> trainer::PipelineNode {
    let inputs = inputs.iter().map(ToString::to_string).collect();
    trainer::PipelineNode { id: id.to_owned(), inputs, after: vec![], kind: Some(kind) }
}

/// Runs rows, training, verdict and promotion to the end.
async fn run(peer: &Peer) -> trainer::PipelineRun {
    let digest = artifacts::upload(peer, customers().into()).await.unwrap().to_string();
    let source = scenario::spec("").source.unwrap();
    let job = trainer::JobSpec { source: None, ..scenario::spec("gradient_boosting") };
    let terms = trainer::PromoteNode { reason: "every night".to_owned(), ..Default::default() };
    let nodes = vec![
        node("rows", &[], Kind::Data(trainer::DataSource { digest, ..source })),
        node("parts", &["rows"], Kind::Split(trainer::SplitNode { version: "v1".to_owned(), reference_fraction: 0.0 })),
        node("train", &["parts"], Kind::Train(job)),
        node("judge", &["train"], Kind::Validate(trainer::ValidateNode::default())),
        node("crown", &["judge"], Kind::Promote(terms)),
    ];
    let mut pipelines = PipelineServiceClient::new(peer.clone());
    let save = trainer::SavePipelineRequest { spec: Some(trainer::PipelineSpec { nodes }) };
    let pipeline_id = pipelines.save_pipeline(save).await.unwrap().into_inner().pipeline.unwrap().pipeline_id;
    let begin = trainer::RunPipelineRequest { pipeline_id, ..Default::default() };
    let begun = pipelines.run_pipeline(begin).await.unwrap().into_inner().pipeline_run.unwrap();
    let pipeline_run_id = begun.pipeline_run_id;
    let watch = trainer::WatchPipelineRunRequest { pipeline_run_id: pipeline_run_id.clone(), after_sequence: 0 };
    let mut events = pipelines.watch_pipeline_run(watch).await.unwrap().into_inner();
    while events.message().await.unwrap().is_some() {}
    let get = trainer::GetPipelineRunRequest { pipeline_run_id };
    pipelines.get_pipeline_run(get).await.unwrap().into_inner().pipeline_run.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_does_not_promote_what_learnt_from_a_sample() {
    // F75
    let folder = tempfile::tempdir().unwrap();
    let lineal = Process::dev(folder.path(), &[("LINEAL__TRAINER__TABLE_LIMIT_MIB", "1")]).await;
    let peer = lineal.peer();
    let run = run(&peer).await;
    let steps: Vec<_> = run.steps.iter().map(|step| (step.node_id.as_str(), step.state())).collect();
    let (done, failed) = (trainer::PipelineStepState::Succeeded, trainer::PipelineStepState::Failed);
    assert_eq!(
        steps,
        [("rows", done), ("parts", done), ("train", done), ("judge", done), ("crown", failed)],
        "{:?}",
        run.steps
    );
    let message = &run.steps[4].message;
    assert!(message.contains("`churn` version 1 learnt from a sample of its rows"), "{message}");
    assert!(message.contains("--allow-sampled") && message.contains("table_limit_mib"), "{message}");
    assert_eq!(scenario::alias(&peer).await.unwrap_err().code(), Code::NotFound);

    let by_hand = registry::PromoteRequest {
        model: "churn".to_owned(),
        number: 1,
        allow_sampled: true,
        reason: "two thirds of the rows say enough".to_owned(),
        ..Default::default()
    };
    PromotionServiceClient::new(peer.clone()).promote(by_hand).await.unwrap();
    assert_eq!(scenario::alias(&peer).await.unwrap().number, 1);
}
