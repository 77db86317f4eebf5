//! Every reason that a service can send has its entry in `docs/errors.md`, and every entry a reason.

#![allow(clippy::unwrap_used, reason = "a helper of tests that cannot go on fails its test")]

use std::{collections::BTreeSet, fs, path::Path};

fn reasons_in_code(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "tests") {
                reasons_in_code(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for call in code.split("::new(").skip(1) {
                let arguments: String = call.split_whitespace().collect();
                let Some(rest) = arguments.strip_prefix("Code::") else { continue };
                let Some((_, reason)) = rest.split_once(",\"") else { continue };
                found.extend(reason.split('"').next().map(str::to_owned));
            }
        }
    }
}

#[test]
fn every_reason_is_explained_and_every_explanation_has_a_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut sent = BTreeSet::new();
    let services = ["registry", "trainer", "validator", "inference"].map(|service| format!("services/{service}"));
    for folder in services.iter().map(String::as_str).chain(["crates/bundles", "crates/rpc"]) {
        reasons_in_code(&root.join(folder).join("src"), &mut sent);
    }
    assert!(sent.len() > 30, "only {} reasons found: {sent:?}", sent.len());
    let page = fs::read_to_string(root.join("docs/errors.md")).unwrap();
    let explained: BTreeSet<String> =
        page.lines().filter_map(|line| line.strip_prefix("### ")).map(|line| line.trim().to_owned()).collect();
    let missing: Vec<_> = sent.difference(&explained).collect();
    let stale: Vec<_> = explained.difference(&sent).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "missing in docs/errors.md: {missing:?}; sent by nobody: {stale:?}"
    );
}
