//! Verdicts from request to record.

use std::sync::atomic::Ordering;

use lineal_data::{Column, Table};
use lineal_kernel::{Caller, ModelName, RequestId, Slot};
use lineal_models::{Bundle, ServedModel, Task, compute};

use super::{Harness, bundles, bundles::world, caller, judge, judge_by, number, passed};
use crate::{
    app::Validate,
    domain::{Conditions, Report, Role, ValidatorError},
};

/// Champion 1 and candidate 2, judged.
async fn bout(champion: &Bundle, candidate: &Bundle) -> (Harness, Report) {
    let harness = Harness::new().await;
    harness.register(1, champion);
    harness.register(2, candidate);
    harness.registry.crown(1);
    let report = harness.validate(judge(2)).await.unwrap();
    (harness, report)
}

#[tokio::test]
async fn the_first_champion_needs_only_floors() {
    let harness = Harness::new().await;
    harness.register(1, &world().modest);
    let report = harness.validate(judge(1)).await.unwrap();
    assert!(report.passed(), "{:?}", report.failures());
    assert_eq!(passed(&report), [true; 4]);
    assert_eq!(report.gates[3].message, "not applicable: the slot has no champion");
    assert_eq!((&report.champion, report.number, report.actor.as_str()), (&None, number(1), "ana"));
    assert_eq!(report.reference.digest, world().reference.digest);
    assert_eq!(report.reference.rows, world().reference.rows as u64);
    // F104
    assert_eq!(harness.registry.records(), [report]);
}

