//! The demo tells its story and ends well.

use crate::process::program;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_tells_the_whole_story() {
    let told = program(&["demo"]).await;
    assert_eq!(told.code, 0, "{}\n{}", told.stdout, told.stderr);
    assert!(!told.stdout.contains('\u{1b}'), "plain text without a terminal");
    for sentence in [
        "churn 1 is champion: generation 1",
        "churn 2 is champion: generation 2",
        "churn 3 did not pass",
        " 0 failed predictions",
        "churn 1 is champion: generation 3",
        "lineal dev",
    ] {
        assert!(told.stdout.contains(sentence), "`{sentence}` is missing in\n{}", told.stdout);
    }
}
