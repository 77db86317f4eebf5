//! Members of chains, each on the answers of those before it.

use lineal_kernel::Digest;
use lineal_models::{Bundle, Manifest, ServedModel};
use lineal_proto::lineal::trainer::v1::{self as pb, pipeline_service_server::PipelineService};
use tonic::Request;

use super::{
    lab::{Lab, entry},
    pipeline_runs,
};
use crate::{
    domain::{FailureReason, Job, JobState, PipelineRunState, SpecDraft},
    grpc::TrainerGrpc,
};

/// The English Premier League of 2016-2017.
pub(super) const SEASON: &[u8] = include_bytes!("../../../../crates/models/tests/reference/football/season.csv");

pub(super) fn member(spec: &mut SpecDraft, family: &str, upstreams: &[(&str, u64)]) {
    (spec.model, spec.dataset, spec.family) = (family.to_owned(), "season".to_owned(), family.to_owned());
    spec.label_column = String::new();
    spec.upstreams = upstreams.iter().map(|(model, number)| ((*model).to_owned(), *number)).collect();
}

async fn train(lab: &mut Lab, csv: &[u8], change: impl FnOnce(&mut SpecDraft)) -> Job {
    let job = lab.create(csv, change).await;
    lab.finish(&job).await
}

fn bundle(lab: &Lab, digest: Digest) -> Bundle {
    let manifest = lab.registry.known().artifacts[&digest].to_vec();
    let files = Manifest::parse(&manifest, digest).unwrap().files.into_iter();
    let files = files.map(|(name, file)| (name, lab.registry.known().artifacts[&file.digest].to_vec())).collect();
    Bundle::assemble(manifest, digest, files).unwrap()
}

