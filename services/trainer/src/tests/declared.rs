//! Graphs that declare the features of their models.

use std::sync::Arc;

use lineal_proto::lineal::trainer::v1::{
    self as pb, feature_set_service_server::FeatureSetService as _, feature_transform::Transform, pipeline_node::Kind,
    pipeline_service_server::PipelineService as _,
};
use lineal_rpc::reason_of;
use tonic::{Code, Request};

use super::{
    feature_sets::{calls, create, get, number},
    graphs::{data, job, node, save, some_digest, split, start, train},
    lab::{Lab, customers},
    pipeline_runs::{finish, jobs, states, step},
    pipelines::{everything, problems},
};
use crate::{
    domain::{PipelineRunState, StepState},
    grpc::TrainerGrpc,
};

/// The features of the lab's customers, as a node says them.
pub(super) fn declared() -> pb::FeatureSet {
    pb::FeatureSet { model: String::new(), name: String::new(), ..calls("") }
}

pub(super) fn columns(id: &str, set: pb::FeatureSet) -> pb::PipelineNode {
    let features = pb::FeaturesNode { version: "short".to_owned(), feature_set: Some(set), ..Default::default() };
    node(id, &["parts"], Kind::Features(features))
}

/// Rows, split, features, and a training of each model.
fn graph(digest: &str, models: &[&str]) -> Vec<pb::PipelineNode> {
    let mut nodes = vec![data("rows", digest), split("parts", "rows"), columns("columns", declared())];
    nodes.extend(models.iter().map(|model| train(model, &["columns"], "logistic_regression")));
    nodes
}

async fn sets(grpc: &TrainerGrpc, model: &str) -> Vec<pb::FeatureSet> {
    let request = pb::ListFeatureSetsRequest { model: model.to_owned(), ..Default::default() };
    grpc.list_feature_sets(Request::new(request)).await.unwrap().into_inner().feature_sets
}

async fn run(grpc: &TrainerGrpc, pipeline_id: &str) -> Result<pb::PipelineRun, tonic::Status> {
    let request = pb::RunPipelineRequest { pipeline_id: pipeline_id.to_owned(), ..Default::default() };
    Ok(grpc.run_pipeline(Request::new(request)).await?.into_inner().pipeline_run.unwrap())
}

#[tokio::test]
async fn declared_features_come_back_and_are_part_of_the_id() {
    // F74, F77
    let lab = Lab::new().await;
    let with = |set: Option<pb::FeatureSet>| {
        let mut nodes = everything();
        let features = pb::FeaturesNode { version: "v2".to_owned(), exclude_columns: vec![], feature_set: set };
        nodes[3].kind = Some(Kind::Features(features));
        nodes
    };
    let saved = save(&lab, with(Some(declared()))).await.unwrap();
    let mut sent = with(Some(declared()));
    sent.sort_by(|a, b| a.id.cmp(&b.id));
    // What a blank stands for is written down.
    let Some(Kind::Features(pb::FeaturesNode { feature_set: Some(set), .. })) = &mut sent[2].kind else { panic!() };
    for feature in &mut set.features[..2] {
        feature.name.clone_from(&feature.source);
        feature.missing = pb::MissingRule::Mean.into();
    }
    assert_eq!(saved.spec.unwrap().nodes, sent);
    assert_eq!(save(&lab, sent).await.unwrap().pipeline_id, saved.pipeline_id, "said in full it is the same");

    let mut ids = vec![saved.pipeline_id, save(&lab, with(None)).await.unwrap().pipeline_id];
    let mut reversed = with(Some(declared()));
    reversed.reverse();
    assert_eq!(save(&lab, reversed).await.unwrap().pipeline_id, ids[0]);
    let changes: [&dyn Fn(&mut pb::FeatureSet); 5] = [
        &|set| set.features[2].missing_constant = -1.0,
        &|set| {
            let log = Transform::Log(pb::LogTransform {});
            set.features[1].transform = Some(pb::FeatureTransform { transform: Some(log) });
        },
        &|set| set.features.swap(0, 1),
        &|set| drop(set.features.pop()),
        &|set| {
            set.order_column = "day".to_owned();
            set.lags = vec![pb::Lag { column: "calls".to_owned(), rows: 1 }];
            set.features.push(number("calls_lag_1", None));
        },
    ];
    for change in changes {
        let mut set = declared();
        change(&mut set);
        ids.push(save(&lab, with(Some(set))).await.unwrap().pipeline_id);
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 7);
}

