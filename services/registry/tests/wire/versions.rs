//! Versions: names, words, upstreams.

use lineal_proto::lineal::registry::v1 as pb;
use tonic::Code;

use crate::fixture::{
    Bench, Refusal, create_version, fail_version, labels, lineage, promote, record_validation, rollback,
};

async fn resolve(bench: &Bench, reference: &str) -> Result<pb::Version, tonic::Status> {
    let request = pb::ResolveVersionRequest { reference: reference.into(), ..Default::default() };
    Ok(bench.version_service().resolve_version(request).await?.into_inner().version.unwrap())
}

async fn shown(bench: &Bench, word: &str) -> Vec<u64> {
    let request = pb::ListVersionsRequest {
        model: "churn".into(),
        page_size: 500,
        display_state: word.into(),
        ..Default::default()
    };
    let found = bench.version_service().list_versions(request).await.unwrap().into_inner().versions;
    assert!(found.iter().all(|version| word.is_empty() || version.display_state == word));
    found.iter().map(|version| version.number).collect()
}

#[tokio::test]
async fn a_fresh_version_serves_nothing() {
    // F4, F10
    let bench = Bench::start().await;
    let champion = bench.crown("churn").await;
    let fresh = bench.register("churn").await;
    assert_eq!(bench.champion("churn").await, champion);
    assert_eq!((fresh.number, fresh.display_state.as_str(), fresh.aliases.len()), (2, "staging", 0));
    assert_eq!(fresh.state(), pb::VersionState::Trained);
    assert_eq!(fresh.label, "poisson-20250115-143022-2");
    assert_eq!(fresh.create_time.unwrap().seconds, 1_736_951_422);
    assert_eq!(fresh.lineage.unwrap().run_id, "run-1");
}

#[tokio::test]
async fn every_spelling_leads_to_the_same_bytes() {
    // F8, F9
    let bench = Bench::start().await;
    let number = bench.crown("churn").await;
    let version = bench.version("churn", number).await;
    let spellings = [
        "models:/churn@champion".to_owned(),
        "models:/churn/1".to_owned(),
        "models:/churn@Champion".to_owned(),
        "churn@prod".to_owned(),
        "churn@production".to_owned(),
        "churn/1".to_owned(),
        format!("churn/{}", version.label),
        format!("churn/{}", version.digest),
    ];
    let bytes = bench.download(&version.digest).await.unwrap();
    for spelling in spellings {
        let found = resolve(&bench, &spelling).await.unwrap();
        assert_eq!(found, version, "{spelling}");
        assert_eq!(bench.download(&found.digest).await.unwrap(), bytes, "{spelling}");
    }
    for (absent, reason) in [
        ("churn/2", "VERSION_NOT_FOUND"),
        ("churn/poisson-20250115-143023", "VERSION_NOT_FOUND"),
        ("churn@canary", "ALIAS_NOT_FOUND"),
        ("fraud/1", "MODEL_NOT_FOUND"),
    ] {
        let refused = Refusal::from(resolve(&bench, absent).await.unwrap_err());
        assert_eq!((refused.code, refused.reason.as_str()), (Code::NotFound, reason), "{absent}");
    }
}

#[tokio::test]
async fn each_condition_has_its_word_and_words_filter() {
    // F7, F12, F13
    let bench = Bench::start().await;
    for _ in 0..3 {
        bench.crown("churn").await;
    }
    bench.promotion_service().rollback(rollback("churn")).await.unwrap();
    bench.register("churn").await;
    assert_eq!(shown(&bench, "production").await, [2]);
    assert_eq!(shown(&bench, "rollback_candidate").await, [1]);
    assert_eq!(shown(&bench, "archived").await, [3]);
    assert_eq!(shown(&bench, "staging").await, [4]);
    assert!(shown(&bench, "failed").await.is_empty());
    bench.register("churn").await;
    bench.version_service().fail_version(fail_version("churn", 5)).await.unwrap();
    assert_eq!(shown(&bench, "failed").await, [5]);
    assert_eq!(shown(&bench, "").await, [5, 4, 3, 2, 1]);
}

