//! Several classes and numbers, from rows to answers.

use std::collections::BTreeMap;

use lineal_data::Table;
use lineal_models::{Bundle, Manifest, ServedModel};
use lineal_proto::lineal::{
    inference::v1::{self as inference, prediction_service_client::PredictionServiceClient},
    registry::v1::{self as registry, promotion_service_client::PromotionServiceClient},
    trainer::v1::{self as trainer, JobState, job_service_client::JobServiceClient},
    validator::v1::{self as validator, report_service_client::ReportServiceClient},
};
use lineal_rpc::{Peer, artifacts};

use crate::{process::Process, scenario};

const WINE: &[u8] = include_bytes!("../../crates/models/tests/reference/wine.csv");
const DIABETES: &[u8] = include_bytes!("../../crates/models/tests/reference/diabetes.csv");

/// Trains a version of the model that is named after the label, and expects it.
async fn version(peer: &Peer, rows: &'static [u8], label: &str, family: &str) -> trainer::Job {
    let spec = trainer::JobSpec {
        model: label.to_owned(),
        source: Some(trainer::DataSource {
            dataset: label.to_owned(),
            digest: artifacts::upload(peer, rows.into()).await.unwrap().to_string(),
            format: trainer::SourceFormat::Csv.into(),
        }),
        label_column: label.to_owned(),
        // The kinds of wine are numbers: a family that can do both is told what they are.
        task: if label == "cultivar" { trainer::Task::Multiclass.into() } else { 0 },
        family: family.to_owned(),
        ..trainer::JobSpec::default()
    };
    let request = trainer::CreateJobRequest { spec: Some(spec), ..Default::default() };
    let job = JobServiceClient::new(peer.clone()).create_job(request).await.unwrap().into_inner().job.unwrap();
    let job = scenario::finish(peer, &job.job_id).await.unwrap();
    assert_eq!(job.state(), JobState::Succeeded, "{}", job.error);
    job
}

async fn judge(peer: &Peer, job: &trainer::Job) -> validator::Report {
    let request = validator::ValidateRequest {
        model: job.spec.as_ref().unwrap().model.clone(),
        number: job.version,
        ..validator::ValidateRequest::default()
    };
    let mut reports = ReportServiceClient::new(peer.clone());
    reports.validate(request).await.unwrap().into_inner().report.unwrap()
}

async fn promote(peer: &Peer, job: &trainer::Job) {
    let request = registry::PromoteRequest {
        model: job.spec.as_ref().unwrap().model.clone(),
        number: job.version,
        request_id: job.job_id.clone(),
        ..registry::PromoteRequest::default()
    };
    PromotionServiceClient::new(peer.clone()).promote(request).await.unwrap();
}

/// The bundle of the version, from the artifact store and by the library alone.
async fn library(peer: &Peer, job: &trainer::Job) -> ServedModel {
    let digest = job.digest.parse().unwrap();
    let manifest = artifacts::download(peer, digest, 1 << 20).await.unwrap().to_vec();
    let mut files = BTreeMap::new();
    for (name, entry) in Manifest::parse(&manifest, digest).unwrap().files {
        files.insert(name, artifacts::download(peer, entry.digest, 1 << 24).await.unwrap().to_vec());
    }
    ServedModel::load(&Bundle::assemble(manifest, digest, files).unwrap()).unwrap()
}

/// The served answer to every row is the library's own, to the last bit.
async fn assert_answers(peer: &Peer, job: &trainer::Job, rows: &[u8]) -> inference::PredictResponse {
    let (served, frame) = (library(peer, job).await, Table::from_csv(rows).unwrap().to_frame());
    let column = |input: &lineal_models::SignatureColumn| match frame.column(&input.name) {
        Some(lineal_data::Column::Numbers(values)) => inference::Column {
            name: input.name.clone(),
            values: Some(inference::column::Values::Numbers(inference::NumberColumn { values: values.clone() })),
        },
        other => panic!("{other:?}"),
    };
    let request = inference::PredictRequest {
        model: job.spec.as_ref().unwrap().model.clone(),
        columns: served.signature().inputs.iter().map(column).collect(),
        ..inference::PredictRequest::default()
    };
    let answer = PredictionServiceClient::new(peer.clone()).predict(request).await.unwrap().into_inner();
    assert_eq!(answer.scores, served.score(&frame).unwrap());
    assert_eq!(answer.pedigree.as_ref().unwrap().version, job.version);
    answer
}

fn gates(report: &validator::Report) -> Vec<(&str, bool)> {
    report.gates.iter().map(|gate| (gate.name.as_str(), gate.passed)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_classes_and_numbers_go_from_rows_to_answers() {
    // F66, F97, F100, F130
    let folder = tempfile::tempdir().unwrap();
    let lineal = Process::dev(folder.path(), &[]).await;
    let peer = lineal.peer();

    let wine = version(&peer, WINE, "cultivar", "logistic_regression").await;
    let report = judge(&peer, &wine).await;
    let expected =
        [("signature covers", true), ("answers are finite", true), ("auc floor", true), ("better than champion", true)];
    assert_eq!(gates(&report), expected);
    assert_eq!((report.metrics.clone(), report.gates[3].metric.as_str()), (wine.metrics.clone(), "log_loss"));
    promote(&peer, &wine).await;
    let answer = assert_answers(&peer, &wine, WINE).await;
    assert_eq!(answer.answers, ["0", "1", "2"]);
    assert_eq!((answer.labels.len(), answer.labels[0].as_str(), answer.labels[177].as_str()), (178, "0", "2"));
    // A worse one stays out.
    let worse = version(&peer, WINE, "cultivar", "random_forest").await;
    assert!(worse.metrics["log_loss"] > wine.metrics["log_loss"], "{:?} {:?}", worse.metrics, wine.metrics);
    let report = judge(&peer, &worse).await;
    assert_eq!((report.passed, report.gates[3].comparison.as_str()), (false, "<"), "{report:?}");

    let first = version(&peer, DIABETES, "progression", "random_forest").await;
    let report = judge(&peer, &first).await;
    assert!(report.passed && report.gates[2].name == "r2 floor" && report.gates[2].limit == 0.0, "{report:?}");
    promote(&peer, &first).await;
    let second = version(&peer, DIABETES, "progression", "ridge").await;
    let report = judge(&peer, &second).await;
    let better = second.metrics["rmse"] < first.metrics["rmse"];
    assert_eq!((report.passed, report.gates[3].metric.as_str()), (better, "rmse"), "{report:?}");
    assert_eq!(report.champion_metrics, first.metrics);
    let champion = if better { &second } else { &first };
    if better {
        promote(&peer, &second).await;
    }
    let answer = assert_answers(&peer, champion, DIABETES).await;
    assert_eq!((answer.answers, answer.labels), (vec!["value".to_owned()], Vec::<String>::new()));
}
