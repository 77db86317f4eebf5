//! Ensembles: members that fail are left out or fail the request, by the rule, and the answer says so.

use arrow::array::{Array as _, AsArray as _};
use lineal_inference::{InferenceConfig, PredictionLogConfig};
use lineal_kernel::Name;
use lineal_models::{EnsembleRule, ServedModel, Task};
use lineal_proto::{
    inference::infer_parameter::ParameterChoice,
    lineal::inference::v1::{self as pb, column::Values},
};
use lineal_rpc::reason_of;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::fixture::{
    Champion, FakeRegistry, Listening, TestReplica,
    batches::{files, numbers, score, stored},
    ensemble, fragile, raw_request, request, version, version_of, wider,
};

struct Bench {
    replica: TestReplica,
    folder: tempfile::TempDir,
    _listening: Listening,
}

impl Bench {
    /// A replica that serves the ensemble of `members` and logs what it answers.
    async fn start(rule: EnsembleRule, members: &[&Champion]) -> Self {
        let registry = FakeRegistry::default();
        let listening = registry.listen(0).await;
        for member in members {
            registry.store(member);
        }
        registry.promote(&ensemble(9, rule, members));
        let folder = tempfile::tempdir().unwrap();
        let advertise = "http://127.0.0.1:7400".to_owned();
        let log = folder.path().join("log").display().to_string();
        let config = InferenceConfig {
            prediction_log: Some(PredictionLogConfig::new(&log, 1.0).unwrap()),
            ..InferenceConfig::new(Name::new("r-0").unwrap(), advertise, folder.path().join("cache"))
        };
        let replica = TestReplica::start_with(&listening.address, config).await;
        registry.until_served(1).await;
        Self { replica, folder, _listening: listening }
    }

    async fn predict(&self, request: pb::PredictRequest) -> Result<pb::PredictResponse, Status> {
        Ok(self.replica.predictions().predict(request).await?.into_inner())
    }
}

/// Two rows with so many visits, which only `wider` takes.
fn visits(values: [f64; 2]) -> pb::PredictRequest {
    let mut request = request("churn");
    let values = Values::Numbers(pb::NumberColumn { values: values.into() });
    request.columns.push(pb::Column { name: "visits".to_owned(), values: Some(values) });
    request
}

/// Two rows of which the second is of this age.
fn aged(age: f64) -> pb::PredictRequest {
    let mut request = request("churn");
    request.columns[0].values = Some(Values::Numbers(pb::NumberColumn { values: vec![25.0, age] }));
    request
}

fn three() -> [Champion; 3] {
    [version("churn", 1), version("churn", 2), wider("churn", 3)]
}

/// What these members say of a row on average.
fn mean(row: usize, of: &[&Champion]) -> f64 {
    of.iter().map(|one| one.scores[row]).sum::<f64>() / of.len() as f64
}

fn near(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    assert!(
        found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-12),
        "{found:?} {expected:?}"
    );
}

#[tokio::test]
async fn when_one_of_three_members_fails_the_others_answer_and_the_answer_says_so() {
    // F141
    let [one, two, three] = three();
    let bench = Bench::start(EnsembleRule::Renormalise, &[&one, &two, &three]).await;
    let all = [mean(0, &[&one, &two, &three]), mean(1, &[&one, &two, &three])];
    let whole = bench.predict(visits([1.0, 7.0])).await.unwrap();
    near(&whole.scores, &all);
    assert_eq!((whole.left_out, whole.pedigree.unwrap().version), (vec![], 9));

    let torn = bench.predict(visits([1.0, f64::NAN])).await.unwrap();
    near(&torn.scores, &[all[0], mean(1, &[&one, &two])]);
    let [left_out] = torn.left_out.try_into().unwrap();
    assert_eq!((left_out.member.as_str(), left_out.rows), ("churn/3", vec![1]));
    assert!(left_out.problem.contains("`visits`"), "{}", left_out.problem);

    // The same by the Open Inference Protocol.
    let mut raw = raw_request("churn");
    raw.inputs.push(lineal_proto::inference::model_infer_request::InferInputTensor {
        name: "visits".to_owned(),
        datatype: "FP64".to_owned(),
        shape: vec![2],
        ..Default::default()
    });
    raw.raw_input_contents.push([1.0, f64::NAN].map(f64::to_le_bytes).concat().into());
    let answer = bench.replica.open_inference().model_infer(raw.clone()).await.unwrap().into_inner();
    let said = answer.parameters.get("left_out").and_then(|parameter| parameter.parameter_choice.clone());
    assert_eq!(said, Some(ParameterChoice::StringParam("churn/3".to_owned())));
    raw.raw_input_contents[2] = [1.0_f64, 7.0].map(f64::to_le_bytes).concat().into();
    let answer = bench.replica.open_inference().model_infer(raw).await.unwrap().into_inner();
    assert!(!answer.parameters.contains_key("left_out"), "all members answered");

    // And in the log, row by row.
    bench.replica.listening.stop().await;
    let logged = files(&bench.folder.path().join("log"));
    let file = logged.keys().find(|file| file.extension().is_some_and(|extension| extension == "parquet")).unwrap();
    let rows = stored(file.parent().unwrap());
    let left_out = rows[0].column_by_name("left_out").unwrap().as_string::<i32>();
    let torn = Some("churn/3");
    assert_eq!(left_out.iter().collect::<Vec<_>>(), [None, None, None, torn, None, torn, None, None]);
}

