//! Points where a test can stop the process, as `kill -9` would, or have it wait or panic. Without the feature `failpoints` they are nothing at all.

/// Every point of a batch, in the order in which it comes to them.
pub const SCORE: [&str; 8] = [
    "begun",
    "part_half_written",
    "part_written",
    "part_recorded",
    "summed_up",
    "manifest_half_written",
    "manifest_written",
    "recorded",
];

/// Stops the process if the test wants it to stop at this point, after doing what a stop in the middle would leave behind.
macro_rules! stop_here {
    ($point:literal) => {
        crate::failpoints::stop_here!($point, ())
    };
    ($point:literal, $leave:expr) => {
        fail::fail_point!(concat!("inference::score::", $point), |_| {
            let () = $leave;
            std::process::abort()
        });
    };
}
pub(crate) use stop_here;

/// Waits or panics if the test wants that at this point: while a bundle is loaded (`load`), while a shadow answers (`shadow`).
macro_rules! happen_here {
    ($point:literal) => {
        fail::fail_point!(concat!("inference::", $point));
    };
}
pub(crate) use happen_here;
