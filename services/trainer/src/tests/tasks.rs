//! Trainings of every task.

use std::{collections::BTreeMap, fmt::Write as _};

use lineal_data::Snapshot;
use lineal_models::{Bundle, Decision, Manifest, MostProbable, ServedModel, Task, Value};

use super::lab::{Lab, entry};
use crate::domain::{FailureReason, Job, JobState, SpecDraft, Step};

/// What one case changes in the usual specification.
type Change<'a> = &'a dyn Fn(&mut SpecDraft);

/// 178 wines of three kinds.
const WINE: &[u8] = include_bytes!("../../../../crates/models/tests/reference/wine.csv");

fn wine(spec: &mut SpecDraft, label: &str, family: &str) {
    (spec.model, spec.dataset) = ("wine".to_owned(), "wine".to_owned());
    (spec.label_column, spec.family) = (label.to_owned(), family.to_owned());
    (spec.feature_version, spec.threshold) = (format!("{label}-{family}"), 0.0);
}

async fn train(lab: &mut Lab, csv: &[u8], change: impl FnOnce(&mut SpecDraft)) -> Job {
    let job = lab.create(csv, change).await;
    lab.finish(&job).await
}

fn bundle(lab: &Lab, job: &Job) -> Bundle {
    let (known, digest) = (lab.registry.known(), job.digest.unwrap());
    let manifest = known.artifacts[&digest].to_vec();
    let files = Manifest::parse(&manifest, digest).unwrap().files.into_iter();
    let files = files.map(|(name, file)| (name, known.artifacts[&file.digest].to_vec())).collect();
    Bundle::assemble(manifest, digest, files).unwrap()
}

/// The metrics of the job are those of its bundle on the reference set.
fn assert_measured(lab: &Lab, job: &Job) {
    let bundle = bundle(lab, job);
    let (served, manifest) = (ServedModel::load(&bundle).unwrap(), bundle.manifest());
    let digest = manifest.split.reference;
    let reference = Snapshot::open(lab.registry.known().artifacts[&digest].clone(), digest).unwrap();
    let labels = manifest.decision.labels(&manifest.label, &reference).unwrap();
    let found = served.measure(&labels, &served.score(&reference.to_frame()).unwrap()).unwrap();
    let found: BTreeMap<_, _> = found.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    assert_eq!(found, job.metrics);
}

#[tokio::test]
async fn several_classes_are_learned_by_name() {
    // F66, F76
    let mut lab = Lab::new().await;
    let named = String::from_utf8(WINE.to_vec()).unwrap();
    let kinds = ["barolo", "grignolino", "barbera"];
    let named = named.lines().map(|line| match line.rsplit_once(',') {
        Some((_, "cultivar")) | None => line.to_owned(),
        Some((cells, kind)) => format!("{cells},{}", kinds[kind.parse::<usize>().unwrap()]),
    });
    let named = named.collect::<Vec<_>>().join("\n");
    let job = train(&mut lab, named.as_bytes(), |spec| wine(spec, "cultivar", "random_forest")).await;
    assert_eq!(job.state, JobState::Succeeded, "{}", job.error);
    let manifest = bundle(&lab, &job).manifest().clone();
    let classes = ["barbera", "barolo", "grignolino"].map(str::to_owned).to_vec();
    assert_eq!(
        (manifest.task, manifest.decision),
        (Task::MulticlassClassification, Decision::MostProbable(MostProbable { classes }))
    );
    assert_measured(&lab, &job);
    assert!(job.metrics["log_loss"] < 0.3 && job.metrics["auc"] > 0.98, "{:?}", job.metrics);
    let said = lab.event(&job.id, |event| event.step == Some(Step::Load) && event.message.contains("cultivar")).await;
    assert!(said.message.ends_with("; multiclass_classification, as `cultivar` has 3 different texts"), "{said:?}");
    let known = lab.registry.known();
    let run = &known.runs[job.run_id.as_ref().unwrap()].log;
    assert_eq!(entry(&run.parameters, "task"), "multiclass_classification");
    let shares: f64 =
        run.metrics.iter().filter(|(name, _)| name.starts_with("importance.")).map(|(_, share)| share).sum();
    assert!((shares - 1.0).abs() < 1e-9 && run.metrics.contains_key("importance.proline"), "{:?}", run.metrics);
}

