//! Graphs: what is wrong with them, and what they are called.

use lineal_kernel::Digest;
use lineal_proto::lineal::{
    registry::v1::ReloadPolicy,
    trainer::v1::{self as pb, pipeline_node::Kind, pipeline_service_server::PipelineService},
    validator::v1::{MetricLimit, Policy},
};
use lineal_rpc::reason_of;
use pbjson_types::value::Kind as ValueKind;
use tonic::Request;

use super::{
    graphs::{after, branches, data, job, node, promote, save, some_digest, split, train, validate},
    lab::{Lab, customers},
};
use crate::grpc::TrainerGrpc;

fn number(value: f64) -> pbjson_types::Value {
    pbjson_types::Value { kind: Some(ValueKind::NumberValue(value)) }
}

/// Every problem of a graph, one a line.
pub(super) async fn problems(nodes: Vec<pb::PipelineNode>) -> String {
    let status = save(&Lab::new().await, nodes).await.unwrap_err();
    assert_eq!(reason_of(&status).as_deref(), Some("INVALID_FIELD"));
    status.message().replace("; spec", "\nspec")
}

/// What one case changes in a graph.
type Change<'a> = &'a dyn Fn(&mut Vec<pb::PipelineNode>);

/// One node of every kind, every field of its own filled.
pub(super) fn everything() -> Vec<pb::PipelineNode> {
    let mut churn = job("churn", "gradient_boosting");
    churn.hyperparameters.insert("rounds".to_owned(), number(20.0));
    churn.slot.insert("region".to_owned(), "north".to_owned());
    churn.tags.insert("team".to_owned(), "growth".to_owned());
    churn.max_runtime = Some(pbjson_types::Duration { seconds: 60, nanos: 0 });
    churn.schedule = Some(pb::JobSchedule { priority: 3, ..pb::JobSchedule::default() });
    let over = pb::Resampling { method: pb::ResampleMethod::Over.into(), seed: 7 };
    let exclude_columns = vec!["minutes".to_owned()];
    let features = pb::FeaturesNode { version: "v2".to_owned(), exclude_columns, feature_set: None };
    let limits = vec![MetricLimit { metric: "auc".to_owned(), limit: 0.6 }];
    let policy = Policy { limits, comparison_metric: "f1".to_owned(), skip_comparison: false };
    let crown = pb::PromoteNode { policy: ReloadPolicy::Quorum.into(), quorum: 2, reason: "weekly".to_owned() };
    vec![
        data("rows", &some_digest()),
        split("parts", "rows"),
        node("balance", &["parts"], Kind::Resample(over)),
        node("columns", &["balance"], Kind::Features(features)),
        node("churn", &["columns"], Kind::Train(churn)),
        after(node("judge", &["churn"], Kind::Validate(pb::ValidateNode { policy: Some(policy) })), &["parts"]),
        node("crown", &["judge"], Kind::Promote(crown)),
    ]
}

#[tokio::test]
async fn a_graph_comes_back_as_it_was_sent() {
    // F74
    let lab = Lab::new().await;
    let saved = save(&lab, everything()).await.unwrap();
    let mut sent = everything();
    sent.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(saved.spec.as_ref().unwrap().nodes, sent);
    let grpc = TrainerGrpc::new(lab.app.clone());
    let get = pb::GetPipelineRequest { pipeline_id: saved.pipeline_id.clone() };
    assert_eq!(grpc.get_pipeline(Request::new(get)).await.unwrap().into_inner().pipeline, Some(saved));
}

