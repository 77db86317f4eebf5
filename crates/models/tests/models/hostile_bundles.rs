//! Files of bundles that a forger wrote, with digests that fit: a typed error, soon and without filling the memory, or a model that
//! answers.

use std::{collections::BTreeMap, sync::LazyLock};

use lineal_kernel::Digest;
use lineal_models::{Bundle, BundleError, Manifest, Member, ServedModel};
use proptest::{prelude::*, sample::Index};

use crate::{bundle, member_bundle};

/// A bundle of each kind of model, and of a member that stands alone.
static BUNDLES: LazyLock<Vec<Bundle>> = LazyLock::new(|| {
    let models = ["logistic_regression", "gradient_boosting"].map(bundle::packed);
    models.into_iter().chain([member_bundle::alone()]).collect()
});

/// Loads the bundle with one file replaced and every digest made to fit.
fn load_with(bundle: &Bundle, file: &str, bytes: Vec<u8>) -> Result<ServedModel, BundleError> {
    if file == "manifest.json" {
        let digest = Digest::of(&bytes);
        return ServedModel::load(&Bundle::assemble(bytes, digest, bundle.files().clone())?);
    }
    let mut manifest: serde_json::Value = serde_json::from_slice(bundle.manifest_bytes()).unwrap();
    manifest["files"][file] = serde_json::json!({"digest": Digest::of(&bytes), "size": bytes.len()});
    let manifest = serde_json::to_vec(&manifest).unwrap();
    let mut files = bundle.files().clone();
    files.insert(file.to_owned(), bytes);
    ServedModel::load(&Bundle::assemble(manifest.clone(), Digest::of(&manifest), files)?)
}

/// Every file by name, the manifest among them.
fn files(bundle: &Bundle) -> BTreeMap<String, Vec<u8>> {
    let manifest = ("manifest.json".to_owned(), bundle.manifest_bytes().to_vec());
    bundle.files().clone().into_iter().chain([manifest]).collect()
}

#[test]
fn every_file_loads_as_it_is() {
    for bundle in BUNDLES.iter() {
        for (file, bytes) in files(bundle) {
            assert!(load_with(bundle, &file, bytes).is_ok(), "{file}");
        }
    }
}

#[test]
fn a_hundred_thousand_levels_are_refused_in_every_file() {
    let softmax = r#"{"softmax":{"members":["#;
    for bundle in BUNDLES.iter() {
        for (file, _) in files(bundle) {
            for open in
                ["[", r#"{"a":"#, softmax, r#"{"set":{"features":["#, r#"{"rows":1,"columns":[["a",{"numbers":["#]
            {
                let refused = load_with(bundle, &file, open.repeat(100_000).into_bytes()).err().unwrap();
                let typed = matches!(
                    refused,
                    BundleError::Malformed { .. } | BundleError::Member(_) | BundleError::TooLarge { .. }
                );
                assert!(typed, "{file}: {refused:?}");
            }
        }
    }
}

#[test]
fn counts_that_a_file_merely_claims_fill_no_memory() {
    let trees = |more: &str| {
        format!(
            r#"{{"trees":{{"features":1,"base_score":0.0,"link":"logit","roots":[],"children":[],"split_features":[],"missing_left":[],"values":[]{more}}}}}"#
        )
    };
    let boosted = &BUNDLES[1];
    for more in [r#","outputs":1152921504606846976"#, r#","outputs":2,"single":true"#, r#","features":9"#] {
        assert!(load_with(boosted, "model.json", trees(more).into_bytes()).is_err(), "{more}");
    }
    let rows = [
        r#"{"rows":{"rows":18446744073709551615,"columns":[]},"scores":[]}"#,
        r#"{"rows":{"rows":0,"columns":[]},"scores":[]}"#,
    ];
    for bundle in BUNDLES.iter() {
        for golden in rows {
            let refused = load_with(bundle, "golden.json", golden.into()).err().unwrap();
            assert!(matches!(refused, BundleError::Malformed { file: "golden.json", .. }), "{refused:?}");
        }
    }
    // As many different names as the file may hold.
    let names: Vec<_> = (0..500_000).map(|i| format!("\"{i}\"")).collect();
    let columns: Vec<_> = names.iter().map(|name| format!(r#"[{name},{{"numbers":[]}}]"#)).collect();
    let golden = format!(r#"{{"rows":{{"rows":0,"columns":[{}]}},"scores":[]}}"#, columns.join(","));
    assert!(load_with(boosted, "golden.json", golden.into_bytes()).is_err());
    let upstream = format!(r#"{{"member":"m","classes":[{}]}}"#, names.join(","));
    let member = format!(r#"{{"calibration":{{"upstream":{upstream},"method":{{"temperature":0.0}}}}}}"#);
    assert!(Member::from_bytes(member.as_bytes()).is_err());
    let claimed = serde_json::json!({"digest": Digest::of(b""), "size": u64::MAX});
    let mut manifest: serde_json::Value = serde_json::from_slice(boosted.manifest_bytes()).unwrap();
    manifest["files"]["model.json"] = claimed;
    let manifest = serde_json::to_vec(&manifest).unwrap();
    let refused = Manifest::parse(&manifest, Digest::of(&manifest)).unwrap_err();
    assert!(matches!(refused, BundleError::TooLarge { .. }), "{refused:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_file_that_ends_early_is_refused(bundle in any::<Index>(), file in any::<Index>(), end in any::<Index>()) {
        let bundle = bundle.get(&BUNDLES);
        let files: Vec<_> = files(bundle).into_iter().collect();
        let (name, bytes) = file.get(&files);
        prop_assert!(load_with(bundle, name, bytes[..end.index(bytes.len())].to_vec()).is_err());
    }

    #[test]
    fn a_damaged_file_is_refused_or_answers(
        bundle in any::<Index>(),
        file in any::<Index>(),
        damage in prop::collection::vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        let bundle = bundle.get(&BUNDLES);
        let files: Vec<_> = files(bundle).into_iter().collect();
        let (name, bytes) = file.get(&files);
        let mut bytes = bytes.clone();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(served) = load_with(bundle, name, bytes) {
            prop_assert!(served.golden_rows() > 0);
        }
    }

    #[test]
    fn numbers_in_the_place_of_others_are_refused_or_answer(
        bundle in any::<Index>(),
        file in any::<Index>(),
        at in any::<Index>(),
        number in prop::sample::select(vec!["-1", "0", "7", "4294967295", "18446744073709551615", "1e300", "null", "[]", ""]),
    ) {
        let bundle = bundle.get(&BUNDLES);
        let files: Vec<_> = files(bundle).into_iter().collect();
        let (name, bytes) = file.get(&files);
        let at = at.index(bytes.len());
        let is_number = |byte: &u8| byte.is_ascii_digit() || b".-+eE".contains(byte);
        let end = at + bytes[at..].iter().position(|byte| !is_number(byte)).unwrap_or(0);
        let _ = load_with(bundle, name, [&bytes[..at], number.as_bytes(), &bytes[end..]].concat());
    }
}
