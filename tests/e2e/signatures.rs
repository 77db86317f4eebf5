//! Signed versions in a whole process: what nobody signed never becomes champion.

use std::{
    fs,
    path::{Path, PathBuf},
};

use p256::{
    SecretKey,
    pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding},
};

use crate::{
    process::{Finished, Process},
    scenario,
};

/// The files of a private key and of its public key.
fn key(folder: &Path, seed: u8) -> (String, String) {
    let secret = SecretKey::from_slice(&[seed; 32]).unwrap();
    let path = |suffix: &str| folder.join(format!("{seed}.{suffix}")).display().to_string();
    let (private, public) = (path("pem"), path("pub"));
    fs::write(&private, secret.to_pkcs8_pem(LineEnding::LF).unwrap()).unwrap();
    fs::write(&public, secret.public_key().to_public_key_pem(LineEnding::LF).unwrap()).unwrap();
    (private, public)
}

fn flip(file: &PathBuf) {
    let mut content = fs::read(file).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs::write(file, content).unwrap();
}

fn refused(told: &Finished, why: &str) {
    let text = format!("{}{}", told.stdout, told.stderr);
    assert_eq!(told.code, 4, "{text}");
    assert!(text.contains(why), "{text}");
}

fn done(told: &Finished) {
    assert_eq!(told.code, 0, "{}{}", told.stdout, told.stderr);
}

/// X12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_a_trusted_key_signed_becomes_champion() {
    let folder = tempfile::tempdir().unwrap();
    let (data, table) = (folder.path().join("data"), scenario::churn_file().display().to_string());
    let (private, public) = key(folder.path(), 1);
    let (others_private, others_public) = key(folder.path(), 2);
    let train = ["train", &table, "--model", "churn", "--label", "churn", "--family", "logistic_regression"];

    let lineal = Process::dev(&data, &[]).await;
    for words in [&train[..], &["validate", "churn", "1"]] {
        done(&lineal.cli(words).await);
    }
    assert!(lineal.stop().await.success());

    // The verdict is there, but the replica takes only what is signed now.
    let trusted = format!("[\"{public}\"]");
    let strict = [("LINEAL__SIGNING__REQUIRED", "true"), ("LINEAL__SIGNING__TRUSTED_KEYS", trusted.as_str())];
    let lineal = Process::dev(&data, &strict).await;
    refused(&lineal.cli(&["promote", "churn", "1"]).await, "it is not signed");
    refused(&lineal.cli(&["reproduce", "churn", "1"]).await, "version 1 of `churn` is refused: it is not signed");
    refused(&lineal.cli(&["verify", "churn", "1", "--key", &public]).await, "it is not signed");
    done(&lineal.cli(&["sign", "churn", "1", "--key", &others_private]).await);
    refused(&lineal.cli(&["promote", "churn", "1"]).await, "which is not trusted");
    assert_eq!(lineal.cli(&["predict", "churn", "--file", &table, "--limit", "1"]).await.code, 5, "no alias moved");
    done(&lineal.cli(&["sign", "churn", "1", "--key", &private]).await);
    done(&lineal.cli(&["promote", "churn", "1"]).await);
    done(&lineal.cli(&["reproduce", "churn", "1"]).await);
    let listed = lineal.cli(&["signatures", "churn", "@champion"]).await;
    assert_eq!(listed.stdout.matches("sha256:").count(), 2, "{}", listed.stdout);
    done(&lineal.cli(&["verify", "churn", "1", "--key", &public]).await);

    // A folder is checked without any service.
    let copy = folder.path().join("churn-1");
    let to = copy.display().to_string();
    done(&lineal.cli(&["download", "churn", "1", &to]).await);
    let verify = async |key: &str| crate::process::program(&["verify", "--folder", &to, "--key", key]).await;
    done(&verify(&public).await);
    refused(&verify(&others_public).await, "which is not trusted");
    for entry in fs::read_dir(&copy).unwrap() {
        let file = entry.unwrap().path();
        flip(&file);
        assert_eq!(verify(&public).await.code, 4, "{}", file.display());
        flip(&file);
    }
    fs::write(copy.join("extra.json"), "{}").unwrap();
    refused(&verify(&public).await, "`extra.json` is not what was signed");
    assert!(lineal.stop().await.success());

    // A trainer with a key signs by itself; validator and replica take its version as it is.
    let environment = [strict[0], strict[1], ("LINEAL__SIGNING__KEY", private.as_str())];
    let lineal = Process::dev(&data, &environment).await;
    for words in [&[&train[..], &["--seed", "8"]].concat()[..], &["verify", "churn", "2", "--key", &public]] {
        done(&lineal.cli(words).await);
    }
    let judged = lineal.cli(&["validate", "churn", "2"]).await;
    assert!(!judged.stderr.contains("BUNDLE") && !judged.stderr.contains("SIGN"), "{}", judged.stderr);
}
