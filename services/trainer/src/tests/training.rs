//! Whole trainings, good and bad.

use std::collections::BTreeMap;

use lineal_data::{ResampleMethod, Snapshot};
use lineal_models::{Bundle, ServedModel, Value};

use super::lab::{CHURN, Lab, customers, entry};
use crate::{
    domain::{Job, JobState, Resampling, SourceFormat, SpecDraft, Step},
    registry::RunEnd,
};

/// What one case changes in the usual specification.
type Change<'a> = &'a dyn Fn(&mut SpecDraft);

async fn train(lab: &mut Lab, csv: &[u8], change: impl FnOnce(&mut SpecDraft)) -> Job {
    let job = lab.create(csv, change).await;
    lab.finish(&job).await
}

fn churn(spec: &mut SpecDraft) {
    spec.exclude_columns = vec!["state".to_owned()];
    spec.git_sha = "0123abc".to_owned();
    spec.tags = [("team".to_owned(), "retention".to_owned())].into();
}

#[tokio::test]
async fn the_same_inputs_make_the_same_bundle_and_the_reference_never_changes() {
    // F58, F60
    let mut lab = Lab::new().await;
    let first = train(&mut lab, CHURN, churn).await;
    let second = train(&mut lab, CHURN, churn).await;
    assert_eq!((first.version, second.version), (Some(1), Some(2)), "{} {}", first.error, second.error);
    assert_eq!(first.digest, second.digest);
    assert_eq!(first.metrics, second.metrics);
    assert!(first.metrics["auc"] > 0.75, "{:?}", first.metrics);
    // Another trainer with another database comes to the same.
    let mut elsewhere = Lab::new().await;
    assert_eq!(train(&mut elsewhere, CHURN, churn).await.digest, first.digest);
    // New rows do not touch the reference set.
    let more = [CHURN, b"KS,1,area_code_415,no,no,0,1,1,1,1,1,1,1,1,1,1,1,1,0,no\n"].concat();
    assert_eq!(train(&mut lab, &more, churn).await.state, JobState::Succeeded);
    let known = lab.registry.known();
    assert_eq!(known.versions[0].1.reference_digest, known.versions[2].1.reference_digest);
    assert_ne!(known.versions[0].1.data_digest, known.versions[2].1.data_digest);
}

#[tokio::test]
async fn new_rows_are_learned_from_or_set_aside_but_never_measured_on() {
    // F59, F60
    let mut lab = Lab::new().await;
    let mut counts = Vec::new();
    for rows in [300, 600] {
        let job = train(&mut lab, &customers(rows), |_| {}).await;
        let known = lab.registry.known();
        let datasets = &known.runs[job.run_id.as_ref().unwrap()].log.datasets;
        let count = |role| datasets.iter().find(|dataset| dataset.role == role).map_or(0, |dataset| dataset.rows);
        assert_eq!(count("training") + count("reference") + count("extra"), rows as u64);
        counts.push((count("reference"), count("extra")));
    }
    assert_eq!(counts[0].0, counts[1].0);
    assert_eq!(counts[0].1, 0);
    assert!(counts[1].1 > 30, "{counts:?}");
}

#[tokio::test]
async fn resampling_touches_the_train_part_only() {
    // F74
    let mut lab = Lab::new().await;
    let over = |spec: &mut SpecDraft| {
        spec.resampling = Some(Resampling { method: Some(ResampleMethod::Over), seed: 7 });
    };
    let plain = train(&mut lab, &customers(300), |_| {}).await;
    let first = train(&mut lab, &customers(300), over).await;
    let second = train(&mut lab, &customers(300), over).await;
    assert_eq!(first.digest, second.digest);
    assert_ne!(first.digest, plain.digest);
    let log = |job: &Job| lab.registry.known().runs[job.run_id.as_ref().unwrap()].log.clone();
    assert_eq!(log(&first).datasets, log(&plain).datasets, "the parts are cut before");
    assert_eq!(entry(&log(&first).parameters, "resampling"), "over, seed 7");
    let told = lab.events(&first.id, 0).await;
    let told = told.iter().find(|event| event.message.starts_with("resampled")).unwrap();
    assert!(told.message.contains("train rows become"), "{}", told.message);
}

