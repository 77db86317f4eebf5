//! Trainings with a key that signs.

use lineal_bundles::to_sign;
use lineal_models::Manifest;
use lineal_proto::lineal::trainer::v1::{self as pb, pipeline_service_server::PipelineService as _};
use lineal_rpc::reason_of;
use lineal_signing::{Envelope, Files, Policy, SigningKey};
use p256::pkcs8::{EncodePrivateKey as _, LineEnding};
use tonic::{Code, Request};
use tonic_types::StatusExt as _;

use super::{
    chains::{SEASON, member},
    lab::{Lab, customers},
    pipeline_runs,
    reproductions::{assert_reproduced, messages},
};
use crate::{
    domain::{FailureReason, Job, JobState, PipelineRunState, SpecDraft, Step},
    grpc::TrainerGrpc,
    registry::NewSignature,
};

/// What one case does to the signatures.
type Change<'a> = &'a dyn Fn(&Lab);

fn key(seed: u8) -> SigningKey {
    let secret = p256::SecretKey::from_slice(&[seed; 32]).unwrap();
    SigningKey::from_pem(&secret.to_pkcs8_pem(LineEnding::LF).unwrap()).unwrap()
}

/// The key 7 is trusted, and has to sign.
fn required() -> Policy {
    Policy::new([key(7).public().clone()], true)
}

impl Lab {
    /// The files of a version, by their digests.
    fn files(&self, number: usize) -> Files {
        let known = self.registry.known();
        let digest = known.versions[number - 1].1.digest;
        to_sign(digest, &Manifest::parse(&known.artifacts[&digest], digest).unwrap())
    }

    /// Keeps `envelope` in place of the signatures that the version has.
    fn attach(&self, number: usize, envelope: String) {
        let mut known = self.registry.known();
        let (_, version) = &known.versions[number - 1];
        let (model, digest) = (version.model.clone(), version.digest);
        known.signatures.retain(|signature| signature.digest != digest);
        known.signatures.push(NewSignature { model, digest, envelope, public_key: String::new() });
    }

    /// The signature of the key `seed` in place of those that the version has.
    fn sign(&self, number: usize, seed: u8) {
        self.attach(number, Envelope::sign(&key(seed), "goals", &self.files(number)).unwrap());
    }

    /// A job of a trainer that trusts nobody else.
    async fn trained(&mut self, trusted: Policy, change: impl FnOnce(&mut SpecDraft)) -> Job {
        self.restart_signing(None, trusted);
        let job = self.create(SEASON, change).await;
        self.finish(&job).await
    }

    /// How many files, versions and signatures there are.
    fn kept(&self) -> [usize; 3] {
        let known = self.registry.known();
        [known.artifacts.len(), known.versions.len(), known.signatures.len()]
    }
}

#[tokio::test]
async fn what_is_trained_with_a_key_is_signed_before_it_is_a_version() {
    // X12
    let mut lab = Lab::new().await;
    lab.restart_signing(Some(key(7)), Policy::default());
    let job = lab.create(&customers(300), |_| {}).await;
    // No version may be made yet.
    lab.registry.gate.forget_permits(1000);
    let running = lab.run();
    while lab.registry.known().signatures.is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(lab.registry.known().versions.is_empty());
    lab.registry.gate.add_permits(1);
    lab.events(&job.id, 0).await;
    running.stop().await;

    let job = lab.stored(&job.id).await;
    assert_eq!(job.state, JobState::Succeeded, "{}", job.error);
    let known = lab.registry.known();
    let [signature] = known.signatures.as_slice() else { panic!("{:?}", known.signatures) };
    assert_eq!(Some(signature.digest), job.digest);
    assert_eq!(signature.public_key, key(7).public().pem());
    let manifest = Manifest::parse(&known.artifacts[&signature.digest], signature.digest).unwrap();
    let files = to_sign(signature.digest, &manifest);
    assert_eq!(required().admit(&files, std::slice::from_ref(&signature.envelope)), Ok(Some(0)));
}

#[tokio::test]
async fn without_a_key_nothing_is_signed() {
    let mut lab = Lab::new().await;
    let job = lab.create(&customers(300), |_| {}).await;
    assert_eq!(lab.finish(&job).await.state, JobState::Succeeded);
    assert!(lab.registry.known().signatures.is_empty());
}