#[tokio::test]
async fn each_member_learns_from_exactly_the_versions_it_is_given() {
    // F44, F45, F46
    let mut lab = Lab::new().await;
    let poisson = train(&mut lab, SEASON, |spec| member(spec, "poisson", &[])).await;
    assert_eq!(poisson.state, JobState::Succeeded, "{}", poisson.error);
    let draws = train(&mut lab, SEASON, |spec| member(spec, "draw_calibration", &[("poisson", 1)])).await;
    assert_eq!(draws.error, "");
    let blending =
        train(&mut lab, SEASON, |spec| member(spec, "blending", &[("poisson", 1), ("draw_calibration", 2)])).await;
    assert_eq!(blending.error, "");
    let calibration = train(&mut lab, SEASON, |spec| member(spec, "calibration", &[("blending", 3)])).await;
    assert_eq!(calibration.error, "");
    // The last one carries all before it, and proves itself through them.
    let head = bundle(&lab, calibration.digest.unwrap());
    let named: Vec<_> = head.manifest().upstreams.iter().map(|one| one.member.as_str()).collect();
    assert_eq!(named, ["poisson", "draw_calibration", "blending"]);
    let before: Vec<_> = head.manifest().upstreams.iter().map(|one| bundle(&lab, one.digest)).collect();
    let digests: Vec<_> = before.iter().map(|bundle| Some(bundle.digest())).collect();
    assert_eq!(digests, [poisson.digest, draws.digest, blending.digest]);
    let served = ServedModel::load_chain(&head, &before).unwrap();
    let inputs: Vec<_> = served.signature().inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!((served.golden_rows(), inputs), (16, vec!["home_team", "away_team"]));
    assert_eq!(served.answers(), ["home", "draw", "away"]);
    assert!(calibration.metrics["log_loss"] < 1.1 && calibration.metrics["auc"] > 0.6, "{:?}", calibration.metrics);
    assert!(ServedModel::load_chain(&head, &before[1..]).is_err());
    // The registry hears of the versions it was given, and all came from one snapshot.
    let known = lab.registry.known();
    let (_, version) = &known.versions[2];
    let upstreams: Vec<_> = version.upstreams.iter().map(|one| (one.model.as_str(), one.number)).collect();
    assert_eq!(upstreams, [("poisson", 1), ("draw_calibration", 2)]);
    assert!(known.versions.iter().all(|(_, other)| other.data_digest == version.data_digest));
    assert!(known.runs.values().all(|run| entry(&run.log.tags, "stale_upstreams") == "absent"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_pipeline_hands_each_member_the_version_just_made_on_one_snapshot() {
    // F44, F46, F47
    let mut lab = Lab::new().await;
    // A champion that was trained on other rows; no member of the pipeline may take it.
    let early = SEASON.split_inclusive(|byte| *byte == b'\n').take(300).collect::<Vec<_>>().concat();
    assert_eq!(train(&mut lab, &early, |spec| member(spec, "poisson", &[])).await.error, "");
    (lab.registry.known().champion, lab.validator.known().champion) = (1, 1);
    let one = |family: &str| pb::JobSpec { model: family.to_owned(), family: family.to_owned(), ..Default::default() };
    let request = pb::TrainFullPipelineRequest {
        source: Some(pb::DataSource {
            dataset: "season".to_owned(),
            digest: lab.registry.add(SEASON).to_string(),
            format: pb::SourceFormat::Csv.into(),
        }),
        split: Some(pb::SplitNode { version: "v1".to_owned(), ..pb::SplitNode::default() }),
        members: ["poisson", "blending", "calibration"].map(one).to_vec(),
        request_id: "weekly".to_owned(),
        ..pb::TrainFullPipelineRequest::default()
    };
    let answer = TrainerGrpc::new(lab.app.clone()).train_full_pipeline(Request::new(request)).await.unwrap();
    let id = answer.into_inner().pipeline_run.unwrap().pipeline_run_id;
    let run = lab.app.pipeline_run(&id.into()).await.unwrap();
    let run = pipeline_runs::finish(&mut lab, &run).await;
    assert_eq!(run.state, PipelineRunState::Succeeded, "{:?}", run.steps);
    let mut before = vec![];
    let mut rows = vec![];
    for model in ["poisson", "blending", "calibration"] {
        let output = &run.step(&format!("train-{model}")).unwrap().output;
        let job = lab.app.job(&output.job_id.clone().into()).await.unwrap();
        let known = lab.registry.known();
        let (_, version) = &known.versions[usize::try_from(output.version).unwrap() - 1];
        let given: Vec<_> = version.upstreams.iter().map(|one| (one.model.to_string(), one.number)).collect();
        assert_eq!(given, before, "{model}");
        assert_eq!(entry(&known.runs[job.run_id.as_ref().unwrap()].log.tags, "stale_upstreams"), "absent");
        rows.push((version.data_digest, version.reference_digest));
        before = vec![(model.to_owned(), output.version)];
    }
    assert_eq!(before, [("calibration".to_owned(), 4)]);
    assert!(rows.iter().all(|one| *one == rows[0]), "{rows:?}");
    let promoted = lab.registry.known().promotions[0].clone();
    assert_eq!((promoted.model.as_str(), promoted.number, promoted.expected_champion), ("calibration", 4, 1));
}

#[tokio::test]
async fn a_member_without_a_number_learns_from_the_champion_and_says_if_that_is_stale() {
    // F47
    let mut lab = Lab::new().await;
    let early = SEASON.split_inclusive(|byte| *byte == b'\n').take(300).collect::<Vec<_>>().concat();
    assert_eq!(train(&mut lab, &early, |spec| member(spec, "poisson", &[])).await.error, "");
    let alone = train(&mut lab, SEASON, |spec| member(spec, "blending", &[("poisson", 0)])).await;
    assert_eq!((alone.state, alone.reason), (JobState::Failed, Some(FailureReason::Specification)));
    assert!(alone.error.contains("`poisson` has no champion"), "{}", alone.error);
    lab.registry.known().champion = 1;
    let blending = train(&mut lab, SEASON, |spec| member(spec, "blending", &[("poisson", 0)])).await;
    assert_eq!(blending.error, "");
    let events = lab.events(&blending.id, 0).await;
    let warning = "warning: poisson/1 was trained on other rows than these; train it again on them first";
    assert!(events.iter().any(|event| event.message == warning), "{events:?}");
    let known = lab.registry.known();
    assert_eq!(entry(&known.runs[blending.run_id.as_ref().unwrap()].log.tags, "stale_upstreams"), "poisson/1");
    assert_eq!(known.versions[1].1.upstreams[0].number, 1);
}

#[tokio::test]
async fn an_upstream_that_is_damaged_is_named_with_its_file() {
    // F21, F45
    let mut lab = Lab::new().await;
    let poisson = train(&mut lab, SEASON, |spec| member(spec, "poisson", &[])).await;
    let file = bundle(&lab, poisson.digest.unwrap()).manifest().files["member.json"].digest;
    lab.registry.damage(file);
    let job = train(&mut lab, SEASON, |spec| member(spec, "blending", &[("poisson", 1)])).await;
    assert_eq!((job.state, job.reason), (JobState::Failed, Some(FailureReason::RegistryRefused)));
    let why = "the bundle of version 1 of `poisson` cannot be loaded: `member.json` cannot be fetched: ";
    assert!(job.error.contains(why) && job.error.ends_with("is damaged"), "{}", job.error);
}

#[tokio::test]
async fn versions_that_make_no_chain_are_refused() {
    // F45
    let mut lab = Lab::new().await;
    for _ in 0..2 {
        assert_eq!(train(&mut lab, SEASON, |spec| member(spec, "poisson", &[])).await.error, "");
    }
    // Two fits of other rows are two bundles.
    let early = SEASON.split_inclusive(|byte| *byte == b'\n').take(300).collect::<Vec<_>>().concat();
    assert_eq!(train(&mut lab, &early, |spec| member(spec, "poisson", &[])).await.error, "");
    assert_eq!(train(&mut lab, SEASON, |spec| member(spec, "draw_calibration", &[("poisson", 3)])).await.error, "");
    let forked =
        train(&mut lab, SEASON, |spec| member(spec, "blending", &[("poisson", 1), ("draw_calibration", 4)])).await;
    assert!(forked.error.contains("two versions of `poisson`"), "{}", forked.error);
    let absent = train(&mut lab, SEASON, |spec| member(spec, "blending", &[("poisson", 9)])).await;
    assert!(absent.error.contains("no version 9"), "{}", absent.error);
    let ridge = |spec: &mut SpecDraft| {
        member(spec, "ridge", &[]);
        (spec.label_column, spec.exclude_columns) = ("home_goals".to_owned(), vec!["date".to_owned()]);
    };
    assert_eq!(train(&mut lab, SEASON, ridge).await.error, "");
    let alone = train(&mut lab, SEASON, |spec| member(spec, "blending", &[("ridge", 5)])).await;
    assert!(alone.error.contains("`ridge` stands alone"), "{}", alone.error);
    let no_goals = b"date,home_team,away_team\n2016-08-13,A,B\n2016-08-14,B,A\n";
    let rows = train(&mut lab, no_goals, |spec| member(spec, "poisson", &[])).await;
    assert!(rows.error.contains("home_goals"), "{}", rows.error);
    let draft = lab.draft(SEASON, |spec| {
        member(spec, "calibration", &[]);
        spec.label_column = "home_goals".to_owned();
    });
    let errors = crate::domain::CreateJob::check(draft, false, "", lab.app.families()).unwrap_err();
    let paths: Vec<_> = errors.0.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(paths, ["spec.upstreams", "spec.label_column"]);
}
