//! Points where a test can stop the process, as `kill -9` would. Without the feature `failpoints` they are nothing at all.

/// Every point of a job, in the order in which it comes to them.
pub const JOB: [&str; 7] = ["queued", "fitting", "half_uploaded", "uploaded", "prepared", "registered", "finished"];

/// Every point of an import, of a report on its rows and of a split of them, in the order in which they come.
pub const DATA: [&str; 5] = ["import_fetched", "import_sent", "import_kept", "report_sent", "split_kept"];

/// Every point of a run of a pipeline, in the order in which it comes to them.
pub const PIPELINE: [&str; 6] =
    ["run_stored", "step_started", "settings_asked", "features_kept", "step_ended", "run_ended"];

/// Stops the process if the test wants it to stop at this point of a job or a run.
macro_rules! stop_here {
    ($point:literal) => {
        fail::fail_point!(concat!("trainer::job::", $point), |_| std::process::abort());
    };
}
pub(crate) use stop_here;