#[tokio::test]
async fn the_seven_steps_come_in_order() {
    // F65
    let mut lab = Lab::new().await;
    let job = train(&mut lab, &customers(200), |_| {}).await;
    let mut steps: Vec<_> = lab.events(&job.id, 0).await.into_iter().filter_map(|event| event.step).collect();
    steps.dedup();
    assert_eq!(steps, Step::ALL);
}

#[tokio::test]
async fn a_version_names_everything_it_was_made_of() {
    // F56, F59, F62, F71
    let mut lab = Lab::new().await;
    lab.registry.known().champion = 7;
    let job = train(&mut lab, CHURN, churn).await;
    let known = lab.registry.known();
    let (request_id, version) = &known.versions[0];
    assert_eq!((request_id.as_str(), Some(version.digest)), (job.id.as_str(), job.digest));
    assert_eq!((version.family.as_str(), version.parent_number), ("logistic_regression", 7));
    assert_eq!((version.code_version.as_str(), entry(&version.environment, "lineal")), ("0123abc", "0.0.0-test"));
    assert_eq!((version.split_version.as_str(), version.feature_version.as_str()), ("v1", "v1"));
    assert!(version.model_version.as_str().starts_with("logistic_regression-"));
    assert_eq!(Some(&version.run_id), job.run_id.as_ref());
    assert_eq!(version.metrics, job.metrics);

    let run = &known.runs[&version.run_id];
    assert_eq!((&run.end, entry(&run.run.tags, "team")), (&Some(RunEnd::Finished), "retention"));
    assert_eq!((entry(&run.run.tags, "actor"), entry(&run.run.tags, "git_sha")), ("ada", "0123abc"));
    assert_eq!((entry(&run.run.tags, "job_id"), entry(&run.log.tags, "status")), (job.id.as_str(), "trained"));
    assert_eq!(entry(&run.log.parameters, "split_version"), "v1");
    assert_eq!(entry(&run.log.parameters, "hyperparameters.c"), "1.0");
    assert!(run.log.metrics["split_seconds"] > 0.0);

    // Every file is there, and holds as many rows as the run says.
    let mut rows = BTreeMap::new();
    for dataset in &run.log.datasets {
        let table = Snapshot::open(known.artifacts[&dataset.digest].clone(), dataset.digest).unwrap();
        assert_eq!(table.rows() as u64, dataset.rows);
        rows.insert(dataset.role, dataset.rows);
    }
    assert_eq!((rows["training"], rows["reference"]), (version.training_rows, version.validation_rows));
    assert_eq!(rows["training"] + rows["reference"], rows["source"]);
    assert_eq!((known.snapshots[0].rows, known.snapshots[0].digest), (5000, version.data_digest));
}

#[tokio::test]
async fn the_artifact_alone_scores_raw_rows() {
    // F64
    let mut lab = Lab::new().await;
    let job = train(&mut lab, &customers(300), |_| {}).await;
    let known = lab.registry.known();
    let manifest = known.artifacts[&job.digest.unwrap()].to_vec();
    let parsed = lineal_models::Manifest::parse(&manifest, job.digest.unwrap()).unwrap();
    let files = parsed.files.iter().map(|(name, entry)| (name.clone(), known.artifacts[&entry.digest].to_vec()));
    let bundle = Bundle::assemble(manifest.clone(), job.digest.unwrap(), files.collect()).unwrap();
    let served = ServedModel::load(&bundle).unwrap();
    let digest = known.versions[0].1.reference_digest;
    let reference = Snapshot::open(known.artifacts[&digest].clone(), digest).unwrap();
    let scores = served.score(&reference.to_frame()).unwrap();
    let target = lineal_data::Target { column: "churn".to_owned(), positive: Some("yes".to_owned()) };
    let labels = target.classes(&reference).unwrap().values;
    let again = lineal_models::compute(parsed.task, &labels, &scores, 0.5).unwrap();
    assert_eq!(
        again.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<_, _>>(),
        job.metrics
    );
    assert_eq!((served.label(&[0.9]), served.label(&[0.1])), (Some("yes"), Some("no")));
}

