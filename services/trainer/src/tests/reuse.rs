//! When a training of an earlier run is taken again, and when not.

use lineal_data::Expectations;
use lineal_kernel::Name;
use lineal_proto::lineal::trainer::v1::{self as pb, pipeline_node::Kind};

use super::{
    chains,
    graphs::{branches, node, save, split, start},
    lab::{Lab, caller},
    pipeline_runs::{finish, step},
};
use crate::domain::{PipelineRun, StepState};

/// Runs a pipeline to its end, as far as its training.
async fn train(lab: &mut Lab, pipeline: &str) -> PipelineRun {
    let run = start(lab, pipeline, |wish| wish.until = Some("churn".to_owned())).await;
    finish(lab, &run).await
}

/// What the step took: the run that had its result, if it was another one.
fn reused(run: &PipelineRun) -> Option<&str> {
    assert_eq!(step(run, "churn").state, StepState::Succeeded, "{}", step(run, "churn").message);
    step(run, "churn").reused_from.as_deref()
}

/// The graph of one model on the rows of this dataset.
fn nodes_on(lab: &Lab, dataset: &str) -> Vec<pb::PipelineNode> {
    let mut nodes = branches(lab, &[("churn", "logistic_regression")]);
    let Some(Kind::Data(rows)) = &mut nodes[0].kind else { panic!("it is a data node") };
    dataset.clone_into(&mut rows.dataset);
    nodes
}

/// At least so many rows.
async fn expect(lab: &Lab, rows: u64) {
    let expectations: Expectations = serde_json::from_value(serde_json::json!({ "min_rows": rows })).unwrap();
    lab.app.set_expectations(&caller(), &Name::new("customers").unwrap(), &expectations).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_file_of_two_datasets_makes_two_results() {
    // X6
    let mut lab = Lab::new().await;
    let customers = save(&lab, nodes_on(&lab, "customers")).await.unwrap().pipeline_id;
    let others = save(&lab, nodes_on(&lab, "others")).await.unwrap().pipeline_id;
    let first = train(&mut lab, &customers).await;
    assert_eq!(reused(&train(&mut lab, &customers).await), Some(first.id.as_str()));
    let second = train(&mut lab, &others).await;
    assert_eq!(reused(&second), None, "its split and its expectations are others");
    assert_eq!(lab.registry.known().versions[1].1.dataset.as_str(), "others");
    assert_eq!(reused(&train(&mut lab, &others).await), Some(second.id.as_str()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_held_against_the_expectations_in_force_before_their_training_counts() {
    // F57, X6
    let mut lab = Lab::new().await;
    let pipeline = save(&lab, nodes_on(&lab, "customers")).await.unwrap().pipeline_id;
    let first = train(&mut lab, &pipeline).await;
    expect(&lab, 1000).await;
    let refused = train(&mut lab, &pipeline).await;
    assert_eq!(step(&refused, "churn").state, StepState::Failed);
    let message = &step(&refused, "churn").message;
    assert!(message.contains("the rows of `customers` do not meet what is expected of them"), "{message}");
    expect(&lab, 100).await;
    let second = train(&mut lab, &pipeline).await;
    assert_eq!(reused(&second), None);
    assert_eq!(reused(&train(&mut lab, &pipeline).await), Some(second.id.as_str()));
    lab.app.set_expectations(&caller(), &Name::new("customers").unwrap(), &Expectations::default()).await.unwrap();
    assert_eq!(reused(&train(&mut lab, &pipeline).await), Some(first.id.as_str()), "nothing is expected, as at first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sample_of_another_size_is_another_training() {
    // X6
    let mut lab = Lab::new().await;
    let pipeline = save(&lab, nodes_on(&lab, "customers")).await.unwrap().pipeline_id;
    train(&mut lab, &pipeline).await;
    lab.restart_with(1 << 30);
    let run = start(&lab, &pipeline, |wish| wish.until = Some("churn".to_owned())).await;
    assert_eq!(reused(&finish(&mut lab, &run).await), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_was_taken_out_is_trained_again() {
    // X6
    let mut lab = Lab::new().await;
    let pipeline = save(&lab, nodes_on(&lab, "customers")).await.unwrap().pipeline_id;
    train(&mut lab, &pipeline).await;
    lab.registry.known().unsound = vec![1];
    let second = train(&mut lab, &pipeline).await;
    assert_eq!((reused(&second), step(&second, "churn").output.version), (None, 2));
    assert_eq!(reused(&train(&mut lab, &pipeline).await), Some(second.id.as_str()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_is_reused_with_the_very_versions_that_it_learned_from() {
    // F46, X6
    let mut lab = Lab::new().await;
    let season = pb::DataSource {
        dataset: "season".to_owned(),
        digest: lab.registry.add(chains::SEASON).to_string(),
        format: pb::SourceFormat::Csv.into(),
    };
    let member = |id: &str, inputs: &[&str]| {
        let job = pb::JobSpec { model: id.to_owned(), family: id.to_owned(), ..pb::JobSpec::default() };
        node(id, inputs, Kind::Train(job))
    };
    let nodes = vec![
        node("rows", &[], Kind::Data(season)),
        split("parts", "rows"),
        member("poisson", &["parts"]),
        member("blending", &["parts", "poisson"]),
    ];
    let pipeline = save(&lab, nodes).await.unwrap().pipeline_id;
    for (unsound, expected) in [(vec![], [1, 2]), (vec![], [1, 2]), (vec![1], [3, 4])] {
        lab.registry.known().unsound = unsound;
        let run = start(&lab, &pipeline, |_| {}).await;
        let run = finish(&mut lab, &run).await;
        assert_eq!(["poisson", "blending"].map(|node| step(&run, node).output.version), expected);
    }
    assert_eq!(lab.registry.known().versions[3].1.upstreams[0].number, 3, "not the one that was taken out");
}