#[tokio::test]
async fn a_failed_version_is_out_for_good() {
    // F12, F26
    let bench = Bench::start().await;
    for _ in 0..3 {
        bench.crown("churn").await;
    }
    let mut versions = bench.version_service();
    let reigning = Refusal::of(versions.fail_version(fail_version("churn", 3)).await);
    assert_eq!((reigning.code, reigning.reason.as_str()), (Code::FailedPrecondition, "VERSION_REIGNS"));
    let nameless = pb::FailVersionRequest { reason: String::new(), ..fail_version("churn", 2) };
    assert_eq!(Refusal::of(versions.fail_version(nameless).await).fields, ["reason"]);
    let failed = versions.fail_version(fail_version("churn", 2)).await.unwrap().into_inner().version.unwrap();
    assert_eq!((failed.state(), failed.display_state.as_str()), (pb::VersionState::Failed, "failed"));
    let line = bench.audit().await.remove(0);
    assert_eq!(
        (line.action.as_str(), line.number, line.from_stage.as_str(), line.to_stage.as_str(), line.detail.as_str()),
        ("fail_version", 2, "rollback_candidate", "failed", "trained on a broken feed")
    );
    versions.fail_version(fail_version("churn", 2)).await.unwrap();
    assert_eq!(bench.audit().await[0].sequence, line.sequence, "saying it once more changes nothing");
    bench.validate("churn", 2).await;
    assert_eq!(bench.version("churn", 2).await.state(), pb::VersionState::Failed, "a verdict brings nothing back");
    let mut moves = bench.promotion_service();
    let refused = Refusal::of(moves.promote(promote("churn", 2)).await);
    assert_eq!(refused.reason, "CHAIN_MEMBER_FAILED");
    let back = moves.rollback(rollback("churn")).await.unwrap().into_inner().promotion.unwrap();
    assert_eq!(back.to_number, 1, "the way back passes it over");
}

#[tokio::test]
async fn upstreams_are_stored_and_must_exist() {
    // F15
    let bench = Bench::start().await;
    bench.register("poisson").await;
    let digest = bench.bundle("blending").await;
    let reference = |model: &str, number| pb::VersionReference { model: model.into(), number };
    let with = |upstreams, parent_number| pb::CreateVersionRequest {
        upstreams,
        lineage: Some(pb::Lineage { parent_number, ..lineage() }),
        ..create_version("blending", digest)
    };
    let mut versions = bench.version_service();
    let unknown = [
        (with(vec![reference("poisson", 1), reference("poisson", 9)], 0), "VERSION_NOT_FOUND", "poisson", "9"),
        (with(vec![reference("nobody", 1)], 0), "MODEL_NOT_FOUND", "nobody", ""),
        (with(Vec::new(), 1), "MODEL_NOT_FOUND", "blending", ""),
    ];
    for (request, reason, model, version) in unknown {
        let refused = Refusal::of(versions.create_version(request).await);
        assert_eq!(
            (refused.reason.as_str(), refused.value("model"), refused.value("version")),
            (reason, model, version)
        );
    }
    let made = versions.create_version(with(vec![reference("poisson", 1)], 0)).await.unwrap().into_inner();
    let made = made.version.unwrap();
    assert_eq!(made.upstreams, [reference("poisson", 1)]);
    bench.register("poisson").await;
    bench.validate("blending", 1).await;
    assert_eq!(bench.version("blending", 1).await.upstreams, made.upstreams, "whatever happens later");
}

#[tokio::test]
async fn a_verdict_names_a_champion_that_exists() {
    let bench = Bench::start().await;
    bench.register("churn").await;
    let refused = Refusal::of(bench.version_service().record_validation(record_validation("churn", 1, 9)).await);
    assert_eq!((refused.reason.as_str(), refused.value("version")), ("VERSION_NOT_FOUND", "9"));
    assert_eq!(bench.version("churn", 1).await.state(), pb::VersionState::Trained);
}

#[tokio::test]
async fn a_verdict_counts_in_its_own_slot() {
    // F14
    let bench = Bench::start().await;
    bench.register("churn").await;
    for regime in ["trending", "ranging"] {
        let mut verdict = record_validation("churn", 1, 0);
        if let Some(validation) = verdict.validation.as_mut() {
            validation.slot = labels(&[("regime", regime)]);
        }
        bench.version_service().record_validation(verdict).await.unwrap();
    }
    for regime in ["trending", "ranging"] {
        let request = pb::PromoteRequest { slot: labels(&[("regime", regime)]), ..promote("churn", 1) };
        bench.promotion_service().promote(request).await.unwrap();
    }
    let elsewhere = Refusal::of(bench.promotion_service().promote(promote("churn", 1)).await);
    assert_eq!(elsewhere.reason, "VALIDATION_REQUIRED");
    assert_eq!(bench.champion("churn").await, 0, "the default slot is another one");
}
