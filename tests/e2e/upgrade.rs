//! What an earlier schema wrote still opens, resolves and serves.

use std::{fs, path::Path};

use crate::{process::Process, scenario};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// F43, F162
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_of_the_first_schema_still_serves_and_moves_on() {
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/data/first")), folder.path());
    fs::rename(folder.path().join("registry.sqlite"), folder.path().join("registry.db")).unwrap();

    let lineal = Process::dev(folder.path(), &[]).await;
    let peer = lineal.peer();
    let alias = scenario::alias(&peer).await.unwrap();
    assert_eq!((alias.number, alias.generation), (2, 4));
    assert_eq!(scenario::predict(&peer).await.unwrap().pedigree.unwrap().version, 2);
    let told = lineal.cli(&["rollback", "churn", "--reason", "drill"]).await;
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert_eq!(scenario::predict(&peer).await.unwrap().pedigree.unwrap().version, 1);
    let mut moves = scenario::audit(&peer).await;
    moves.retain(|entry| entry.generation > 0 && entry.action != "archive");
    assert_eq!(moves.iter().map(|entry| entry.generation).collect::<Vec<_>>(), [5, 4, 3, 2, 1]);
    let sealed = lineal.cli(&["audit", "verify"]).await;
    assert!(sealed.code == 0 && sealed.stdout.starts_with("the audit is intact"), "{}{}", sealed.stdout, sealed.stderr);
    // A new version goes on counting where the old ones stopped.
    assert_eq!(scenario::version(&peer, "gradient_boosting").await, 3);
}
