//! Several classes and numbers over the wire, and that a model keeps its task.

use std::collections::BTreeMap;

use crate::fixture::{FakeRegistry, TestReplica, raw_request, request, version, version_of};
use lineal_models::Task;
use lineal_proto::inference::ModelConfigRequest;
use lineal_rpc::reason_of;
use tonic::Code;

#[tokio::test]
async fn several_classes_and_numbers_are_answered_in_both_protocols() {
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let wines = version_of(Task::MulticlassClassification, "wines", 1);
    let prices = version_of(Task::Regression, "prices", 1);
    registry.promote(&wines);
    registry.promote(&prices);
    let folder = tempfile::tempdir().unwrap();
    let replica = TestReplica::start(&listening.address, folder.path().into()).await;
    registry.until_served(2).await;
    for (champion, answers, task, tensors) in [
        (
            &wines,
            &["red", "rose", "white"][..],
            "multiclass_classification",
            &[("probabilities", vec![2, 3]), ("label", vec![2])][..],
        ),
        (&prices, &["value"], "regression", &[("value", vec![2])]),
    ] {
        let model = champion.entry.model.as_str();
        let answer = replica.predictions().predict(request(model)).await.unwrap().into_inner();
        assert_eq!((&answer.scores, &answer.labels), (&champion.scores, &champion.labels));
        assert_eq!(
            (answer.answers, answer.scores.len()),
            (answers.iter().map(ToString::to_string).collect(), 2 * answers.len())
        );
        let answer = replica.open_inference().model_infer(raw_request(model)).await.unwrap().into_inner();
        let found: Vec<_> = answer.outputs.iter().map(|output| (output.name.as_str(), output.shape.clone())).collect();
        assert_eq!(found, tensors);
        let scores: Vec<_> =
            answer.raw_output_contents[0].chunks(8).map(|raw| f64::from_le_bytes(raw.try_into().unwrap())).collect();
        assert_eq!(scores, champion.scores);
        let config = ModelConfigRequest { name: model.to_owned(), version: String::new() };
        let config = replica.open_inference().model_config(config).await.unwrap().into_inner().config.unwrap();
        assert_eq!(config.parameters["task"].string_value, task);
        let classes = config.parameters.get("classes").map(|classes| classes.string_value.as_str());
        assert_eq!(classes, (answers.len() > 1).then_some(r#"["red","rose","white"]"#));
    }
}

#[tokio::test]
async fn a_version_of_another_task_is_refused_and_the_old_one_keeps_serving() {
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let folder = tempfile::tempdir().unwrap();
    let replica = TestReplica::start(&listening.address, folder.path().into()).await;
    let (first, number) = (version("churn", 1), version_of(Task::Regression, "churn", 2));
    registry.promote(&first);
    registry.until_served(1).await;
    registry.store(&number);
    let refused = replica.prepare(&number).await.unwrap_err();
    assert_eq!((refused.code(), reason_of(&refused).as_deref()), (Code::FailedPrecondition, Some("TASK_CHANGED")));
    assert_eq!(
        refused.message(),
        "model `churn` serves binary_classification, this version predicts regression; give it a model of its own"
    );
    // Also where nobody prepared it, and in a slot that had no champion.
    for slot in [BTreeMap::new(), BTreeMap::from([("region".to_owned(), "eu".to_owned())])] {
        registry.with(|state| {
            let mut entry = number.entry.clone();
            entry.slot = slot;
            state.entries = vec![entry];
            state.generation = 2;
        });
        let refused = replica.reload(2).await.unwrap_err();
        assert_eq!(reason_of(&refused).as_deref(), Some("TASK_CHANGED"));
    }
    let answer = replica.predict().await.unwrap();
    assert_eq!((answer.scores, answer.pedigree.unwrap().generation), (first.scores, 1));
}