#[tokio::test]
async fn by_the_rule_to_fail_the_member_is_named_and_whoever_is_at_fault() {
    // F141
    let [one, two, three] = three();
    let bench = Bench::start(EnsembleRule::Fail, &[&one, &two, &three]).await;
    assert_eq!(bench.predict(visits([1.0, 7.0])).await.unwrap().scores.len(), 2);
    let refused = bench.predict(visits([1.0, f64::NAN])).await.unwrap_err();
    assert_eq!((refused.code(), reason_of(&refused).as_deref()), (Code::InvalidArgument, Some("INVALID_FIELD")));
    assert!(refused.message().contains("visits"), "{}", refused.message());
    let fields = refused.get_details_bad_request().unwrap().field_violations;
    assert!(fields[0].field == "visits" && fields[0].description.contains("churn/3"), "{fields:?}");
}

#[tokio::test]
async fn a_member_that_answers_no_number_is_at_fault_itself() {
    // F141
    let members = [version_of(Task::Regression, "churn", 1), fragile("churn", 2)];
    let [one, two] = &members;
    let bench = Bench::start(EnsembleRule::Fail, &[one, two]).await;
    let failed = bench.predict(aged(1e12)).await.unwrap_err();
    assert_eq!((failed.code(), reason_of(&failed).as_deref()), (Code::FailedPrecondition, Some("MEMBER_FAILED")));
    assert_eq!(failed.get_details_error_info().unwrap().metadata["member"], "churn/2");

    let bench = Bench::start(EnsembleRule::Renormalise, &[one, two]).await;
    let answer = bench.predict(aged(1e12)).await.unwrap();
    assert_eq!((answer.left_out[0].member.as_str(), &answer.left_out[0].rows), ("churn/2", &vec![1]));
    let nobody = bench.predict(aged(f64::NAN)).await.unwrap_err();
    assert_eq!(nobody.code(), Code::InvalidArgument, "no member takes a row without an age: {nobody}");

    let bench = Bench::start(EnsembleRule::Renormalise, &[two, &fragile("churn", 3)]).await;
    let nobody = bench.predict(aged(1e12)).await.unwrap_err();
    assert_eq!(reason_of(&nobody).as_deref(), Some("MEMBER_FAILED"), "no member has a number for it");
}

#[tokio::test]
async fn a_replica_starts_without_a_damaged_member_but_no_promotion_does() {
    // F141
    let [one, two, three] = three();
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    for member in [&one, &two, &three] {
        registry.store(member);
    }
    let file = two.bundle.manifest().files["model.json"].digest;
    registry.damage(file);
    let together = ensemble(9, EnsembleRule::Renormalise, &[&one, &two, &three]);
    registry.promote(&together);
    let folder = tempfile::tempdir().unwrap();
    let replica = TestReplica::start(&listening.address, folder.path().into()).await;
    registry.until_served(1).await;
    let answer = replica.predictions().predict(visits([1.0, 7.0])).await.unwrap().into_inner();
    near(&answer.scores, &[mean(0, &[&one, &three]), mean(1, &[&one, &three])]);
    assert_eq!((answer.left_out[0].member.as_str(), answer.left_out[0].rows.len()), ("churn/2", 0));
    let served = replica.serving("champion").await;
    assert_eq!(served.left_out[0].member, "churn/2");
    let refused = replica.prepare(&together).await.unwrap_err();
    assert_eq!((refused.code(), reason_of(&refused).as_deref()), (Code::FailedPrecondition, Some("MEMBER_MISSING")));
    assert_eq!(refused.get_details_error_info().unwrap().metadata["member"], "churn/2");

    // Mended, it is whole with the next generation.
    registry.store(&two);
    registry.promote(&version("other", 1));
    registry.until_served(2).await;
    assert_eq!(replica.predictions().predict(visits([1.0, 7.0])).await.unwrap().into_inner().left_out, vec![]);
    assert_eq!(replica.prepare(&together).await.unwrap().golden_rows, 16);

    // With the other rule the generation is not served at all.
    registry.damage(file);
    let strict = ensemble(10, EnsembleRule::Fail, &[&one, &two, &three]);
    registry.promote(&strict);
    let fresh = tempfile::tempdir().unwrap();
    replica.listening.stop().await;
    let _replica = TestReplica::start(&listening.address, fresh.path().into()).await;
    let told = |beat: &lineal_proto::lineal::registry::v1::HeartbeatRequest| {
        beat.generation == 0 && beat.problem.contains("`churn/2`")
    };
    registry.until("the member named", |state| state.replicas.get("r-0").is_some_and(told)).await;
}

#[tokio::test]
async fn a_file_is_scored_by_the_same_rule_row_by_row() {
    // F141, F127
    let [one, two, three] = three();
    let bench = Bench::start(EnsembleRule::Renormalise, &[&one, &two, &three]).await;
    let input = bench.folder.path().join("rows.csv");
    std::fs::write(&input, "account_id,age,plan,visits\n1,25,basic,1\n2,61,gold,\n3,61,gold,7\n").unwrap();
    let folder = bench.folder.path().join("scores");
    bench.replica.score(score(&input, &folder, "b-1")).await.unwrap();
    let rows = stored(&folder.join("churn/b-1"));
    let left_out = rows[0].column_by_name("churn_left_out").unwrap().as_string::<i32>();
    assert_eq!(left_out.iter().collect::<Vec<_>>(), [None, Some("churn/3"), None]);
    assert_eq!(left_out.null_count(), 2);
    let scores = numbers(&rows, "churn_probability");
    assert!((scores[1] - mean(1, &[&one, &two])).abs() < 1e-12, "{scores:?}");

    let bench = Bench::start(EnsembleRule::Fail, &[&one, &two, &three]).await;
    let refused = bench.replica.score(score(&input, &folder, "b-2")).await.unwrap_err();
    assert!(refused.message().contains("visits"), "{refused}");
    let alone = ServedModel::load(&one.bundle).unwrap();
    assert!(!alone.is_ensemble() && alone.absent().is_empty());
}