#[tokio::test]
async fn a_snapshot_can_be_trained_on_again_with_the_same_result() {
    let mut lab = Lab::new().await;
    let first = train(&mut lab, &customers(300), |_| {}).await;
    let snapshot = lab.registry.known().versions[0].1.data_digest;
    let again = train(&mut lab, b"", |spec| {
        spec.source_digest = snapshot.to_string();
        spec.format = Some(SourceFormat::Parquet);
    })
    .await;
    assert_eq!((again.state, again.digest), (JobState::Succeeded, first.digest), "{}", again.error);
}

#[tokio::test]
async fn bad_inputs_fail_with_the_place_of_the_problem_and_make_no_version() {
    // F63, F69, F73
    let mut lab = Lab::new().await;
    // A feature version that expects numbers in `calls`.
    let good = train(&mut lab, &customers(100), |spec| spec.feature_version = "numbers".to_owned()).await;
    assert_eq!(good.state, JobState::Succeeded, "{}", good.error);
    let texts = String::from_utf8(customers(100)).unwrap().replace("\n3,", "\nmany,");
    let no_label = String::from_utf8(customers(100)).unwrap().replace("churn", "left");
    let one_class = String::from_utf8(customers(100)).unwrap().replace("yes", "no");
    let numbers = |spec: &mut SpecDraft| {
        spec.feature_version = "numbers".to_owned();
        spec.split_version = "other".to_owned();
    };
    let table: [(&[u8], Change<'_>, &[&str]); 8] = [
        (no_label.as_bytes(), &|_| {}, &["load:", "`churn`", "`calls`, `minutes`, `left`"]),
        (texts.as_bytes(), &numbers, &["train:", "`calls`", "numbers"]),
        (b"", &|_| {}, &["load:", "header"]),
        (b"calls,churn\n", &|_| {}, &["load:", "no rows"]),
        (one_class.as_bytes(), &|_| {}, &["load:", "`churn`", "expected two"]),
        (&customers(100), &|spec| spec.positive_class = "maybe".to_owned(), &["`churn`", "`maybe`", "`yes`"]),
        (&customers(100), &|spec| spec.exclude_columns = vec!["age".to_owned()], &["train:", "`age`"]),
        (
            &customers(100),
            &|spec| spec.source_digest = lineal_kernel::Digest::of(b"gone").to_string(),
            &["load:", "no artifact"],
        ),
    ];
    for (csv, change, words) in table {
        let job = train(&mut lab, csv, |spec| {
            spec.feature_version = format!("unused-{}", csv.len());
            change(spec);
        })
        .await;
        assert_eq!((job.state, job.version), (JobState::Failed, None));
        for word in words {
            assert!(job.error.contains(word), "`{word}` is not in `{}`", job.error);
        }
        let known = lab.registry.known();
        assert_eq!(known.runs[job.run_id.as_ref().unwrap()].end, Some(RunEnd::Failed(job.error.clone())));
        assert_eq!(known.versions.len(), 1);
    }
}

#[tokio::test]
async fn a_thousand_rounds_write_few_events() {
    let mut lab = Lab::new().await;
    let job = train(&mut lab, &customers(200), |spec| spec.family = "chatty".to_owned()).await;
    assert_eq!(job.state, JobState::Succeeded, "{}", job.error);
    assert!(job.last_sequence < 60, "{}", job.last_sequence);
}

#[tokio::test]
async fn other_hyperparameters_make_another_bundle() {
    let mut lab = Lab::new().await;
    let plain = train(&mut lab, &customers(200), |_| {}).await;
    let strict = train(&mut lab, &customers(200), |spec| {
        spec.hyperparameters = [("c".to_owned(), Value::Float(0.01))].into();
    })
    .await;
    assert_eq!(strict.state, JobState::Succeeded, "{}", strict.error);
    assert_ne!(plain.digest, strict.digest);
    let known = lab.registry.known();
    assert_ne!(known.versions[0].1.model_version, known.versions[1].1.model_version);
    assert_ne!(known.versions[0].1.hyperparameters_digest, known.versions[1].1.hyperparameters_digest);
}
