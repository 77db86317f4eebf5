//! Jobs that leave their blanks to the settings of the model.

use std::sync::Arc;

use lineal_kernel::Digest;
use lineal_models::Value;
use lineal_proto::lineal::trainer::v1::{self as pb, job_service_server::JobService as _};
use lineal_rpc::reason_of;
use tonic::{Code, Request, Status};

use super::{
    lab::{Lab, customers, entry},
    reproductions::reproduce,
};
use crate::{
    domain::{JobId, JobState, ModelSettings, SpecDraft},
    grpc::TrainerGrpc,
};

/// Settings under which the customers of the lab can be learned from.
pub(super) fn settings(file: &str, threshold: f64) -> ModelSettings {
    let defaults = SpecDraft {
        dataset: "customers".to_owned(),
        label_column: "churn".to_owned(),
        classes: vec!["no".to_owned(), "yes".to_owned()],
        positive_class: "yes".to_owned(),
        exclude_columns: vec!["minutes".to_owned()],
        family: "gradient_boosting".to_owned(),
        hyperparameters: [("rounds".to_owned(), Value::Integer(5))].into(),
        seed: 11,
        threshold,
        ..SpecDraft::default()
    };
    ModelSettings { digest: Digest::of(file.as_bytes()), defaults }
}

/// A job that says nothing but which rows.
fn blank(lab: &Lab) -> pb::JobSpec {
    let source = pb::DataSource {
        digest: lab.registry.add(&customers(200)).to_string(),
        format: pb::SourceFormat::Csv.into(),
        ..pb::DataSource::default()
    };
    pb::JobSpec { model: "churn".to_owned(), source: Some(source), use_settings: true, ..pb::JobSpec::default() }
}

async fn create(lab: &Lab, spec: pb::JobSpec, request_id: &str) -> Result<pb::Job, Status> {
    let request = pb::CreateJobRequest { spec: Some(spec), request_id: request_id.to_owned(), rerun: false };
    let answer = TrainerGrpc::new(Arc::clone(&lab.app)).create_job(Request::new(request)).await?;
    Ok(answer.into_inner().job.unwrap())
}

fn refusal(answer: Result<pb::Job, Status>) -> (Code, String) {
    let status = answer.unwrap_err();
    (status.code(), reason_of(&status).unwrap_or_default())
}

// F88
#[tokio::test]
async fn a_job_fills_its_blanks_and_its_run_names_the_file() {
    let mut lab = Lab::new().await;
    lab.registry.known().settings = vec![settings("first", 0.3), settings("second", 0.4)];
    let made = create(&lab, pb::JobSpec { seed: 12, ..blank(&lab) }, "").await.unwrap();
    let (spec, digest) = (made.spec.unwrap(), Digest::of(b"second").to_string());
    assert_eq!((spec.threshold, spec.seed, spec.label_column.as_str()), (0.4, 12, "churn"));
    assert_eq!((spec.family.as_str(), spec.source.unwrap().dataset.as_str()), ("gradient_boosting", "customers"));
    assert_eq!((spec.use_settings, spec.settings_digest.as_str()), (true, digest.as_str()));

    let job = lab.finish(&lab.stored(&JobId::from(made.job_id)).await).await;
    assert_eq!((job.state, job.error.as_str()), (JobState::Succeeded, ""));
    {
        let known = lab.registry.known();
        let parameters = &known.runs[&known.versions[0].1.run_id].log.parameters;
        assert_eq!(entry(parameters, "settings_digest"), digest);
        assert_eq!((entry(parameters, "threshold"), entry(parameters, "hyperparameters.rounds")), ("0.4", "5"));
    }
    // What was filled is reproduced, whatever the settings are now.
    lab.registry.known().settings.push(settings("third", 0.9));
    let again = reproduce(&lab, "churn", 1, 1).await;
    assert!(again.reproduced, "{again:#?}");
}

// F88, F164
#[tokio::test]
async fn a_repeated_request_keeps_the_settings_of_the_first_and_older_ones_can_be_named() {
    let lab = Lab::new().await;
    lab.registry.known().settings = vec![settings("first", 0.3)];
    let first = create(&lab, blank(&lab), "try-1").await.unwrap();
    lab.registry.known().settings.push(settings("second", 0.4));
    assert_eq!(create(&lab, blank(&lab), "try-1").await.unwrap(), first);
    // The specification that came back asks for the same again.
    assert_eq!(create(&lab, first.spec.clone().unwrap(), "try-1").await.unwrap(), first);
    let other = pb::JobSpec { seed: 1, ..blank(&lab) };
    assert_eq!(refusal(create(&lab, other, "try-1").await), (Code::AlreadyExists, "REQUEST_ID_REUSED".to_owned()));
    let older = pb::JobSpec { settings_digest: Digest::of(b"first").to_string(), ..blank(&lab) };
    let older = create(&lab, older, "").await.unwrap().spec.unwrap();
    assert_eq!((older.threshold, older.use_settings), (0.3, true));
}

// F88
#[tokio::test]
async fn settings_that_cannot_be_had_are_refused_before_there_is_a_job() {
    let lab = Lab::new().await;
    let absent = (Code::NotFound, "SETTINGS_NOT_FOUND".to_owned());
    assert_eq!(refusal(create(&lab, blank(&lab), "").await), absent);
    lab.registry.known().settings = vec![settings("first", 0.3)];
    let other = pb::JobSpec { settings_digest: Digest::of(b"nobody").to_string(), ..blank(&lab) };
    assert_eq!(refusal(create(&lab, other, "").await), absent);
    for (spec, field) in [
        (pb::JobSpec { settings_digest: "nonsense".to_owned(), ..blank(&lab) }, "spec.settings_digest"),
        (
            pb::JobSpec { use_settings: false, settings_digest: Digest::of(b"first").to_string(), ..blank(&lab) },
            "spec.settings_digest",
        ),
        (pb::JobSpec { model: "Churn!".to_owned(), ..blank(&lab) }, "spec.model"),
        (pb::JobSpec { threshold: 2.0, ..blank(&lab) }, "spec.threshold"),
        (pb::JobSpec { classes: vec!["maybe".to_owned()], ..blank(&lab) }, "spec.classes"),
    ] {
        let status = create(&lab, spec, "").await.unwrap_err();
        assert!(status.code() == Code::InvalidArgument && status.message().contains(field), "{field}: {status}");
    }
    lab.registry.known().away = true;
    let away = create(&lab, blank(&lab), "").await;
    assert_eq!(refusal(away), (Code::Unavailable, "REGISTRY_UNAVAILABLE".to_owned()));
}

// F88
#[tokio::test]
async fn rows_with_other_classes_than_the_named_ones_are_not_learned_from() {
    let mut lab = Lab::new().await;
    for (classes, problem) in
        [(["no", "perhaps"], "`churn` has the class `yes`, which is none of no, perhaps"), (["no", "yes"], "")]
    {
        let named = classes.map(str::to_owned);
        let job = lab.create(&customers(200), |draft| draft.classes = named.to_vec()).await;
        let job = lab.finish(&job).await;
        assert!(job.error.contains(problem) && job.error.is_empty() == problem.is_empty(), "{}", job.error);
    }
    let change = |draft: &mut SpecDraft| {
        draft.classes = ["maybe", "no", "yes"].map(str::to_owned).to_vec();
        draft.family = "gradient_boosting".to_owned();
    };
    let job = lab.create(&customers(200), change).await;
    let job = lab.finish(&job).await;
    assert!(job.error.contains("no source row has the class `maybe`"), "{}", job.error);
}