#[tokio::test]
async fn numbers_are_learned_by_families_for_numbers_and_classes_by_those_for_classes() {
    // F66, F76
    let mut lab = Lab::new().await;
    let alcohol = train(&mut lab, WINE, |spec| wine(spec, "alcohol", "ridge")).await;
    assert_eq!(alcohol.state, JobState::Succeeded, "{}", alcohol.error);
    assert_measured(&lab, &alcohol);
    assert!(alcohol.metrics["r2"] > 0.3 && alcohol.metrics["rmse"] < 0.8, "{:?}", alcohol.metrics);
    // The kinds are numbers here: what they mean is what the family can do with them.
    let kinds = train(&mut lab, WINE, |spec| wine(spec, "cultivar", "logistic_regression")).await;
    assert_eq!(kinds.error, "");
    let task = |job| bundle(&lab, job).manifest().task;
    assert_eq!((task(&alcohol), task(&kinds)), (Task::Regression, Task::MulticlassClassification));
    assert_measured(&lab, &kinds);
}

#[tokio::test]
async fn counts_are_learned_with_weights_and_stopped_early() {
    // F66, F76
    let mut lab = Lab::new().await;
    let mut csv = "size,heat,days,calls\n".to_owned();
    for row in 0..400_u32 {
        let (size, heat) = (row % 20, row * 7 % 11);
        let _ = writeln!(csv, "{size}.5,{heat},{},{}", row % 3, (size / 4 + heat / 5 + row % 2) / 2);
    }
    let counts = |spec: &mut SpecDraft| {
        spec.task = Some(Task::Count);
        (spec.label_column, spec.weight_column) = ("calls".to_owned(), "days".to_owned());
        spec.family = "gradient_boosting".to_owned();
        spec.hyperparameters = [("early_stopping_rounds", 5), ("rounds", 2000)]
            .map(|(name, value)| (name.to_owned(), Value::Integer(value)))
            .into();
    };
    let job = train(&mut lab, csv.as_bytes(), counts).await;
    assert_eq!(job.state, JobState::Succeeded, "{}", job.error);
    assert_measured(&lab, &job);
    assert!(job.metrics["deviance"] < 0.6 && job.metrics["r2"] > 0.3, "{:?}", job.metrics);
    let served = ServedModel::load(&bundle(&lab, &job)).unwrap();
    let inputs: Vec<_> = served.signature().inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(inputs, ["size", "heat"], "a weight is no feature");
    let events = lab.events(&job.id, 0).await;
    assert!(events.iter().any(|event| event.metrics.contains_key("validation_half_deviance")), "{events:?}");
    // The same rows set apart: the same bytes. Others: other bytes. Without weights: yet others.
    let again = train(&mut lab, csv.as_bytes(), counts).await;
    let others = train(&mut lab, csv.as_bytes(), |spec| (counts(spec), spec.stopping_fraction = 0.3).1).await;
    let alike = train(&mut lab, csv.as_bytes(), |spec| {
        counts(spec);
        (spec.weight_column, spec.exclude_columns) = (String::new(), vec!["days".to_owned()]);
    })
    .await;
    assert_eq!(again.digest, job.digest);
    assert!(others.digest != job.digest && alike.digest != job.digest, "{} {}", others.error, alike.error);
}