#[tokio::test]
async fn problems_of_a_declaration_are_told_with_those_of_the_graph() {
    // F74, F85
    let one_hot = Some(Transform::OneHot(pb::OneHotTransform {}));
    let unread = pb::FeatureSet {
        model: "churn".to_owned(),
        name: "short".to_owned(),
        features: vec![pb::Feature { kind: 0, ..number("calls", None) }, number("minutes", one_hot.clone())],
        ..pb::FeatureSet::default()
    };
    let senseless = pb::FeatureSet {
        features: vec![number("calls", None), number("minutes", one_hot)],
        lags: vec![pb::Lag { column: "calls".to_owned(), rows: 0 }],
        ..pb::FeatureSet::default()
    };
    let mut excluding = columns("excluding", declared());
    let Some(Kind::Features(features)) = &mut excluding.kind else { panic!() };
    features.exclude_columns = vec!["minutes".to_owned()];
    let told = problems(vec![
        data("rows", &some_digest()),
        split("parts", "rows"),
        columns("unread", unread),
        columns("senseless", senseless),
        columns("empty", pb::FeatureSet::default()),
        excluding,
        train("churn", &["unread"], "forest"),
        train("fraud", &["excluding", "nobody"], "logistic_regression"),
    ])
    .await;
    for expected in [
        "spec.nodes.unread.features.feature_set.model: the train nodes after this one say it",
        "spec.nodes.unread.features.feature_set.name: the version of the node says it",
        "spec.nodes.unread.features.feature_set.features[0].kind: say whether",
        "spec.nodes.senseless.features.feature_set.features[1].transform: one_hot and date_parts are for categories",
        "spec.nodes.senseless.features.feature_set.order_column: ",
        "spec.nodes.senseless.features.feature_set.lags[0]: 1 to 1,000 rows",
        "spec.nodes.empty.features.feature_set.features: 1 to 10000 features",
        "spec.nodes.excluding.features.exclude_columns: the feature set says which columns are read, leave this out",
        "spec.nodes.churn.train.family: unknown",
        "spec.nodes.fraud.inputs[1]: there is no node `nobody`",
    ] {
        assert!(told.contains(expected), "{expected} is not in\n{told}");
    }
    let moved = told.lines().filter(|line| line.contains("unread.features.feature_set.features")).count();
    assert_eq!(moved, 1, "the place of the other has moved: {told}");
}