#[tokio::test]
async fn a_graph_is_named_by_its_content_and_not_by_the_order_of_its_nodes() {
    // F77
    let lab = Lab::new().await;
    let id = save(&lab, everything()).await.unwrap().pipeline_id;
    let (dataset, hash) = id.split_once('_').unwrap();
    assert_eq!((dataset, hash.len()), ("customers", 16));
    let mut reversed = everything();
    reversed.reverse();
    assert_eq!(save(&lab, reversed).await.unwrap().pipeline_id, id);
    let mut ids = vec![id];
    let changes: [Change<'_>; 6] = [
        &|nodes| nodes[0] = data("rows", &Digest::of(b"others").to_string()),
        &|nodes| {
            let v2 = pb::SplitNode { version: "v2".to_owned(), ..pb::SplitNode::default() };
            nodes[1] = node("parts", &["rows"], Kind::Split(v2));
        },
        &|nodes| {
            let Some(Kind::Train(churn)) = &mut nodes[4].kind else { panic!("the fifth node trains") };
            churn.hyperparameters.insert("rounds".to_owned(), number(21.0));
        },
        &|nodes| nodes[5].after.clear(),
        &|nodes| nodes[4].inputs = vec!["parts".to_owned()],
        &|nodes| drop(nodes.pop()),
    ];
    for change in changes {
        let mut nodes = everything();
        change(&mut nodes);
        ids.push(save(&lab, nodes).await.unwrap().pipeline_id);
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 7);
}

#[tokio::test]
async fn an_id_does_not_change_between_releases() {
    // F77
    let lab = Lab::new().await;
    assert_eq!(save(&lab, everything()).await.unwrap().pipeline_id, "customers_6a891d1c9f4ca9ee");
}

#[tokio::test]
async fn all_problems_of_a_graph_are_told_at_once() {
    // F69, F74, F85
    let mut typo = job("Churn!", "forest");
    typo.split_version = "v1".to_owned();
    let mut bad = job("fraud", "gradient_boosting");
    bad.hyperparameters.insert("learning_rat".to_owned(), number(0.1));
    let told = problems(vec![
        data("rows", "abc"),
        split("parts", "rows"),
        node("typo", &["parts", "nobody"], Kind::Train(typo)),
        node("bad", &["parts"], Kind::Train(bad)),
        train("unsplit", &["rows"], "logistic_regression"),
        validate("judge", "parts"),
        promote("crown", "typo"),
        node("balance", &["parts"], Kind::Resample(pb::Resampling::default())),
        after(node("parts", &["rows"], Kind::Split(pb::SplitNode::default())), &["never"]),
    ])
    .await;
    for expected in [
        "spec.nodes[8].id: there is another node `parts`, rename one of them",
        "spec.nodes.rows.data.digest: expected `sha256:`",
        "spec.nodes.typo.inputs[1]: there is no node `nobody`",
        "spec.nodes.typo.train.model: a model name is",
        "spec.nodes.typo.train.family: unknown, known are",
        "spec.nodes.typo.train.split_version: the nodes before this one say it, leave it out here",
        "spec.nodes.bad.train.hyperparameters.learning_rat: ",
        "spec.nodes.unsplit.inputs[0]: `rows` is a data node: put a split node between it and the training",
        "spec.nodes.judge.inputs[0]: a validate node takes one train node; `parts` is a split node",
        "spec.nodes.crown.inputs[0]: a promote node takes one validate node; `typo` is a train node",
        "spec.nodes.balance.resample.method: say whether",
    ] {
        assert!(told.contains(expected), "{expected} is not in\n{told}");
    }
    assert_eq!(told.lines().filter(|line| line.contains("train.source")).count(), 0, "the graph gives it: {told}");
}

#[tokio::test]
async fn a_cycle_is_told_by_its_nodes() {
    // F74
    let told = problems(vec![
        data("rows", &some_digest()),
        split("parts", "rows"),
        train("a", &["parts", "c"], "logistic_regression"),
        train("b", &["parts", "a"], "logistic_regression"),
        train("c", &["parts", "b"], "logistic_regression"),
        train("downstream", &["parts", "c"], "logistic_regression"),
    ])
    .await;
    assert!(told.ends_with("spec.nodes: they wait for each other: a -> b -> c -> a"), "{told}");
    let told = problems(vec![after(data("rows", &some_digest()), &["rows"])]).await;
    assert_eq!(told, "spec.nodes: they wait for each other: rows -> rows");
}

