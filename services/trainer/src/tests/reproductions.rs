//! Trainings gone through again, with the same result or with the place where it differs.

use std::collections::BTreeSet;

use futures::StreamExt as _;
use lineal_data::ResampleMethod;
use lineal_kernel::Digest;
use lineal_models::{Task, Value};
use lineal_proto::lineal::trainer::v1::{
    self as pb, ReproductionStep as Step, reproduction_service_server::ReproductionService as _,
};
use lineal_rpc::reason_of;
use tonic::{Code, Request, Status};

use super::lab::{CHURN, Lab, caller, customers};
use crate::{
    domain::{Job, JobState, NamedSplit, Resampling, SpecDraft},
    grpc::TrainerGrpc,
    registry::RunLog,
};

/// What one case changes in what was logged.
type Change<'a> = &'a dyn Fn(&mut RunLog);

/// 178 wines of three kinds.
const WINE: &[u8] = include_bytes!("../../../../crates/models/tests/reference/wine.csv");
/// The English Premier League of 2016-2017.
const SEASON: &[u8] = include_bytes!("../../../../crates/models/tests/reference/football/season.csv");

async fn train(lab: &mut Lab, csv: &[u8], change: impl FnOnce(&mut SpecDraft)) -> Job {
    let job = lab.create(csv, change).await;
    let job = lab.finish(&job).await;
    assert_eq!(job.state, JobState::Succeeded, "{}", job.error);
    job
}

/// Every message of a reproduction.
pub(super) async fn messages(
    lab: &Lab,
    model: &str,
    number: u64,
    threads: u32,
) -> Result<Vec<pb::Reproduction>, Status> {
    let request = pb::ReproduceVersionRequest { model: model.to_owned(), number, threads };
    let answers = TrainerGrpc::new(lab.app.clone()).reproduce_version(Request::new(request)).await?;
    let answers: Vec<_> = answers.into_inner().collect().await;
    answers.into_iter().map(|answer| Ok(answer?.reproduction.unwrap())).collect()
}

pub(super) async fn reproduce(lab: &Lab, model: &str, number: u64, threads: u32) -> pb::Reproduction {
    messages(lab, model, number, threads).await.unwrap().pop().unwrap()
}

/// What was logged to the run of the job, to be changed.
fn change_log(lab: &Lab, job: &Job, change: impl FnOnce(&mut RunLog)) {
    change(&mut lab.registry.known().runs.get_mut(job.run_id.as_ref().unwrap()).unwrap().log);
}

pub(super) fn assert_reproduced(found: &pb::Reproduction) {
    assert!(found.done && found.reproduced && found.differs_at() == Step::Unspecified, "{found:#?}");
    assert_eq!(found.verdicts.len(), 5);
    assert!(found.verdicts.iter().all(|verdict| verdict.same && verdict.problem.is_empty()), "{found:#?}");
}

/// The only step that ended in a difference, or where the differences begin.
fn assert_differs(found: &pb::Reproduction, step: Step, subject: &str) {
    assert!(found.done && !found.reproduced, "{found:#?}");
    assert_eq!(found.differs_at(), step, "{found:#?}");
    let first = found.verdicts.iter().find(|verdict| !verdict.same).unwrap();
    let differs = first.comparisons.iter().find(|comparison| comparison.subject == subject);
    assert!(differs.is_some_and(|differs| !differs.same && !differs.recorded.is_empty()), "{found:#?}");
}

/// A specification that every own family can learn from.
fn wine(spec: &mut SpecDraft, family: &str, tasks: &[Task]) {
    (spec.model, spec.dataset, spec.family) = (family.replace('_', "-"), "wine".to_owned(), family.to_owned());
    let task = [Task::MulticlassClassification, Task::Count, Task::Regression, Task::BinaryClassification];
    spec.task = task.into_iter().find(|task| tasks.contains(task));
    spec.label_column = if spec.task == Some(Task::Regression) { "alcohol" } else { "cultivar" }.to_owned();
    spec.seed = 11;
}