#[tokio::test]
async fn a_declaration_that_its_jobs_cannot_use_is_refused() {
    // F56, F74
    let mut on_calls = job("fraud", "logistic_regression");
    on_calls.label_column = "calls".to_owned();
    let mut goals = job("goals", "poisson");
    goals.label_column.clear();
    let mut nodes = graph(&some_digest(), &["churn"]);
    nodes.push(node("label", &["columns"], Kind::Train(on_calls)));
    nodes.push(node("member", &["columns"], Kind::Train(goals)));
    nodes.push(columns("others", pb::FeatureSet { features: vec![number("calls", None)], ..Default::default() }));
    nodes.push(node("second", &["others"], Kind::Train(job("churn", "logistic_regression"))));
    nodes.push(columns("same", declared()));
    nodes.push(node("third", &["same"], Kind::Train(job("churn", "logistic_regression"))));
    let told = problems(nodes).await;
    let expected = "\
        spec.nodes.label.train: the feature set `short` reads the column `calls`, which this job predicts\n\
        spec.nodes.member.train: `poisson` reads columns of its own, leave out the features `short` that are declared\n\
        spec.nodes.second.train: its features `short` are declared otherwise for `churn`, which trains `churn` too; choose another \
        name or declare the same\n\
        spec.nodes.third.train: its features `short` are declared otherwise for `second`, which trains `churn` too; choose another \
        name or declare the same";
    assert_eq!(told, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_declared_set_is_created_for_each_model_that_is_trained_and_for_no_other() {
    // F56, F63, F87
    let mut lab = Lab::new().await;
    let digest = lab.registry.add(&customers(200)).to_string();
    let saved = save(&lab, graph(&digest, &["churn", "fraud"])).await.unwrap();
    let first = start(&lab, &saved.pipeline_id, |wish| wish.until = Some("churn".to_owned())).await;
    let first = finish(&mut lab, &first).await;
    assert_eq!(first.state, PipelineRunState::Succeeded, "{:?}", states(&first));
    let grpc = TrainerGrpc::new(Arc::clone(&lab.app));
    assert_eq!(sets(&grpc, "fraud").await, [], "it was not to be trained");
    let made = get(&grpc, "short").await.unwrap();
    assert_eq!((made.actor.as_str(), made.features.len()), ("ada", 3));
    {
        let known = lab.registry.known();
        let version = &known.versions[0].1;
        let told = (version.feature_version.as_str(), version.feature_digest.to_string());
        assert_eq!(told, ("short", made.digest.clone()));
    }

    let second = start(&lab, &saved.pipeline_id, |_| {}).await;
    let second = finish(&mut lab, &second).await;
    assert_eq!(second.state, PipelineRunState::Succeeded);
    assert_eq!(step(&second, "churn").reused_from.as_deref(), Some(first.id.as_str()));
    assert_eq!((get(&grpc, "short").await.unwrap(), jobs(&lab).await), (made.clone(), 2), "it stays as it was");
    let other = sets(&grpc, "fraud").await;
    assert_eq!((other.len(), &other[0].digest), (1, &made.digest));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_means_other_features_is_refused_and_stops_no_other_model() {
    // F60, F86
    let mut lab = Lab::new().await;
    let digest = lab.registry.add(&customers(200)).to_string();
    let saved = save(&lab, graph(&digest, &["churn", "fraud"])).await.unwrap().pipeline_id;
    let begun = start(&lab, &saved, |_| {}).await;
    // Somebody takes the name before the step comes to it.
    let grpc = TrainerGrpc::new(Arc::clone(&lab.app));
    let other =
        create(&grpc, pb::FeatureSet { features: vec![number("calls", None)], ..calls("short") }).await.unwrap();
    let begun = finish(&mut lab, &begun).await;
    assert_eq!(begun.state, PipelineRunState::Failed);
    assert_eq!((step(&begun, "churn").state, step(&begun, "fraud").state), (StepState::Failed, StepState::Succeeded));
    let message =
        "features version `short` of `churn` has other features; give another feature_version for another meaning";
    assert_eq!(step(&begun, "churn").message, message);
    assert_eq!((get(&grpc, "short").await.unwrap(), jobs(&lab).await), (other, 1));

    let grpc = TrainerGrpc::new(Arc::clone(&lab.app));
    let refused = run(&grpc, &saved).await.unwrap_err();
    assert_eq!((refused.code(), reason_of(&refused).as_deref()), (Code::AlreadyExists, Some("DEFINITION_CONFLICT")));
    assert_eq!(refused.message(), message);
    let fine = save(&lab, graph(&digest, &["fraud"])).await.unwrap().pipeline_id;
    assert!(run(&grpc, &fine).await.is_ok(), "the same declaration again changes nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_declares_its_features_like_any_graph() {
    // F44, F63
    let lab = Lab::new().await;
    let grpc = TrainerGrpc::new(Arc::clone(&lab.app));
    let Some(Kind::Data(source)) = data("rows", &some_digest()).kind else { panic!() };
    let Some(Kind::Features(features)) = columns("features", declared()).kind else { panic!() };
    let request = pb::TrainFullPipelineRequest {
        source: Some(source),
        split: Some(pb::SplitNode { version: "v1".to_owned(), reference_fraction: 0.25 }),
        features: Some(features),
        members: vec![job("churn", "logistic_regression")],
        ..pb::TrainFullPipelineRequest::default()
    };
    let made = grpc.train_full_pipeline(Request::new(request.clone())).await.unwrap().into_inner();
    let nodes = made.pipeline.unwrap().spec.unwrap().nodes;
    let of = |id: &str| nodes.iter().find(|node| node.id == id).unwrap();
    assert_eq!(of("train-churn").inputs, ["features"]);
    assert!(matches!(&of("features").kind, Some(Kind::Features(node)) if node.feature_set.is_some()));
    let mut wrong = request;
    wrong.features.as_mut().unwrap().feature_set.as_mut().unwrap().features[1].kind = 0;
    wrong.members[0].family = "forest".to_owned();
    let told = grpc.train_full_pipeline(Request::new(wrong)).await.unwrap_err();
    for expected in ["nodes.features.features.feature_set.features[1].kind: ", "nodes.train-churn.train.family: "] {
        assert!(told.message().contains(expected), "{told}");
    }
}