#[tokio::test]
async fn a_chain_is_trained_on_the_same_rows() {
    // F46
    let chain = |other: &str| {
        vec![
            data("rows", &some_digest()),
            data("others", &some_digest()),
            split("parts", "rows"),
            split("other-parts", "others"),
            train("first", &["parts"], "logistic_regression"),
            train("second", &["first", other], "logistic_regression"),
        ]
    };
    let told = problems(chain("parts")).await;
    assert_eq!(told, "spec.nodes.second.train.upstreams: the family takes no answers of others, leave them out");
    let told = problems(chain("other-parts")).await;
    assert!(
        told.contains("spec.nodes.second.train: it uses the answers of `first`, which is trained on other rows"),
        "{told}"
    );
}

#[tokio::test]
async fn pipelines_are_listed_by_dataset_and_page() {
    let lab = Lab::new().await;
    let grpc = TrainerGrpc::new(lab.app.clone());
    for family in ["logistic_regression", "gradient_boosting", "counting"] {
        save(&lab, branches(&lab, &[("churn", family)])).await.unwrap();
    }
    let request = pb::ListPipelinesRequest { page_size: 2, dataset: "customers".to_owned(), ..Default::default() };
    let first = grpc.list_pipelines(Request::new(request.clone())).await.unwrap().into_inner();
    let next = pb::ListPipelinesRequest { page_token: first.next_page_token, ..request };
    let second = grpc.list_pipelines(Request::new(next)).await.unwrap().into_inner();
    let mut ids: Vec<_> = first.pipelines.into_iter().chain(second.pipelines).map(|known| known.pipeline_id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), second.next_page_token.as_str()), (3, ""));
    let request = pb::ListPipelinesRequest { dataset: "fraud".to_owned(), ..Default::default() };
    assert_eq!(grpc.list_pipelines(Request::new(request)).await.unwrap().into_inner().pipelines, []);
}

#[tokio::test]
async fn a_chain_of_one_member_is_an_ordinary_pipeline() {
    // F44
    let lab = Lab::new().await;
    let grpc = TrainerGrpc::new(lab.app.clone());
    let digest = lab.registry.add(&customers(300)).to_string();
    let Some(Kind::Data(source)) = data("rows", &digest).kind else { panic!("it is a data node") };
    let request = pb::TrainFullPipelineRequest {
        source: Some(source),
        split: Some(pb::SplitNode { version: "v1".to_owned(), reference_fraction: 0.25 }),
        members: vec![job("churn", "logistic_regression")],
        request_id: "weekly".to_owned(),
        ..pb::TrainFullPipelineRequest::default()
    };
    let first = grpc.train_full_pipeline(Request::new(request.clone())).await.unwrap().into_inner();
    let run = first.pipeline_run.as_ref().unwrap();
    let steps: Vec<_> = run.steps.iter().map(|step| step.node_id.as_str()).collect();
    assert_eq!(steps, ["rows", "split", "train-churn", "validate", "promote"]);
    assert_eq!(grpc.train_full_pipeline(Request::new(request.clone())).await.unwrap().into_inner(), first);
    let named = |model: &str| {
        let members = vec![job(model, "logistic_regression")];
        Request::new(pb::TrainFullPipelineRequest { members, request_id: String::new(), ..request.clone() })
    };
    let long = grpc.train_full_pipeline(named(&"m".repeat(63))).await.unwrap().into_inner().pipeline_run.unwrap();
    assert_eq!(long.steps[2].node_id, "member-1", "`train-` and the model is too long a name");
    let wrong = grpc.train_full_pipeline(named("Churn")).await.unwrap_err();
    assert!(wrong.message().starts_with("nodes.member-1.train.model: a model name is 1 to 63"), "{wrong}");
    let mut two = request;
    two.members.push(job("fraud", "logistic_regression"));
    let refused = grpc.train_full_pipeline(Request::new(two)).await.unwrap_err();
    let expected = "nodes.train-fraud.train.upstreams: the family takes no answers of others, leave them out";
    assert_eq!(refused.message(), expected);
}