/// A table, a family, what is asked besides, and words of the refusal.
type Case<'a> = (Vec<u8>, &'a str, Change<'a>, &'a [&'a str]);

/// Columns `a`, `w` and `y`, the last one as `labels` says.
fn table(labels: &dyn Fn(u32) -> String) -> Vec<u8> {
    let rows = (0..60).map(|row| format!("{},{},{}", row % 7, row % 5, labels(row)));
    format!("a,w,y\n{}\n", rows.collect::<Vec<_>>().join("\n")).into_bytes()
}

async fn all_fail(cases: &[Case<'_>]) {
    let mut lab = Lab::new().await;
    for (csv, family, change, words) in cases {
        let change = |spec: &mut SpecDraft| {
            (spec.label_column, spec.family) = ("y".to_owned(), (*family).to_owned());
            change(spec);
        };
        let job = train(&mut lab, csv, change).await;
        assert_eq!((job.state, job.version), (JobState::Failed, None));
        assert!(matches!(job.reason, Some(FailureReason::Data | FailureReason::Specification)), "{:?}", job.reason);
        for word in *words {
            assert!(job.error.contains(word), "`{word}` is not in `{}`", job.error);
        }
    }
}

#[tokio::test]
async fn labels_that_cannot_be_learned_from_fail_the_job_with_their_place() {
    // F63
    let count = |spec: &mut SpecDraft| spec.task = Some(Task::Count);
    let regression = |spec: &mut SpecDraft| spec.task = Some(Task::Regression);
    let but_row_7 = |other: &'static str| table(&|row| if row == 7 { other.to_owned() } else { row.to_string() });
    let from_minus_3 = table(&|row| (f64::from(row) - 3.0).to_string());
    all_fail(&[
        (from_minus_3, "poisson_regression", &count, &["`y`", "-3", "row 0", "regression"]),
        (table(&|_| "2.5".to_owned()), "ridge", &|_| {}, &["`y`", "all targets are 2.5"]),
        (but_row_7(""), "ridge", &|_| {}, &["`y`", "row 7", "drop"]),
        (but_row_7("x"), "ridge", &regression, &["`y`", "numbers"]),
        (table(&|row| format!("k{row}")), "random_forest", &|_| {}, &["has the class", "split_version"]),
        (table(&|row| format!("k{}", row % 3)), "ridge", &|_| {}, &["ridge cannot do multiclass", "random_forest"]),
        (
            table(&|row| format!("{row}e300")),
            "ridge",
            &|_| {},
            &["`y`", "target 1e300 in row 1 is too large", "rescale"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn weights_and_parts_that_cannot_be_learned_from_fail_the_job_with_their_place() {
    // F63
    let unknown = |spec: &mut SpecDraft| spec.weight_column = "u".to_owned();
    let weighed = |spec: &mut SpecDraft| {
        (spec.weight_column, spec.label_column) = ("y".to_owned(), "a".to_owned());
    };
    let stopped = |spec: &mut SpecDraft| {
        spec.hyperparameters.insert("early_stopping_rounds".to_owned(), Value::Integer(3));
        // The ones before it have made a reference set.
        spec.dataset = "others".to_owned();
        spec.stopping_fraction = 0.001;
    };
    let numbers = || table(&|row| row.to_string());
    let from_minus_9 = table(&|row| (f64::from(row) - 9.0).to_string());
    all_fail(&[
        (numbers(), "ridge", &unknown, &["`u`", "`w`"]),
        (from_minus_9, "ridge", &weighed, &["weight column `y`", "-9", "row 0"]),
        (table(&|_| "0".to_owned()), "ridge", &weighed, &["no source row has a weight above 0 in column `y`"]),
        (numbers(), "gradient_boosting", &stopped, &["the stopping part", "another stopping_fraction"]),
    ])
    .await;
}

#[tokio::test]
async fn a_task_that_a_family_cannot_do_makes_no_job() {
    // F63
    let lab = Lab::new().await;
    let draft = lab.draft(&table(&|row| (row % 2).to_string()), |spec| {
        (spec.label_column, spec.family) = ("y".to_owned(), "ridge".to_owned());
        spec.task = Some(Task::MulticlassClassification);
    });
    let refused = crate::domain::CreateJob::check(draft, false, "", lab.app.families()).unwrap_err().to_string();
    assert!(refused.contains("spec.family: ridge cannot do multiclass_classification"), "{refused}");
}
