//! The same training gives the same bytes.

use lineal_proto::lineal::trainer::v1::JobState;

use crate::{process::Process, scenario};

/// F58, F60, F64
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_training_gives_the_same_digest_in_every_process_and_with_any_threads() {
    for family in ["logistic_regression", "gradient_boosting"] {
        let mut digests = Vec::new();
        for threads in ["1", "2"] {
            let folder = tempfile::tempdir().unwrap();
            let lineal = Process::dev(folder.path(), &[("LINEAL__TRAINER__THREADS", threads)]).await;
            for _ in 0..2 {
                let job = scenario::train(&lineal.peer(), scenario::spec(family)).await.unwrap();
                assert_eq!(job.state(), JobState::Succeeded, "{}", job.error);
                digests.push(job.digest);
            }
        }
        digests.dedup();
        assert_eq!(digests.len(), 1, "{family}: {digests:?}");
    }
}
