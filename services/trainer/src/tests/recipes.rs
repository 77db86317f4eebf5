//! Names of recipes keep their meaning.

use std::iter;

use lineal_models::Value;

use super::lab::{Lab, caller, customers};
use crate::{
    domain::{JobState, SpecDraft, TrainerError},
    registry::Defaults,
};

async fn refusal(lab: &Lab, change: impl FnOnce(&mut SpecDraft)) -> String {
    let command = lab.command(&customers(100), change);
    match lab.app.create_job(&caller(), command).await {
        Err(TrainerError::Definition(conflict)) => conflict.to_string(),
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_name_with_another_meaning_is_refused_with_the_difference() {
    // F56
    let mut lab = Lab::new().await;
    let named = |spec: &mut SpecDraft| {
        spec.split_version = "fifth".to_owned();
        spec.feature_version = "all".to_owned();
        spec.model_version = "plain".to_owned();
    };
    let job = lab.create(&customers(100), named).await;
    let job = lab.finish(&job).await;
    assert_eq!(job.state, JobState::Succeeded, "{}", job.error);
    let error = refusal(&lab, |spec| {
        named(spec);
        spec.reference_fraction = 0.3;
    })
    .await;
    assert_eq!(
        error,
        "split version `fifth` of `customers` has reference_fraction 0.2, this job asks for 0.3; give another \
         split_version for another meaning"
    );
    let error = refusal(&lab, |spec| {
        named(spec);
        spec.exclude_columns = vec!["minutes".to_owned()];
    })
    .await;
    assert!(error.contains("features version `all` of `churn` reads the column `minutes`"), "{error}");
    let error = refusal(&lab, |spec| {
        named(spec);
        spec.hyperparameters = [("c".to_owned(), Value::Integer(2))].into();
    })
    .await;
    assert!(error.contains("model version `plain` of `churn` has c 1.0, this job asks for c 2.0"), "{error}");
    let error = refusal(&lab, |spec| {
        named(spec);
        spec.family = "gradient_boosting".to_owned();
    })
    .await;
    assert!(error.contains("is of family logistic_regression, this job asks for gradient_boosting"), "{error}");
    // The same meaning again is welcome.
    let again = lab.create(&customers(100), named).await;
    assert_eq!(lab.finish(&again).await.digest, job.digest);
}

#[tokio::test]
async fn a_meaning_that_another_job_gave_meanwhile_fails_the_job() {
    // F56
    let mut lab = Lab::new().await;
    let share = |share: f64| move |spec: &mut SpecDraft| spec.reference_fraction = share;
    let first = lab.create(&customers(100), share(0.2)).await;
    let second = lab.create(&customers(100), share(0.4)).await;
    let first = lab.finish(&first).await;
    let second = lab.finish(&second).await;
    let (won, lost) = if first.state == JobState::Succeeded { (first, second) } else { (second, first) };
    assert_eq!((won.state, lost.state), (JobState::Succeeded, JobState::Failed));
    assert!(lost.error.contains("split: split version `v1` of `customers`"), "{}", lost.error);
}

#[tokio::test]
async fn a_job_that_fails_on_its_features_keeps_no_name() {
    // F56
    let mut lab = Lab::new().await;
    let rows = String::from_utf8(customers(100)).unwrap();
    let cells = iter::once("empty").chain(iter::repeat(""));
    let rows: Vec<_> = rows.lines().zip(cells).map(|(line, cell)| format!("{cell},{line}")).collect();
    let rows = rows.join("\n");
    let job = lab.create(rows.as_bytes(), |_| {}).await;
    let job = lab.finish(&job).await;
    assert!(job.error.starts_with("train: ") && job.error.contains("`empty`"), "{}", job.error);
    // As it was told to.
    let job = lab.create(rows.as_bytes(), |spec| spec.exclude_columns = vec!["empty".to_owned()]).await;
    let job = lab.finish(&job).await;
    assert_eq!((job.state, job.error.as_str()), (JobState::Succeeded, ""));
}

#[tokio::test]
async fn blanks_come_from_the_slots_champion() {
    // F56
    let mut lab = Lab::new().await;
    let defaults = Defaults { split: "fifth".to_owned(), features: "all".to_owned(), model: "plain".to_owned() };
    lab.registry.known().defaults = Some(defaults);
    for family in ["logistic_regression", "gradient_boosting"] {
        let job = lab.create(&customers(100), |spec| spec.family = family.to_owned()).await;
        assert_eq!(lab.finish(&job).await.error, "");
    }
    let given = lab.create(&customers(100), |spec| spec.model_version = "plain".to_owned()).await;
    assert_eq!(lab.finish(&given).await.error, "");
    let blank = lab.create(&customers(100), |_| {}).await;
    assert_eq!(lab.finish(&blank).await.error, "");
    let known = lab.registry.known();
    let names: Vec<_> = known.versions.iter().map(|(_, version)| version).collect();
    assert!(names.iter().all(|version| version.split_version.as_str() == "fifth"));
    assert!(names.iter().all(|version| version.feature_version.as_str() == "all"));
    // The champion's model version is only taken by a job that means the same by it.
    assert!(names[0].model_version.as_str().starts_with("logistic_regression-"));
    assert!(names[1].model_version.as_str().starts_with("gradient_boosting-"));
    assert_eq!(names[2].model_version.as_str(), "plain");
    assert_eq!(names[3].model_version.as_str(), "plain");
}
