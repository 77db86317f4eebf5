//! The rules that keep themselves: who may know whom, what domain and app may name, how long a file may be.

#![allow(clippy::unwrap_used, reason = "a helper of tests that cannot go on fails its test")]

use std::{
    fs,
    path::{Path, PathBuf},
};

const SERVICES: [&str; 4] = ["registry", "trainer", "validator", "inference"];
const MOST_LINES: usize = 400;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn rust_files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

/// The code of a file without comments, so that prose may name what code may not.
fn code(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn domain_and_app_know_no_protocol_and_no_database() {
    for service in SERVICES {
        for layer in ["domain", "app"] {
            let folder = root().join("services").join(service).join("src").join(layer);
            let files = rust_files(&folder);
            assert!(!files.is_empty(), "{} has no files: this test looks in the wrong place", folder.display());
            for (path, text) in files {
                for word in ["tonic", "prost", "sqlx", "lineal_proto"] {
                    let named =
                        code(&text).split(|c: char| !c.is_alphanumeric() && c != '_').any(|token| token == word);
                    assert!(!named, "{} names {word}", path.display());
                }
            }
        }
    }
}

#[test]
fn no_service_depends_on_another() {
    for service in SERVICES {
        let manifest = fs::read_to_string(root().join("services").join(service).join("Cargo.toml")).unwrap();
        assert!(manifest.contains(&format!("name = \"lineal-{service}\"")), "{service} has another name");
        for other in SERVICES.into_iter().filter(|other| *other != service) {
            assert!(!manifest.contains(&format!("lineal-{other}")), "{service} depends on {other}");
        }
        assert!(!manifest.contains("lineal.workspace"), "{service} depends on the binary");
    }
}

#[test]
fn shared_crates_depend_on_no_service() {
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let path = entry.unwrap().path().join("Cargo.toml");
        let manifest = fs::read_to_string(&path).unwrap();
        for service in SERVICES {
            assert!(!manifest.contains(&format!("lineal-{service}")), "{} depends on {service}", path.display());
        }
    }
}

#[test]
fn only_the_native_crate_calls_what_rust_cannot_check() {
    let forbids = |manifest: &str| manifest.contains("[lints]\nworkspace = true");
    for entry in fs::read_dir(root().join("crates")).unwrap().chain(fs::read_dir(root().join("services")).unwrap()) {
        let path = entry.unwrap().path();
        let manifest = fs::read_to_string(path.join("Cargo.toml")).unwrap();
        assert_eq!(forbids(&manifest), !path.ends_with("native"), "{}", path.display());
    }
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(workspace.contains("unsafe_code = \"forbid\""));
}

#[test]
fn files_stay_short() {
    let mut seen = 0;
    for part in ["crates", "services", "tests"] {
        for (path, text) in rust_files(&root().join(part)) {
            let lines = text.lines().count();
            assert!(lines <= MOST_LINES, "{} has {lines} lines: find the second noun in it", path.display());
            seen += 1;
        }
    }
    assert!(seen > 100, "only {seen} files seen: this test looks in the wrong place");
}

#[test]
fn a_service_shows_itself_in_a_hundred_lines() {
    for service in SERVICES {
        let path = root().join("services").join(service).join("src/lib.rs");
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines < 125, "{} has {lines} lines", path.display());
    }
}
