//! Model cards.

use lineal_kernel::Digest;
use lineal_proto::lineal::registry::v1 as pb;

use crate::fixture::{Bench, create_run, create_version, labels, lineage, record_validation, until};
use crate::lineage::made;

async fn card(bench: &Bench, model: &str, number: u64) -> pb::ModelCard {
    let request = pb::GetModelCardRequest { model: model.into(), number };
    bench.card_service().get_model_card(request).await.unwrap().into_inner().card.unwrap()
}

#[tokio::test]
async fn a_promotion_leaves_a_card_with_all_that_is_known_and_what_is_not() {
    // X14
    let bench = Bench::start().await;
    let run = bench.run_service().create_run(create_run("churn")).await.unwrap().into_inner().run.unwrap();
    let wish = pb::CreateVersionRequest {
        lineage: Some(pb::Lineage { run_id: run.run_id, ..lineage() }),
        tags: labels(&[("team", "a|b")]),
        ..create_version("churn", bench.bundle("model").await)
    };
    bench.version_service().create_version(wish).await.unwrap();
    let mut verdict = record_validation("churn", 1, 0);
    verdict.validation.as_mut().unwrap().gates = vec![pb::GateResult {
        name: "auc floor".into(),
        metric: "auc".into(),
        value: Some(0.8),
        limit: Some(0.75),
        comparison: ">=".into(),
        passed: true,
        message: "auc 0.8000 reaches 0.7500".into(),
    }];
    bench.version_service().record_validation(verdict).await.unwrap();
    let promotion = bench.promote("churn", 1).await.unwrap();
    let card = card(&bench, "churn", 1).await;
    assert_eq!((promotion.card_digest.as_str(), card.generation), (card.digest.as_str(), 1));
    assert_eq!(bench.promotion(&promotion.promotion_id).await.card_digest, card.digest);

    let stored = bench.download(&card.digest).await.unwrap();
    let facts: serde_json::Value = serde_json::from_slice(&stored).unwrap();
    assert_eq!(serde_json::to_value(card.facts.unwrap()).unwrap()["gates"], facts["gates"]);
    let at = |pointer: &str| facts.pointer(pointer).cloned().unwrap_or_default();
    assert_eq!(at("/data/training_digest"), Digest::of(b"data").to_string());
    assert_eq!((at("/data/training_rows"), at("/data/split")), (800.into(), "split-v1".into()));
    assert_eq!((at("/training/metrics/auc"), at("/validation/metrics/auc")), (0.8.into(), 0.8.into()));
    assert_eq!((at("/validation/gates/0/limit"), at("/validation/gates/0/passed")), (0.75.into(), true.into()));
    assert_eq!((at("/hyperparameters/logged/trees"), at("/code")), ("100".into(), "abc123".into()));
    assert_eq!((at("/environment"), at("/run_environment/os")), ("uat".into(), "linux".into()));
    assert_eq!(at("/promotion/promotion_id"), promotion.promotion_id);
    let limits = at("/limits").to_string();
    assert!(limits.contains("Slices of the reference rows were not measured") && limits.contains("Drift"), "{limits}");
    assert!(!limits.contains("not validated"), "{limits}");

    assert_eq!(bench.download(&card.text_digest).await.unwrap(), card.text.as_bytes());
    for part in ["# churn 1\n", "| auc floor | 0.8 | >= 0.75 | passed |", "## Limits", "- tags: team=a\\|b\n"] {
        assert!(card.text.contains(part), "{part} in {}", card.text);
    }
}

#[tokio::test]
async fn each_reign_and_each_member_of_a_chain_has_its_card() {
    // X14
    let bench = Bench::start().await;
    made(&bench, "poisson", lineage(), &[]).await;
    made(&bench, "blending", lineage(), &[("poisson", 1)]).await;
    bench.validate("blending", 1).await;
    bench.promote("blending", 1).await.unwrap();
    let member = card(&bench, "poisson", 1).await;
    assert!(member.text.contains("It was not validated for this slot"), "{}", member.text);
    let head = card(&bench, "blending", 1).await;
    assert!(head.text.contains("- upstream poisson 1\n"), "{}", head.text);

    bench.crown("churn").await;
    bench.crown("churn").await;
    let first = card(&bench, "churn", 1).await;
    bench.rollback("churn").await.unwrap();
    let again = card(&bench, "churn", 1).await;
    assert!(again.generation > first.generation && again.digest != first.digest);
    assert!(again.text.contains("worse at weekends"), "{}", again.text);
}

#[tokio::test]
async fn a_card_that_cannot_be_written_is_made_later_and_the_promotion_commits() {
    // X14
    let bench = Bench::start().await;
    let number = bench.candidate("churn").await;
    // Every folder that a new artifact could go to is a file.
    let kept = std::fs::read_dir(bench.artifacts().join("sha256")).unwrap();
    let kept: Vec<_> = kept.map(|entry| entry.unwrap().file_name()).collect();
    let blocked: Vec<_> = (0..256)
        .map(|prefix| format!("{prefix:02x}"))
        .filter(|it| !kept.iter().any(|kept| kept == it.as_str()))
        .collect();
    for prefix in &blocked {
        std::fs::write(bench.artifacts().join("sha256").join(prefix), "").unwrap();
    }
    let promotion = bench.promote("churn", number).await.unwrap();
    assert_eq!((promotion.card_digest.as_str(), bench.champion("churn").await), ("", number));
    for prefix in &blocked {
        std::fs::remove_file(bench.artifacts().join("sha256").join(prefix)).unwrap();
    }
    let (registry, shutdown) = (bench.registry.clone(), tokio_util::sync::CancellationToken::new());
    let stopped = shutdown.clone();
    tokio::spawn(async move { registry.reconcile(stopped).await });
    let made = async || !bench.promotion(&promotion.promotion_id).await.card_digest.is_empty();
    until("the card is made", made).await;
    shutdown.cancel();
}
