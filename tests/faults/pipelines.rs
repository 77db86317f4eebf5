//! A process that dies in the middle of a pipeline: the next one goes on by itself, and the run ends once.

use std::time::Duration;

use lineal_proto::lineal::{
    registry::v1::{
        ApplySettingsRequest, ListPromotionsRequest, promotion_service_client::PromotionServiceClient,
        settings_service_client::SettingsServiceClient,
    },
    trainer::v1::{
        self as pb, ListFeatureSetsRequest, ListJobsRequest, feature_set_service_client::FeatureSetServiceClient,
        job_service_client::JobServiceClient, pipeline_node::Kind, pipeline_service_client::PipelineServiceClient,
    },
};
use lineal_rpc::{Peer, artifacts};
use lineal_trainer::failpoints::PIPELINE;

use crate::{process::Process, scenario};

/// A run that a dead process drove has ended this soon after the restart.
const PATIENCE: Duration = Duration::from_secs(40);

fn node(id: &str, inputs: &[&str], kind: Kind) -> pb::PipelineNode {
    let inputs = inputs.iter().map(ToString::to_string).collect();
    pb::PipelineNode { id: id.to_owned(), inputs, after: vec![], kind: Some(kind) }
}

/// Applies settings for the model and returns their digest.
async fn apply(peer: &Peer, threshold: f64) -> String {
    let text = format!(
        "model = 'churn'\n[data]\nlabel_column = 'churn'\n[training]\nthreshold = {threshold}\n[validation.limits]\nauc = 0.5\n"
    );
    let request = ApplySettingsRequest { text, ..ApplySettingsRequest::default() };
    let mut settings = SettingsServiceClient::new(peer.clone());
    settings.apply_settings(request).await.unwrap().into_inner().settings.unwrap().digest
}

/// The features that the graph declares.
fn columns() -> pb::FeaturesNode {
    let feature = |source: &str| pb::Feature {
        source: source.to_owned(),
        kind: pb::FeatureKind::Number.into(),
        ..pb::Feature::default()
    };
    let features = ["total_day_minutes", "number_customer_service_calls"].map(feature).to_vec();
    let feature_set = Some(pb::FeatureSet { features, ..pb::FeatureSet::default() });
    pb::FeaturesNode { version: "short".to_owned(), feature_set, ..pb::FeaturesNode::default() }
}

/// From the churn table to a champion, with declared features and by the settings of the model.
async fn saved(peer: &Peer) -> String {
    let digest = artifacts::upload(peer, scenario::CHURN.into()).await.unwrap().to_string();
    let source = scenario::spec("").source.unwrap();
    let label_column = String::new();
    let job = pb::JobSpec { source: None, label_column, use_settings: true, ..scenario::spec("logistic_regression") };
    let nodes = vec![
        node("rows", &[], Kind::Data(pb::DataSource { digest, ..source })),
        node("parts", &["rows"], Kind::Split(pb::SplitNode { version: "v1".to_owned(), reference_fraction: 0.0 })),
        node("columns", &["parts"], Kind::Features(columns())),
        node("train", &["columns"], Kind::Train(job)),
        node("judge", &["train"], Kind::Validate(pb::ValidateNode::default())),
        node("crown", &["judge"], Kind::Promote(pb::PromoteNode::default())),
    ];
    let request = pb::SavePipelineRequest { spec: Some(pb::PipelineSpec { nodes }) };
    let mut pipelines = PipelineServiceClient::new(peer.clone());
    pipelines.save_pipeline(request).await.unwrap().into_inner().pipeline.unwrap().pipeline_id
}

/// The run with this key, begun if it is not there; `None` if the process died meanwhile.
async fn run(peer: &Peer, pipeline_id: &str, request_id: &str) -> Option<pb::PipelineRun> {
    let request = pb::RunPipelineRequest {
        pipeline_id: pipeline_id.to_owned(),
        request_id: request_id.to_owned(),
        ..pb::RunPipelineRequest::default()
    };
    PipelineServiceClient::new(peer.clone()).run_pipeline(request).await.ok()?.into_inner().pipeline_run
}