#[tokio::test]
async fn a_version_is_learned_from_once_a_trusted_key_signed_it() {
    // X12
    let mut lab = Lab::new().await;
    let poisson = lab.trained(Policy::default(), |spec| member(spec, "poisson", &[])).await;
    assert_eq!(poisson.error, "");
    let blending = |spec: &mut SpecDraft| member(spec, "blending", &[("poisson", 1)]);
    let steps: [(Change<'_>, &str); 3] = [
        (&|_| (), "it is not signed, and must be; sign its version with `lineal sign"),
        (&|lab| lab.sign(1, 8), "which is not trusted; sign its version with a key that is"),
        (&|lab| lab.attach(1, Envelope::sign(&key(7), "goals", &Files::new()).unwrap()), "is refused (`"),
    ];
    for (prepare, why) in steps {
        prepare(&lab);
        let kept = lab.kept();
        let job = lab.trained(required(), blending).await;
        assert_eq!((job.state, job.reason, job.attempt), (JobState::Failed, Some(FailureReason::Untrusted), 1));
        assert!(
            job.error.starts_with("load: the bundle of version 1 of `poisson` cannot be loaded: "),
            "{}",
            job.error
        );
        assert!(job.error.contains(why), "{}", job.error);
        assert_eq!(lab.kept(), kept, "no version, and nothing of one");
        let events = lab.events(&job.id, 0).await;
        assert!(events.iter().all(|event| event.step != Some(Step::Train)), "{events:?}");
    }
    lab.sign(1, 7);
    assert_eq!(lab.trained(required(), blending).await.error, "");
    // What it made is not signed itself: the next member waits for that.
    let calibration = |spec: &mut SpecDraft| member(spec, "calibration", &[("blending", 2)]);
    let job = lab.trained(required(), calibration).await;
    assert_eq!(job.reason, Some(FailureReason::Untrusted));
    assert!(job.error.contains("version 2 of `blending`"), "{}", job.error);
    // Its signature covers what it learned from.
    lab.sign(2, 7);
    lab.attach(1, "no signature".to_owned());
    assert_eq!(lab.trained(required(), calibration).await.error, "");
}

#[tokio::test]
async fn where_signatures_are_not_required_only_wrong_ones_are_refused() {
    // X12
    let mut lab = Lab::new().await;
    assert_eq!(lab.trained(Policy::default(), |spec| member(spec, "poisson", &[])).await.error, "");
    let blending = |spec: &mut SpecDraft| member(spec, "blending", &[("poisson", 1)]);
    let lenient = || Policy::new([key(7).public().clone()], false);
    assert_eq!(lab.trained(lenient(), blending).await.error, "");
    lab.sign(1, 8);
    assert_eq!(lab.trained(lenient(), blending).await.reason, Some(FailureReason::Untrusted));
    lab.attach(1, "no signature".to_owned());
    assert_eq!(lab.trained(lenient(), blending).await.reason, Some(FailureReason::Untrusted));
    // Nobody who trusts no key asks.
    assert_eq!(lab.trained(Policy::default(), blending).await.error, "");
}

#[tokio::test]
async fn a_version_is_trained_again_once_a_trusted_key_signed_all_it_comes_from() {
    // F94, X12
    let mut lab = Lab::new().await;
    assert_eq!(lab.trained(Policy::default(), |spec| member(spec, "poisson", &[])).await.error, "");
    assert_eq!(lab.trained(Policy::default(), |spec| member(spec, "blending", &[("poisson", 1)])).await.error, "");
    lab.restart_signing(None, required());
    for (signed, refused, reason) in [
        (None, "blending/2", "BUNDLE_UNSIGNED"),
        (Some((2, 8)), "blending/2", "SIGNING_KEY_UNKNOWN"),
        (Some((2, 7)), "poisson/1", "BUNDLE_UNSIGNED"),
    ] {
        if let Some((number, seed)) = signed {
            lab.sign(number, seed);
        }
        let status = messages(&lab, "blending", 2, 1).await.unwrap_err();
        assert_eq!(
            (status.code(), reason_of(&status).as_deref()),
            (Code::FailedPrecondition, Some(reason)),
            "{status}"
        );
        let metadata = status.get_details_error_info().unwrap().metadata;
        assert_eq!(metadata["version"], refused);
        assert!(status.message().contains("sign its version"), "{status}");
    }
    lab.sign(1, 7);
    let found = messages(&lab, "blending", 2, 1).await.unwrap();
    assert_reproduced(found.last().unwrap());
}

#[tokio::test]
async fn the_members_of_a_pipeline_learn_from_what_the_trainer_signed_before() {
    // F47, X12
    for (signing_key, state) in [(None, PipelineRunState::Failed), (Some(key(7)), PipelineRunState::Succeeded)] {
        let mut lab = Lab::new().await;
        lab.restart_signing(signing_key, required());
        let one =
            |family: &str| pb::JobSpec { model: family.to_owned(), family: family.to_owned(), ..Default::default() };
        let request = pb::TrainFullPipelineRequest {
            source: Some(pb::DataSource {
                dataset: "season".to_owned(),
                digest: lab.registry.add(SEASON).to_string(),
                format: pb::SourceFormat::Csv.into(),
            }),
            split: Some(pb::SplitNode { version: "v1".to_owned(), ..pb::SplitNode::default() }),
            members: ["poisson", "blending"].map(one).to_vec(),
            request_id: "weekly".to_owned(),
            ..pb::TrainFullPipelineRequest::default()
        };
        let answer = TrainerGrpc::new(lab.app.clone()).train_full_pipeline(Request::new(request)).await.unwrap();
        let id = answer.into_inner().pipeline_run.unwrap().pipeline_run_id;
        let run = lab.app.pipeline_run(&id.into()).await.unwrap();
        let run = pipeline_runs::finish(&mut lab, &run).await;
        assert_eq!(run.state, state, "{:?}", run.steps);
        let blending = run.step("train-blending").unwrap();
        let untrusted =
            blending.message.contains("version 1 of `poisson`") && blending.message.contains("is not signed");
        assert_eq!(untrusted, state == PipelineRunState::Failed, "{}", blending.message);
    }
}
