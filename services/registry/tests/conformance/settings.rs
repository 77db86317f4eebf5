use lineal_db::StoreError;
use lineal_kernel::{Digest, TenantId};
use lineal_registry::domain::settings::{Applied, ModelSettings, Wanted};
use lineal_settings::SettingsFile;

use crate::fixture::{NOW, Store, entry, entry_of, every, model, tenant};

fn settings(name: &str, revision: u64, auc: f64) -> ModelSettings {
    let text = format!(
        "model = \"{name}\"\n[data]\nclasses = [\"no\", \"yes\"]\n[training]\nfamily = \"ridge\"\n\
         hyperparameters = {{ alpha = 0.1 }}\nseed = 7\n[validation.limits]\nauc = {auc}\n"
    );
    let applied = Applied {
        model: model(name),
        revision,
        digest: Digest::of(text.as_bytes()),
        actor: "ada".into(),
        created: NOW,
    };
    ModelSettings { applied, settings: SettingsFile::parse(&text).unwrap().settings, text }
}

pub(crate) async fn a_revision_is_taken_once_and_reads_back_as_it_was_written(store: &Store) {
    // F88
    let (churn, made) = (model("churn"), settings("churn", 1, 0.1 + 0.2));
    store.apply_settings(&tenant(), &made, &entry_of("apply_settings", "apply-1")).await.unwrap();
    let taken = store.apply_settings(&tenant(), &settings("churn", 1, 0.9), &entry("apply_settings")).await;
    assert!(matches!(taken, Err(StoreError::Conflict)), "{taken:?}");
    for wanted in [Wanted::Newest, Wanted::Revision(1), Wanted::Digest(made.applied.digest)] {
        assert_eq!(store.settings(&tenant(), &churn, wanted).await.unwrap(), Some(made.clone()), "{wanted:?}");
    }
    let recorded = store.recorded(&tenant(), "apply_settings", "apply-1").await.unwrap().unwrap();
    assert_eq!(recorded.subject, "1");

    // The way back to an earlier file is a revision of its own.
    let (second, third) = (settings("churn", 2, 0.9), settings("churn", 3, 0.1 + 0.2));
    for next in [&second, &third] {
        store.apply_settings(&tenant(), next, &entry("apply_settings")).await.unwrap();
    }
    for (wanted, found) in [
        (Wanted::Newest, Some(&third)),
        (Wanted::Revision(1), Some(&made)),
        (Wanted::Digest(made.applied.digest), Some(&third)),
        (Wanted::Digest(second.applied.digest), Some(&second)),
        (Wanted::Revision(4), None),
        (Wanted::Digest(Digest::of(b"nobody")), None),
    ] {
        assert_eq!(store.settings(&tenant(), &churn, wanted).await.unwrap().as_ref(), found, "{wanted:?}");
    }
    assert_eq!(store.settings(&tenant(), &model("fraud"), Wanted::Newest).await.unwrap(), None);
    let other = TenantId::new("other").unwrap();
    assert_eq!(store.settings(&other, &churn, Wanted::Newest).await.unwrap(), None);
}

pub(crate) async fn history_is_listed_newest_first(store: &Store) {
    // F88
    let made: Vec<_> = (1..=12).map(|revision| settings("churn", revision, revision as f64 / 100.0)).collect();
    for settings in made.iter().chain([&settings("fraud", 1, 0.5)]) {
        store.apply_settings(&tenant(), settings, &entry("apply_settings")).await.unwrap();
    }
    let expected: Vec<_> = made.into_iter().rev().map(|settings| settings.applied).collect();
    let churn = &model("churn");
    let found = every(5, |page| async move { store.settings_history(&tenant(), churn, &page).await }).await;
    assert_eq!(found, expected);
}
