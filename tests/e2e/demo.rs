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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_football_demo_replaces_a_chain_whole() {
    // F44, F45, F46
    let told = program(&["demo", "--football"]).await;
    assert_eq!(told.code, 0, "{}\n{}", told.stdout, told.stderr);
    assert!(!told.stderr.contains("ERROR"), "{}", told.stderr);
    for sentence in [
        "poisson 1, blending 1, calibration 1: log loss ",
        "poisson 2, blending 2, calibration 2: log loss ",
        " 0 failed predictions",
        " 0 answers that are not, to the last bit, what one whole chain says",
        "no champion uses a version that is not champion",
        "answered by calibration 2",
        "upstream poisson 2  production",
    ] {
        assert!(told.stdout.contains(sentence), "`{sentence}` is missing in\n{}", told.stdout);
    }
    let asked = told.stdout.lines().find_map(|line| line.strip_prefix("predictions")?.trim().split(' ').next());
    assert!(asked.unwrap().parse::<u64>().unwrap() >= 600, "{}", told.stdout);
}
