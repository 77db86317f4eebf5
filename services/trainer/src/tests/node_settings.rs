//! Train nodes that leave their blanks to the settings of the model.

use lineal_kernel::{Clock as _, Digest};
use lineal_proto::lineal::trainer::v1::{
    self as pb, pipeline_node::Kind, pipeline_service_server::PipelineService as _,
};
use tonic::Request;

use super::{
    declared::{columns, declared},
    graphs::{data, job, node, save, some_digest, split, start},
    lab::{LEASE, Lab, caller, customers, entry},
    pipeline_runs::{events, finish, jobs, states, step, until},
    pipelines::problems,
    settings::settings,
};
use crate::{
    domain::{
        Job, ModelSettings, PipelineRun, PipelineRunState, PipelineStep, SpecDraft, StepOutput, StepState, Stop,
        TrainerError,
    },
    grpc::TrainerGrpc,
};

/// A node that says nothing but whose settings.
fn blank() -> pb::JobSpec {
    pb::JobSpec { model: "churn".to_owned(), use_settings: true, ..pb::JobSpec::default() }
}

fn graph(lab: &Lab, spec: pb::JobSpec) -> Vec<pb::PipelineNode> {
    let digest = lab.registry.add(&customers(300)).to_string();
    vec![data("rows", &digest), split("parts", "rows"), node("churn", &["parts"], Kind::Train(spec))]
}

async fn saved(lab: &Lab, spec: pb::JobSpec) -> String {
    save(lab, graph(lab, spec)).await.unwrap().pipeline_id
}

async fn run(lab: &mut Lab, pipeline: &str) -> PipelineRun {
    let run = start(lab, pipeline, |_| {}).await;
    finish(lab, &run).await
}

async fn job_of(lab: &Lab, run: &PipelineRun) -> Job {
    lab.app.job(&step(run, "churn").output.job_id.clone().into()).await.unwrap()
}

