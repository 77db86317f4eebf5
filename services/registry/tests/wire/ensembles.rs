//! Ensembles: versions that pin their members wherever these stand.

use lineal_proto::lineal::registry::v1 as pb;
use tonic::Code;

use crate::fixture::{Bench, create_version, reason};

/// Registers an ensemble of these versions of `churn` in `model`, validated.
async fn ensemble(bench: &Bench, model: &str, numbers: &[u64]) -> u64 {
    let member = |number: &u64| pb::VersionReference { model: "churn".into(), number: *number };
    let request = pb::CreateVersionRequest {
        family: "ensemble".into(),
        upstreams: numbers.iter().map(member).collect(),
        ..create_version(model, bench.bundle(&format!("{model} of {numbers:?}")).await)
    };
    let made = bench.version_service().create_version(request).await.unwrap().into_inner().version.unwrap();
    bench.validate(model, made.number).await;
    made.number
}

#[tokio::test]
async fn an_ensemble_rises_without_its_members_and_they_without_it() {
    // F96, F141
    let bench = Bench::start().await;
    for _ in 0..3 {
        bench.candidate("churn").await;
    }
    bench.promote("churn", 3).await.unwrap();
    let together = ensemble(&bench, "together", &[1, 2, 3]).await;
    let promoted = bench.promote("together", together).await.unwrap();
    assert_eq!((promoted.generation, promoted.members), (2, vec![]), "three versions of one model are no fork here");
    assert_eq!(bench.champion("churn").await, 3);
    let next = bench.candidate("churn").await;
    bench.promote("churn", next).await.unwrap();
    assert_eq!(bench.rollback("churn").await.unwrap().to_number, 3);
    assert_eq!(bench.champion("together").await, together);
    let pinned = bench.version("together", together).await.upstreams;
    assert_eq!(pinned.iter().map(|one| one.number).collect::<Vec<_>>(), [1, 2, 3]);
    // A version of the same model may hold earlier ones.
    let own = ensemble(&bench, "churn", &[1, 2]).await;
    assert_eq!(bench.promote("churn", own).await.unwrap().members, vec![]);
}

#[tokio::test]
async fn an_ensemble_with_a_failed_member_is_not_promoted() {
    // F141
    let bench = Bench::start().await;
    for _ in 0..2 {
        bench.candidate("churn").await;
    }
    let together = ensemble(&bench, "together", &[1, 2]).await;
    let fail = pb::FailVersionRequest {
        model: "churn".into(),
        number: 2,
        reason: "broken feed".into(),
        request_id: "fail-2".into(),
    };
    bench.version_service().fail_version(fail).await.unwrap();
    let (code, why) = reason(bench.promote("together", together).await);
    assert_eq!((code, why.as_str()), (Code::FailedPrecondition, "CHAIN_MEMBER_FAILED"));
}