#[tokio::test]
async fn every_own_family_is_reproduced_with_any_threads() {
    // F94
    let mut lab = Lab::new().await;
    // Those of libraries are not ours; they are here or not.
    for family in lineal_models::families().iter().filter(|family| family.check_available().is_ok()) {
        let (name, tasks) = (family.name(), family.describe().tasks);
        let rows = if tasks == [Task::BinaryClassification] { customers(200) } else { WINE.to_vec() };
        let job = train(&mut lab, &rows, |spec| {
            wine(spec, name, tasks);
            if tasks == [Task::BinaryClassification] {
                (spec.dataset, spec.label_column) = ("customers".to_owned(), "churn".to_owned());
            }
        })
        .await;
        for threads in 1..=3 {
            let found = reproduce(&lab, job.spec.model.as_str(), job.version.unwrap(), threads).await;
            assert_eq!(found.threads, threads);
            assert_reproduced(&found);
        }
    }
}

#[tokio::test]
async fn every_member_of_a_chain_is_reproduced_through_those_before_it() {
    // F94
    let mut lab = Lab::new().await;
    let mut trained = BTreeSet::new();
    let chain: [(&str, &[(&str, u64)]); 4] = [
        ("poisson", &[]),
        ("draw_calibration", &[("poisson", 1)]),
        ("blending", &[("poisson", 1), ("draw_calibration", 2)]),
        ("calibration", &[("blending", 3)]),
    ];
    for (family, upstreams) in chain {
        let job = train(&mut lab, SEASON, |spec| {
            (spec.model, spec.dataset, spec.family) = (family.to_owned(), "season".to_owned(), family.to_owned());
            spec.label_column = String::new();
            spec.upstreams = upstreams.iter().map(|(model, number)| ((*model).to_owned(), *number)).collect();
        })
        .await;
        for threads in 1..=3 {
            assert_reproduced(&reproduce(&lab, family, job.version.unwrap(), threads).await);
        }
        trained.insert(family);
    }
    let all: BTreeSet<_> = lineal_models::member_families().iter().map(|family| family.name()).collect();
    assert_eq!(trained, all);
    let found = reproduce(&lab, "calibration", 4, 1).await;
    let loaded: Vec<_> = found.verdicts[0].comparisons.iter().map(|one| one.subject.as_str()).collect();
    assert_eq!(loaded, ["snapshot", "upstream blending", "upstream draw_calibration", "upstream poisson"]);
}

#[tokio::test]
async fn what_a_job_was_asked_for_is_asked_for_again() {
    // F94
    let mut lab = Lab::new().await;
    let integer = |(name, value): (&str, i64)| (name.to_owned(), Value::Integer(value));
    let job = train(&mut lab, &customers(300), |spec| {
        (spec.family, spec.positive_class) = ("gradient_boosting".to_owned(), "no".to_owned());
        (spec.reference_fraction, spec.stopping_fraction) = (0.3, 0.25);
        (spec.weight_column, spec.threshold) = ("minutes".to_owned(), 0.3);
        spec.resampling = Some(Resampling { method: Some(ResampleMethod::Over), seed: 5 });
        spec.hyperparameters = [("rounds", 60), ("early_stopping_rounds", 3)].map(integer).into();
        spec.exclude_columns = Vec::new();
    })
    .await;
    assert_reproduced(&reproduce(&lab, "churn", 1, 2).await);
    // Each of them matters: without one, the fit comes to something else.
    for parameter in ["stopping_fraction", "weight_column", "resampling"] {
        let kept = lab.registry.known().runs[job.run_id.as_ref().unwrap()].log.clone();
        change_log(&lab, &job, |log| drop(log.parameters.remove(parameter).unwrap()));
        let found = reproduce(&lab, "churn", 1, 2).await;
        assert!(matches!(found.differs_at(), Step::Features | Step::Fit), "{parameter}: {found:#?}");
        change_log(&lab, &job, |log| *log = kept);
    }
}