/// The digest of settings, as a step names it.
fn file(content: &str) -> Digest {
    Digest::of(content.as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_fills_its_blanks_but_rows_split_and_features_are_the_graphs() {
    // F88
    let mut lab = Lab::new().await;
    let known = settings("first", 0.3);
    let defaults = SpecDraft {
        dataset: "others".to_owned(),
        split_version: "v1".to_owned(),
        reference_fraction: 0.5,
        feature_version: "v7".to_owned(),
        ..known.defaults
    };
    lab.registry.known().settings = vec![ModelSettings { defaults, ..known }];
    let mut nodes = graph(&lab, pb::JobSpec { seed: 12, ..blank() });
    nodes[1] = node("parts", &["rows"], Kind::Split(pb::SplitNode { version: "v1".to_owned(), ..Default::default() }));
    let pipeline = save(&lab, nodes).await.unwrap().pipeline_id;
    let run = run(&mut lab, &pipeline).await;
    assert_eq!(run.state, PipelineRunState::Succeeded, "{:?}", run.steps);
    let spec = job_of(&lab, &run).await.spec;
    assert_eq!((spec.label_column.as_str(), spec.family.as_str()), ("churn", "gradient_boosting"));
    assert_eq!((spec.threshold, spec.seed, spec.settings), (0.3, 12, Some(file("first"))));
    assert_eq!((spec.dataset.as_str(), spec.reference_fraction), ("customers", None));
    assert_eq!(spec.split_version.unwrap().as_str(), "v1");
    assert_eq!(spec.feature_version.unwrap().as_str(), "v1");
    assert!(spec.exclude_columns.is_empty(), "{:?}", spec.exclude_columns);
    assert_eq!(step(&run, "churn").settings, Some(file("first")));
    {
        let known = lab.registry.known();
        let parameters = &known.runs[&known.versions[0].1.run_id].log.parameters;
        assert_eq!(entry(parameters, "settings_digest"), Digest::of(b"first").to_string());
    }
    let get = pb::GetPipelineRunRequest { pipeline_run_id: run.id.to_string() };
    let told = TrainerGrpc::new(lab.app.clone()).get_pipeline_run(Request::new(get)).await.unwrap().into_inner();
    let digests: Vec<_> = told.pipeline_run.unwrap().steps.into_iter().map(|step| step.settings_digest).collect();
    assert_eq!(digests, ["", "", &Digest::of(b"first").to_string()]);
    let log = events(&lab, &run.id, 0).await;
    let digest = Digest::of(b"first");
    assert!(log.iter().any(|event| event.message == format!("uses the settings {}", digest.short())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_training_with_other_settings_is_not_reused() {
    // X6
    let mut lab = Lab::new().await;
    lab.registry.known().settings = vec![settings("first", 0.3)];
    let pipeline = saved(&lab, blank()).await;
    let first = run(&mut lab, &pipeline).await;
    let again = run(&mut lab, &pipeline).await;
    assert_eq!(step(&again, "churn").reused_from.as_deref(), Some(first.id.as_str()));
    assert_eq!(step(&again, "churn").settings, Some(file("first")));
    assert_eq!(jobs(&lab).await, 1);
    // Another file, though it says the same.
    lab.registry.known().settings.push(settings("second", 0.3));
    let other = run(&mut lab, &pipeline).await;
    assert_eq!(
        (step(&other, "churn").reused_from.clone(), step(&other, "churn").settings),
        (None, Some(file("second")))
    );
    assert_ne!(step(&other, "churn").key, step(&first, "churn").key);
    assert_eq!((jobs(&lab).await, job_of(&lab, &other).await.spec.settings), (2, Some(file("second"))));
    // The way back is the earlier file.
    lab.registry.known().settings.push(settings("first", 0.3));
    let back = run(&mut lab, &pipeline).await;
    assert_eq!(step(&back, "churn").reused_from.as_deref(), Some(first.id.as_str()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_without_settings_fails_as_a_job_does_and_is_resumed_with_those_of_then() {
    // F88, X5
    let mut lab = Lab::new().await;
    let pipeline = saved(&lab, blank()).await;
    let absent = run(&mut lab, &pipeline).await;
    let draft = SpecDraft { use_settings: true, ..lab.draft(&customers(300), |_| ()) };
    let told = async |lab: &Lab| lab.app.submit_job(&caller(), draft.clone(), false, "").await.unwrap_err();
    assert!(matches!(told(&lab).await, TrainerError::SettingsNotFound { .. }));
    assert_eq!(step(&absent, "churn").message, told(&lab).await.to_string());
    assert_eq!((absent.state, jobs(&lab).await), (PipelineRunState::Failed, 0));

    lab.registry.known().settings = vec![settings("first", 0.3)];
    lab.registry.known().away = true;
    let resumed = lab.app.resume_pipeline_run(&caller(), &absent.id).await.unwrap();
    let away = finish(&mut lab, &resumed).await;
    assert!(matches!(told(&lab).await, TrainerError::RegistryUnavailable { .. }));
    assert_eq!(step(&away, "churn").message, told(&lab).await.to_string());
    assert_eq!((step(&away, "churn").state, step(&away, "churn").settings), (StepState::Failed, None));

    lab.registry.known().away = false;
    lab.registry.known().settings.push(settings("second", 0.4));
    let resumed = lab.app.resume_pipeline_run(&caller(), &absent.id).await.unwrap();
    let done = finish(&mut lab, &resumed).await;
    assert_eq!(done.state, PipelineRunState::Succeeded, "{:?}", states(&done));
    assert_eq!((step(&done, "churn").attempt, step(&done, "churn").settings), (3, Some(file("second"))));
    assert_eq!((jobs(&lab).await, job_of(&lab, &done).await.spec.threshold), (1, 0.4));
}

/// A run whose process died after it had written down which settings its training uses.
async fn left_behind(lab: &Lab) -> PipelineRun {
    lab.registry.known().settings = vec![settings("first", 0.3)];
    let pipeline = saved(lab, blank()).await;
    let run = start(lab, &pipeline, |_| {}).await;
    let now = lab.clock.now();
    let lease = lab.store.claim_pipeline_runs(now, now.plus(LEASE)).await.unwrap().remove(0);
    for known in &run.steps {
        let begun = known.started(vec![], now);
        let left = match known.node.as_str() {
            "churn" => PipelineStep { settings: Some(file("first")), key: Some(file("key")), ..begun },
            node => {
                let output = StepOutput { digest: Some(file(node)), ..StepOutput::default() };
                begun.succeeded(output, None, now)
            }
        };
        lab.store.record_pipeline_step(&lease, &left, "told", now).await.unwrap();
    }
    lab.store.release_pipeline_runs().await.unwrap();
    lab.app.pipeline_run(&run.id).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_a_dead_process_wrote_down_are_those_of_the_job() {
    // F88, X5
    let mut lab = Lab::new().await;
    let left = left_behind(&lab).await;
    lab.registry.known().settings.push(settings("second", 0.4));
    let done = finish(&mut lab, &left).await;
    assert_eq!(done.state, PipelineRunState::Succeeded, "{:?}", states(&done));
    let churn = step(&done, "churn");
    assert_eq!((churn.attempt, churn.settings, churn.key), (1, Some(file("first")), Some(file("key"))));
    let job = job_of(&lab, &done).await;
    assert_eq!((job.spec.settings, job.spec.threshold, jobs(&lab).await), (Some(file("first")), 0.3, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_there_needs_no_settings_again() {
    // X5
    let mut lab = Lab::new().await;
    let left = left_behind(&lab).await;
    let draft = lab.draft(&customers(300), |draft| {
        (draft.pipeline_id, draft.node_id) = (left.pipeline.to_string(), "churn".to_owned());
    });
    let request_id = format!("{}:churn:1", left.id);
    let job = lab.app.submit_job(&caller(), draft, false, &request_id).await.unwrap();
    lab.app.stop_job(&caller(), &job.id, Stop::Cancel).await.unwrap();
    lab.registry.known().away = true;
    let done = finish(&mut lab, &left).await;
    assert_eq!(step(&done, "churn").message, format!("job {} was cancelled", job.id));
    assert_eq!(jobs(&lab).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_run_does_not_wait_for_settings() {
    // F78
    let lab = Lab::new().await;
    lab.registry.known().silent = "settings";
    let pipeline = saved(&lab, blank()).await;
    let run = start(&lab, &pipeline, |_| {}).await;
    let running = lab.run();
    let log = until(&lab, &run.id, "churn", StepState::Running).await;
    assert_eq!(log.last().unwrap().message, "reading the settings");
    lab.app.cancel_pipeline_run(&caller(), &run.id).await.unwrap();
    events(&lab, &run.id, 0).await;
    running.stop().await;
    let run = lab.app.pipeline_run(&run.id).await.unwrap();
    assert_eq!((run.state, jobs(&lab).await), (PipelineRunState::Cancelled, 0));
}

#[tokio::test]
async fn only_what_settings_can_mend_is_left_open() {
    // F74, F88
    let lab = Lab::new().await;
    let rounds = pbjson_types::Value { kind: Some(pbjson_types::value::Kind::NumberValue(5.0)) };
    let hyperparameters = [("rounds".to_owned(), rounds)].into();
    let plain = saved(&lab, blank()).await;
    let mut ids = vec![plain, saved(&lab, pb::JobSpec { hyperparameters, ..blank() }).await];
    let pinned = pb::JobSpec { settings_digest: some_digest(), ..blank() };
    ids.push(saved(&lab, pinned).await);
    ids.push(saved(&lab, pb::JobSpec { use_settings: true, ..job("churn", "gradient_boosting") }).await);
    ids.push(saved(&lab, job("churn", "gradient_boosting")).await);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 5, "F77: settings are part of the content");

    let unasked = pb::JobSpec { settings_digest: some_digest(), ..job("a", "gradient_boosting") };
    let broken = pb::JobSpec { settings_digest: "nonsense".to_owned(), threshold: 2.0, ..blank() };
    let unknown = pb::JobSpec { use_settings: true, label_column: String::new(), ..job("c", "forest") };
    let bare = pb::JobSpec { label_column: String::new(), ..job("d", "gradient_boosting") };
    let mut nodes = vec![data("rows", &some_digest()), split("parts", "rows")];
    for (id, spec) in [("a", unasked), ("b", broken), ("c", unknown), ("d", bare)] {
        nodes.push(node(id, &["parts"], Kind::Train(spec)));
    }
    let told = problems(nodes).await;
    let paths: Vec<_> = told.lines().filter_map(|line| Some(line.split_once(": ")?.0)).collect();
    let expected = [
        "spec.nodes.a.train.settings_digest",
        "spec.nodes.b.train.threshold",
        "spec.nodes.b.train.settings_digest",
        "spec.nodes.c.train.family",
        "spec.nodes.d.train.label_column",
    ];
    assert_eq!(paths, expected, "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_revision_can_be_named_and_features_must_suit_what_it_says() {
    // F56, F88
    let mut lab = Lab::new().await;
    let second = settings("second", 0.4);
    let defaults = SpecDraft { label_column: "calls".to_owned(), classes: vec![], ..second.defaults };
    lab.registry.known().settings = vec![settings("first", 0.3), ModelSettings { defaults, ..second }];
    let mut nodes = graph(&lab, blank());
    nodes.push(columns("columns", declared()));
    nodes[2].inputs = vec!["columns".to_owned()];
    let pipeline = save(&lab, nodes.clone()).await.unwrap().pipeline_id;
    let refused = run(&mut lab, &pipeline).await;
    let problem = "spec: the feature set `short` reads the column `calls`, which this job predicts";
    assert_eq!(step(&refused, "churn").message, problem);
    let model = lineal_kernel::ModelName::new("churn").unwrap();
    assert!(!lab.store.has_feature_sets(&model).await.unwrap(), "nothing is created for a job that cannot be");

    let first = pb::JobSpec { settings_digest: Digest::of(b"first").to_string(), ..blank() };
    nodes[2].kind = Some(Kind::Train(first));
    let pipeline = save(&lab, nodes).await.unwrap().pipeline_id;
    let done = run(&mut lab, &pipeline).await;
    assert_eq!(done.state, PipelineRunState::Succeeded, "{:?}", done.steps);
    assert_eq!((step(&done, "churn").settings, job_of(&lab, &done).await.spec.threshold), (Some(file("first")), 0.3));
}
