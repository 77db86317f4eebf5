//! A chain of members, from a season of matches to forecasts.

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

const SEASON: &[u8] = include_bytes!("../../crates/models/tests/reference/football/season.csv");

/// Trains a member whose model is called like its family.
async fn member(peer: &Peer, family: &str, upstreams: &[(&str, u64)], settings: &[(&str, f64)]) -> trainer::Job {
    let upstream = |(model, number): &(&str, u64)| trainer::Upstream { model: (*model).to_owned(), number: *number };
    let setting = |(name, value): &(&str, f64)| ((*name).to_owned(), lineal_proto::pbjson_types::Value::from(*value));
    let spec = trainer::JobSpec {
        model: family.to_owned(),
        source: Some(trainer::DataSource {
            dataset: "season".to_owned(),
            digest: artifacts::upload(peer, SEASON.into()).await.unwrap().to_string(),
            format: trainer::SourceFormat::Csv.into(),
        }),
        family: family.to_owned(),
        hyperparameters: settings.iter().map(setting).collect(),
        upstreams: upstreams.iter().map(upstream).collect(),
        ..trainer::JobSpec::default()
    };
    let request = trainer::CreateJobRequest { spec: Some(spec), ..Default::default() };
    let job = JobServiceClient::new(peer.clone()).create_job(request).await.unwrap().into_inner().job.unwrap();
    let job = scenario::finish(peer, &job.job_id).await.unwrap();
    assert_eq!(job.state(), JobState::Succeeded, "{}", job.error);
    job
}

async fn judge(peer: &Peer, job: &trainer::Job) -> validator::Report {
    let limit = validator::MetricLimit { metric: "log_loss".to_owned(), limit: 1.1 };
    let request = validator::ValidateRequest {
        model: job.spec.as_ref().unwrap().model.clone(),
        number: job.version,
        policy: Some(validator::Policy { limits: vec![limit], ..validator::Policy::default() }),
        ..validator::ValidateRequest::default()
    };
    let mut reports = ReportServiceClient::new(peer.clone());
    reports.validate(request).await.unwrap().into_inner().report.unwrap()
}

async fn promote(peer: &Peer, job: &trainer::Job) -> registry::Promotion {
    let request = registry::PromoteRequest {
        model: job.spec.as_ref().unwrap().model.clone(),
        number: job.version,
        request_id: job.job_id.clone(),
        ..registry::PromoteRequest::default()
    };
    let mut promotions = PromotionServiceClient::new(peer.clone());
    promotions.promote(request).await.unwrap().into_inner().promotion.unwrap()
}

async fn bundle(peer: &Peer, digest: &str) -> Bundle {
    let digest = digest.parse().unwrap();
    let manifest = artifacts::download(peer, digest, 1 << 20).await.unwrap().to_vec();
    let mut files = BTreeMap::new();
    for (name, entry) in Manifest::parse(&manifest, digest).unwrap().files {
        files.insert(name, artifacts::download(peer, entry.digest, 1 << 24).await.unwrap().to_vec());
    }
    Bundle::assemble(manifest, digest, files).unwrap()
}

/// The chain that ends in the job's version, by the library alone.
async fn library(peer: &Peer, job: &trainer::Job) -> ServedModel {
    let head = bundle(peer, &job.digest).await;
    let mut before = Vec::new();
    for upstream in &head.manifest().upstreams {
        before.push(bundle(peer, &upstream.digest.to_string()).await);
    }
    ServedModel::load_chain(&head, &before).unwrap()
}

fn fixture(model: &str, matches: &[(&str, &str)]) -> inference::PredictRequest {
    let column = |name: &str, values: Vec<String>| inference::Column {
        name: name.to_owned(),
        values: Some(inference::column::Values::Texts(inference::TextColumn { values })),
    };
    inference::PredictRequest {
        model: model.to_owned(),
        columns: vec![
            column("home_team", matches.iter().map(|(home, _)| (*home).to_owned()).collect()),
            column("away_team", matches.iter().map(|(_, away)| (*away).to_owned()).collect()),
        ],
        ..inference::PredictRequest::default()
    }
}

async fn predict(peer: &Peer, request: inference::PredictRequest) -> Result<inference::PredictResponse, tonic::Status> {
    Ok(PredictionServiceClient::new(peer.clone()).predict(request).await?.into_inner())
}

const MATCHES: [(&str, &str); 2] = [("Arsenal", "Southampton"), ("Hull City", "Chelsea")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_is_trained_judged_promoted_and_served_whole() {
    // F44, F45, F113, F135
    let folder = tempfile::tempdir().unwrap();
    let lineal = Process::dev(folder.path(), &[]).await;
    let peer = lineal.peer();
    let poisson = member(&peer, "poisson", &[], &[]).await;
    let blending = member(&peer, "blending", &[("poisson", poisson.version)], &[]).await;
    let calibration = member(&peer, "calibration", &[("blending", blending.version)], &[]).await;
    for job in [&poisson, &blending, &calibration] {
        let report = judge(&peer, job).await;
        assert!(report.passed, "{report:?}");
        assert_eq!(report.metrics, job.metrics, "the validator comes to the trainer's own numbers");
    }
    let promotion = promote(&peer, &calibration).await;
    let moved: Vec<_> = promotion.members.iter().map(|member| member.model.as_str()).collect();
    assert_eq!(moved, ["poisson", "blending"]);

    let rows = Table::from_csv(b"home_team,away_team\nArsenal,Southampton\nHull City,Chelsea\n").unwrap().to_frame();
    for job in [&poisson, &blending, &calibration] {
        let model = job.spec.as_ref().unwrap().model.as_str();
        let answer = predict(&peer, fixture(model, &MATCHES)).await.unwrap();
        assert_eq!(answer.scores, library(&peer, job).await.score(&rows).unwrap(), "{model}");
        assert_eq!(
            (answer.answers.join(" ").as_str(), answer.labels.join(" ").as_str()),
            ("home draw away", "home away")
        );
        let pedigree = answer.pedigree.unwrap();
        assert_eq!((pedigree.version, pedigree.generation), (job.version, promotion.generation));
    }
    let unknown = predict(&peer, fixture("calibration", &[("Arsenal", "Lineal")])).await.unwrap_err();
    assert_eq!(unknown.code(), tonic::Code::InvalidArgument);
    assert!(unknown.message().contains("`Lineal`"), "{unknown}");

    // A member trained anew changes nothing until a chain of it is promoted; then all of it changes at once.
    let before = predict(&peer, fixture("calibration", &MATCHES)).await.unwrap();
    let poisson = member(&peer, "poisson", &[], &[("xi", 0.005)]).await;
    let blending = member(&peer, "blending", &[("poisson", poisson.version)], &[]).await;
    let calibration = member(&peer, "calibration", &[("blending", blending.version)], &[]).await;
    let again = predict(&peer, fixture("calibration", &MATCHES)).await.unwrap();
    assert_eq!(again.scores, before.scores);
    let report = judge(&peer, &calibration).await;
    let gate = &report.gates[3];
    assert_eq!((report.champion_number, gate.metric.as_str(), gate.comparison.as_str()), (1, "log_loss", "<"));
    assert!(gate.value.is_finite() && gate.limit.is_finite(), "{report:?}");
    if report.passed {
        let promotion = promote(&peer, &calibration).await;
        for model in ["poisson", "blending", "calibration"] {
            let pedigree = predict(&peer, fixture(model, &MATCHES)).await.unwrap().pedigree.unwrap();
            assert_eq!((pedigree.version, pedigree.generation), (2, promotion.generation), "{model}");
        }
    }
}