/// Events after `seen` until the run has ended or the process has.
async fn watch(peer: &Peer, id: &str, seen: u64) -> Vec<pb::PipelineEvent> {
    let request = pb::WatchPipelineRunRequest { pipeline_run_id: id.to_owned(), after_sequence: seen };
    let mut events = Vec::new();
    if let Ok(stream) = PipelineServiceClient::new(peer.clone()).watch_pipeline_run(request).await {
        let mut stream = stream.into_inner();
        while let Ok(Some(message)) = stream.message().await {
            events.extend(message.event);
        }
    }
    events
}

/// X5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_may_die_at_any_point_of_a_pipeline() {
    let points = PIPELINE.iter().flat_map(|point| match *point {
        // Once for each kind of step: data, split, features, train, validate, promote. The training ends first with its settings.
        "step_started" => (0..6).map(|nth| format!("{point}={nth}*off->return")).collect(),
        "step_ended" => (0..7).map(|nth| format!("{point}={nth}*off->return")).collect(),
        _ => vec![format!("{point}=return")],
    });
    for point in points.chain(["trainer::job::prepared=return".to_owned()]) {
        let folder = tempfile::tempdir().unwrap();
        let point = if point.starts_with("trainer") { point } else { format!("trainer::job::{point}") };
        let dying = Process::dev(folder.path(), &[("FAILPOINTS", &point)]).await;
        let peer = dying.peer();
        apply(&peer, 0.4).await;
        let pipeline_id = saved(&peer).await;
        let begun = run(&peer, &pipeline_id, "weekly").await;
        let before = match &begun {
            Some(run) => watch(&peer, &run.pipeline_run_id, 0).await,
            None => vec![],
        };
        let seen = before.last().map_or(0, |event| event.sequence);
        assert!(!dying.died().await.success(), "{point}");

        let lineal = Process::dev(folder.path(), &[]).await;
        let peer = lineal.peer();
        apply(&peer, 0.6).await;
        let known = run(&peer, &pipeline_id, "weekly").await.unwrap();
        assert!(begun.is_none_or(|begun| begun.pipeline_run_id == known.pipeline_run_id), "{point}");
        let id = known.pipeline_run_id;
        let rest = tokio::time::timeout(PATIENCE, watch(&peer, &id, seen)).await.unwrap();
        let sequence: Vec<_> = rest.iter().map(|event| event.sequence).collect();
        assert_eq!(sequence, (seen + 1..seen + 1 + rest.len() as u64).collect::<Vec<_>>(), "{point}");
        let log = watch(&peer, &id, 0).await;
        let ends = log.iter().filter(|event| event.state() == pb::PipelineRunState::Succeeded).count();
        let done = run(&peer, &pipeline_id, "weekly").await.unwrap();
        assert_eq!((done.state(), ends), (pb::PipelineRunState::Succeeded, 1), "{point}: {:?}", done.steps);
        assert!(done.steps.iter().all(|step| step.attempt == 1), "{point}: {:?}", done.steps);
        let jobs = JobServiceClient::new(peer.clone()).list_jobs(ListJobsRequest::default()).await.unwrap();
        let jobs = jobs.into_inner().jobs;
        // What was read and written down before the process died is what counts.
        let settings = &done.steps.iter().find(|step| step.node_id == "train").unwrap().settings_digest;
        let read = before.iter().filter_map(|event| Some(&event.step.as_ref()?.settings_digest));
        assert!(read.filter(|digest| !digest.is_empty()).all(|digest| digest == settings), "{point}: {before:?}");
        let spec = jobs[0].spec.clone().unwrap();
        assert_eq!((&spec.settings_digest, spec.feature_version.as_str()), (settings, "short"), "{point}");
        let request = ListFeatureSetsRequest { model: "churn".to_owned(), ..ListFeatureSetsRequest::default() };
        let sets = FeatureSetServiceClient::new(peer.clone()).list_feature_sets(request).await.unwrap().into_inner();
        assert_eq!((sets.feature_sets.len(), sets.feature_sets[0].features.len()), (1, 2), "{point}");
        let promotions = PromotionServiceClient::new(peer.clone());
        let promotions = { promotions }.list_promotions(ListPromotionsRequest::default()).await.unwrap();
        let counts = (jobs.len(), promotions.into_inner().promotions.len());
        assert_eq!(counts, (1, 1), "{point}: one job, one promotion");
        assert_eq!(scenario::alias(&peer).await.unwrap().number, 1, "{point}");
        println!("{point}: {} events before, {} after", seen, rest.len());
        lineal.kill();
    }
}