#[tokio::test]
async fn a_trainer_that_never_saw_the_job_reproduces_it_and_registers_nothing() {
    // F94
    let mut lab = Lab::new().await;
    train(&mut lab, CHURN, |spec| spec.exclude_columns = vec!["state".to_owned()]).await;
    let mut elsewhere = Lab::new().await;
    elsewhere.registry = lab.registry.clone();
    elsewhere.restart();
    let count = || {
        let known = lab.registry.known();
        (known.artifacts.len(), known.runs.len(), known.versions.len(), known.snapshots.len())
    };
    let before = count();
    let told = messages(&elsewhere, "churn", 1, 0).await.unwrap();
    assert_eq!(told.iter().map(|known| known.verdicts.len()).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert!(told[..4].iter().all(|known| !known.done && !known.reproduced), "{told:#?}");
    assert_reproduced(&told[4]);
    assert_eq!((count(), told[4].code_differences.len()), (before, 0));
}

#[tokio::test]
async fn a_changed_input_is_reported_where_it_is_read() {
    // F34, F94
    let mut lab = Lab::new().await;
    train(&mut lab, &customers(200), |_| {}).await;
    let (data, reference) = {
        let known = lab.registry.known();
        (known.versions[0].1.data_digest, known.versions[0].1.reference_digest)
    };
    for (file, step, subject) in [(data, Step::Load, "snapshot"), (reference, Step::Split, "reference")] {
        lab.registry.damage(file);
        let found = reproduce(&lab, "churn", 1, 1).await;
        assert_differs(&found, step, subject);
        let last = found.verdicts.last().unwrap();
        assert_eq!((last.step(), last.problem.contains("is damaged")), (step, true), "{found:#?}");
        lab.registry.damage(file);
    }
    assert_reproduced(&reproduce(&lab, "churn", 1, 1).await);
}

#[tokio::test]
async fn a_changed_record_is_reported_at_its_step() {
    // F94
    let mut lab = Lab::new().await;
    let job = train(&mut lab, &customers(200), |spec| spec.family = "gradient_boosting".to_owned()).await;
    let kept = lab.registry.known().runs[job.run_id.as_ref().unwrap()].log.clone();
    let other = Digest::of(b"other rows");
    let set = |name: &'static str, value: &'static str| {
        move |log: &mut RunLog| drop(log.parameters.insert(name.to_owned(), value.to_owned()).unwrap())
    };
    let training = |log: &mut RunLog| log.datasets.iter_mut().for_each(|part| part.digest = other);
    let table: [(Change<'_>, Step, &str); 4] = [
        (&set("hyperparameters.learning_rate", "0.2"), Step::Fit, "hyperparameters"),
        (&set("hyperparameters.learning_rate", "0.2"), Step::Fit, "model.json"),
        (&set("reference_fraction", "0.4"), Step::Split, "training"),
        (&training, Step::Split, "training"),
    ];
    for (change, step, subject) in table {
        change_log(&lab, &job, change);
        assert_differs(&reproduce(&lab, "churn", 1, 1).await, step, subject);
        change_log(&lab, &job, |log| *log = kept.clone());
    }
    let lineage = |change: &dyn Fn(&mut crate::domain::NewVersion)| change(&mut lab.registry.known().versions[0].1);
    let features = lab.registry.known().versions[0].1.feature_digest;
    lineage(&|version| version.feature_digest = other);
    assert_differs(&reproduce(&lab, "churn", 1, 1).await, Step::Features, "feature set");
    lineage(&|version| version.feature_digest = features);
    // Another release is named as what it may come from.
    lineage(&|version| drop(version.environment.insert("lineal".to_owned(), "0.0.1".to_owned())));
    let found = reproduce(&lab, "churn", 1, 1).await;
    assert_reproduced(&found);
    assert_eq!(found.code_differences, ["lineal was 0.0.1, here it is 0.0.0-test"]);
}

#[tokio::test]
async fn what_cannot_be_trained_again_is_refused_with_what_is_missing() {
    // F68
    let mut lab = Lab::new().await;
    let job = train(&mut lab, &customers(100), |_| {}).await;
    let refusal = async |model: &str, number: u64, threads: u32| {
        let status = messages(&lab, model, number, threads).await.unwrap_err();
        (status.code(), reason_of(&status).unwrap_or_default(), status.message().to_owned())
    };
    let (code, reason, text) = refusal("churn", 9, 0).await;
    assert_eq!((code, reason.as_str()), (Code::NotFound, "VERSION_NOT_FOUND"), "{text}");
    let (code, reason, text) = refusal("Churn!", 0, 257).await;
    assert_eq!((code, reason.as_str()), (Code::InvalidArgument, "INVALID_FIELD"));
    assert!(["model", "number", "threads"].iter().all(|field| text.contains(field)), "{text}");
    let kept = lab.registry.known().runs[job.run_id.as_ref().unwrap()].log.clone();
    let table: [(Change<'_>, &str); 3] = [
        (&|log| drop(log.parameters.remove("seed")), "seed"),
        (&|log| drop(log.parameters.insert("task".to_owned(), "guessing".to_owned())), "task"),
        (&|log| drop(log.parameters.insert("family".to_owned(), "forest".to_owned())), "family"),
    ];
    for (change, word) in table {
        change_log(&lab, &job, change);
        let (code, reason, text) = refusal("churn", 1, 0).await;
        assert_eq!((code, reason.as_str()), (Code::FailedPrecondition, "NOT_REPRODUCIBLE"), "{text}");
        assert!(text.contains(word), "{text}");
        change_log(&lab, &job, |log| *log = kept.clone());
    }
    lab.registry.known().away = true;
    assert_eq!(refusal("churn", 1, 0).await.1, "REGISTRY_UNAVAILABLE");
}

#[tokio::test]
async fn a_split_that_was_created_is_cut_again_by_the_rule_of_the_run() {
    // F94
    let mut lab = Lab::new().await;
    let rule = lineal_data::SplitRule {
        tests: vec![lineal_data::TestPart { name: "later".to_owned(), fraction: 0.2 }],
        ..lineal_data::SplitRule::rows("mine", 3, 0.25)
    };
    let split = NamedSplit::check("customers", "mine", rule).unwrap();
    lab.app.create_split(&caller(), split).await.unwrap();
    let job = train(&mut lab, &customers(300), |spec| spec.split_version = "mine".to_owned()).await;
    let mut elsewhere = Lab::new().await;
    elsewhere.registry = lab.registry.clone();
    elsewhere.restart();
    let found = reproduce(&elsewhere, "churn", 1, 1).await;
    assert_reproduced(&found);
    let parts: Vec<_> = found.verdicts[1].comparisons.iter().map(|one| one.subject.as_str()).collect();
    assert_eq!(parts, ["reference", "test later", "training"]);
    let rule = |from: &'static str, to: &'static str| {
        change_log(&lab, &job, |log| {
            let rule = log.parameters.get_mut("split_rule").unwrap();
            *rule = rule.replace(from, to);
        });
    };
    rule("\"seed\":3", "\"seed\":4");
    assert_differs(&reproduce(&elsewhere, "churn", 1, 1).await, Step::Split, "training");
    rule("\"seed\":4", "\"seed\":3");
    // Runs of the first releases do not tell the rule: only who knows the name can do it again.
    change_log(&lab, &job, |log| drop(log.parameters.remove("split_rule").unwrap()));
    assert_reproduced(&reproduce(&lab, "churn", 1, 1).await);
    let refused = messages(&elsewhere, "churn", 1, 1).await.unwrap_err();
    assert_eq!(reason_of(&refused).as_deref(), Some("NOT_REPRODUCIBLE"), "{refused}");
}