#[tokio::test]
async fn the_numbers_are_those_of_scoring_the_reference_set() {
    let harness = Harness::new().await;
    harness.register(1, &world().modest);
    let report = harness.validate(judge(1)).await.unwrap();
    let table = Table::from_parquet(world().reference.bytes.clone()).unwrap();
    let scores = ServedModel::load(&world().modest).unwrap().score(&table.to_frame()).unwrap();
    let Column::Texts(labels) = table.column("churn").unwrap() else { panic!("labels are texts") };
    let labels: Vec<f64> = labels.iter().map(|label| f64::from(label.as_deref() == Some("yes"))).collect();
    let expected = compute(Task::BinaryClassification, &labels, &scores, 0.5).unwrap();
    let found: Vec<_> = report.metrics.iter().map(|(name, value)| (name.as_str(), value.to_bits())).collect();
    assert_eq!(found, expected.into_iter().map(|(name, value)| (name, value.to_bits())).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_better_candidate_passes() {
    let (_, report) = bout(&world().modest, &world().strong).await;
    assert_eq!(passed(&report), [true; 4]);
    let champion = report.champion.unwrap();
    assert_eq!((champion.number, champion.digest), (number(1), world().modest.digest()));
    assert!(report.metrics["auc"] > champion.metrics["auc"]);
    assert_eq!(report.gates[3].limit, Some(champion.metrics["auc"]));
}

#[tokio::test]
async fn a_worse_candidate_keeps_the_champion() {
    // F102: the registry hears of the verdict and of nothing else.
    let (harness, report) = bout(&world().strong, &world().modest).await;
    assert_eq!(passed(&report), [true, true, true, false]);
    let records = harness.registry.records();
    assert_eq!(records.len(), 1);
    assert!(!records[0].passed());
    assert_eq!(records[0].failures().len(), 1);
    assert!(records[0].failures()[0].contains("does not beat"), "{:?}", records[0].failures());
}

#[tokio::test]
async fn a_tie_keeps_the_champion() {
    // F100
    let (_, report) = bout(&world().strong, &world().strong).await;
    assert_eq!(passed(&report), [true, true, true, false]);
    assert_eq!(report.metrics, report.champion.unwrap().metrics);
}

#[tokio::test]
async fn a_tie_in_log_loss_keeps_the_champion_and_less_wins() {
    // F100
    for (candidate, better) in [(&world().modest, false), (&world().strong, true)] {
        let harness = Harness::new().await;
        harness.register(1, &world().modest);
        harness.register(2, candidate);
        harness.registry.crown(1);
        let report = harness.validate(judge_by(2, &[("log_loss", 0.7)], "log_loss")).await.unwrap();
        assert_eq!(passed(&report), [true, true, true, better]);
    }
}

#[tokio::test]
async fn every_gate_is_decided_whatever_the_others_say() {
    let (_, report) = bout(&world().strong, &world().blind).await;
    assert_eq!(passed(&report), [true, true, false, false]);
    assert_eq!(report.failures().len(), 2);
}

#[tokio::test]
async fn the_limit_is_the_measured_value_to_the_last_bit() {
    // F97
    let harness = Harness::new().await;
    harness.register(1, &world().modest);
    let auc = harness.validate(judge(1)).await.unwrap().metrics["auc"];
    for (limit, reached) in [(auc, true), (auc.next_up(), false), (auc.next_down(), true)] {
        let report = harness.validate(judge_by(1, &[("auc", limit)], "")).await.unwrap();
        assert_eq!(report.gates[2].passed, reached, "{limit}");
    }
}

#[tokio::test]
async fn the_champion_itself_is_judged_on_floors() {
    let harness = Harness::new().await;
    harness.register(1, &world().modest);
    harness.registry.crown(1);
    let report = harness.validate(judge(1)).await.unwrap();
    assert!(report.passed());
    assert_eq!(report.gates[3].message, "not applicable: this version is the champion");
    assert_eq!(report.champion.unwrap().number, number(1));
}

#[tokio::test]
async fn a_skipped_champion_is_named_but_not_fetched() {
    let harness = Harness::new().await;
    harness.register(1, &world().strong);
    harness.register(2, &world().modest);
    harness.registry.crown(1);
    harness.registry.forget(world().strong.digest());
    let conditions = Conditions::new(&[], "", true).unwrap();
    let report = harness.validate(Validate { conditions: Some(conditions), ..judge(2) }).await.unwrap();
    assert!(report.passed());
    let champion = report.champion.unwrap();
    assert!(champion.number == number(1) && champion.metrics.is_empty());
}

#[tokio::test]
async fn a_model_that_loads_and_answers_nan_fails_its_gates() {
    // X8
    for bundle in [bundles::answers_nan(), bundles::answers_sums()] {
        ServedModel::load(&bundle).unwrap();
        let (harness, report) = bout(&world().modest, &bundle).await;
        assert_eq!(passed(&report), [true, false, false, false], "{:?}", report.failures());
        assert!(report.metrics.is_empty());
        let stored = harness.app.report(&caller(), report.id).await.unwrap();
        assert_eq!(stored, report);
    }
}

#[tokio::test]
async fn a_champion_that_cannot_be_measured_on_these_rows_stays() {
    // F100: what was not scored on the same rows is not compared.
    for (champion, cause) in [(bundles::answers_nan(), "score"), (bundles::predicts_plans(), "voice_mail_plan")] {
        let (_, report) = bout(&champion, &world().strong).await;
        assert_eq!(passed(&report), [true, true, true, false]);
        assert!(report.failures()[0].contains(cause), "{:?}", report.failures());
        assert!(report.champion.unwrap().metrics.is_empty());
    }
}

#[tokio::test]
async fn a_class_left_to_convention_is_the_class_it_means() {
    let (_, report) = bout(&bundles::predicts_by_convention(), &world().strong).await;
    assert_eq!(passed(&report), [true; 4]);
}

#[tokio::test]
async fn a_champion_of_another_reference_set_is_scored_on_the_candidates() {
    // F100
    let (champion, other) = bundles::strong_without("total_day_calls");
    let harness = Harness::new().await;
    harness.registry.upload(&champion, &other);
    harness.registry.register(1, &champion);
    harness.register(2, &world().strong);
    harness.registry.crown(1);
    let report = harness.validate(judge(2)).await.unwrap();
    assert_ne!(other.digest, world().reference.digest);
    assert_eq!(report.reference.digest, world().reference.digest);
    assert!(report.passed() && report.champion.unwrap().metrics.contains_key("auc"));
}

#[tokio::test]
async fn a_reference_set_without_an_input_fails_naming_it() {
    let (bundle, reference) = bundles::strong_without("total_day_minutes");
    let harness = Harness::new().await;
    harness.registry.upload(&bundle, &reference);
    harness.registry.register(1, &bundle);
    let report = harness.validate(judge(1)).await.unwrap();
    assert_eq!(passed(&report), [false, false, false, true]);
    assert!(report.gates[0].message.contains("`total_day_minutes`"), "{}", report.gates[0].message);
}

#[tokio::test]
async fn a_flipped_byte_in_any_file_is_refused_with_the_files_name() {
    let manifest = ("manifest.json".to_owned(), world().modest.digest());
    let files = world().modest.manifest().files.iter().map(|(name, entry)| (name.clone(), entry.digest));
    let files: Vec<_> = files.chain([manifest]).collect();
    assert_eq!(files.len(), 4);
    for (name, digest) in files {
        for role in [Role::Candidate, Role::Champion] {
            let harness = Harness::new().await;
            let (candidate, champion) = match role {
                Role::Candidate => (&world().modest, &world().blind),
                Role::Champion => (&world().blind, &world().modest),
            };
            harness.register(1, champion);
            harness.register(2, candidate);
            harness.registry.crown(1);
            harness.registry.flip(digest);
            let error = harness.validate(judge(2)).await.unwrap_err();
            let ValidatorError::BundleDamaged { role: found, file, .. } = error else { panic!("{error:?}") };
            assert_eq!((found, &file), (role, &name));
            assert_untouched(&harness).await;
        }
    }
}

#[tokio::test]
async fn an_absent_file_is_refused_with_its_name() {
    let harness = Harness::new().await;
    harness.register(1, &world().modest);
    harness.registry.forget(world().modest.manifest().files["model.json"].digest);
    let error = harness.validate(judge(1)).await.unwrap_err();
    assert!(matches!(&error, ValidatorError::BundleDamaged { file, .. } if file == "model.json"), "{error:?}");
    assert_untouched(&harness).await;
}

#[tokio::test]
async fn a_reference_set_that_is_damaged_absent_or_another_is_refused() {
    type Harm = fn(&Harness);
    let harms: [Harm; 4] = [
        |harness| harness.registry.flip(world().reference.digest),
        |harness| harness.registry.forget(world().reference.digest),
        |harness| {
            let easier = bundles::other_reference();
            harness.registry.upload(&world().modest, &easier);
            harness.registry.set_reference(1, Some(easier.digest));
        },
        |harness| harness.registry.set_reference(1, None),
    ];
    for harm in harms {
        let harness = Harness::new().await;
        harness.register(1, &world().modest);
        harm(&harness);
        let error = harness.validate(judge(1)).await.unwrap_err();
        assert!(matches!(error, ValidatorError::ReferenceUnusable { .. }), "{error:?}");
        assert_untouched(&harness).await;
    }
}

#[tokio::test]
async fn a_version_that_does_not_exist_and_a_metric_of_another_task_are_refused() {
    let harness = Harness::new().await;
    harness.register(1, &world().modest);
    assert!(matches!(harness.validate(judge(2)).await, Err(ValidatorError::VersionNotFound { .. })));
    let error = harness.validate(judge_by(1, &[("rmse", 1.0)], "")).await.unwrap_err();
    let ValidatorError::Invalid(errors) = error else { panic!("{error:?}") };
    assert_eq!(errors.0[0].path, "policy.limits[0].metric");
    assert_untouched(&harness).await;
}

#[tokio::test]
async fn a_verdict_that_could_not_be_recorded_is_recorded_by_the_retry_and_not_reached_again() {
    let harness = Harness::new().await;
    harness.register(1, &world().modest);
    harness.registry.away.store(true, Ordering::SeqCst);
    let command = judge(1);
    let error = harness.validate(command.clone()).await.unwrap_err();
    assert!(matches!(error, ValidatorError::RegistryUnavailable { .. }), "{error:?}");
    assert!(harness.registry.records().is_empty());

    let harness = harness.restarted().await;
    harness.registry.away.store(false, Ordering::SeqCst);
    let downloads = harness.registry.downloads.load(Ordering::SeqCst);
    let report = harness.validate(command.clone()).await.unwrap();
    assert_eq!(harness.registry.records(), std::slice::from_ref(&report));
    assert_eq!(harness.registry.downloads.load(Ordering::SeqCst), downloads);
    assert_eq!(harness.validate(command).await.unwrap(), report);
    assert_eq!(harness.registry.records().len(), 1);
}

#[tokio::test]
async fn one_request_gets_one_report_even_when_sent_twice_at_once() {
    let harness = Harness::new().await;
    harness.register(1, &world().modest);
    let command = judge(1);
    let (first, second) = tokio::join!(harness.validate(command.clone()), harness.validate(command));
    assert_eq!(first.unwrap(), second.unwrap());
    assert_eq!(harness.registry.records().len(), 1);
}

#[tokio::test]
async fn a_request_id_belongs_to_its_request_and_caller() {
    let harness = Harness::new().await;
    harness.register(1, &world().modest);
    let request_id = RequestId::new("once").unwrap();
    let command = Validate { request_id: request_id.clone(), ..judge(1) };
    let report = harness.validate(command.clone()).await.unwrap();
    let others = [
        Validate { number: number(2), ..command.clone() },
        Validate { slot: Slot::parse("region=eu").unwrap(), ..command.clone() },
        Validate { conditions: Some(Conditions::new(&[], "brier", false).unwrap()), ..command.clone() },
    ];
    for other in others {
        let error = harness.validate(other).await.unwrap_err();
        assert!(matches!(error, ValidatorError::RequestIdReused { .. }), "{error:?}");
    }
    let ben = Caller { actor: "ben".to_owned(), ..caller() };
    assert_ne!(harness.app.validate(&ben, command).await.unwrap().id, report.id);
}

/// Nothing was stored and nothing recorded.
async fn assert_untouched(harness: &Harness) {
    assert!(harness.registry.records().is_empty());
    let model = ModelName::new("churn").unwrap();
    let page = harness.app.store.reports(&caller().tenant, &model, 10, None).await.unwrap();
    assert!(page.reports.is_empty());
}
