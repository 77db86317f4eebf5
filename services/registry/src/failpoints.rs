//! Points where a test can stop the process, as `kill -9` would. Without the feature `failpoints` they are nothing at all.

/// Every point of a promotion, in the order in which it comes to them.
pub const PROMOTION: [&str; 14] = [
    "decided",
    "intended",
    "one_prepared",
    "prepared",
    "locked",
    "compared",
    "alias_moved",
    "audited",
    "committed",
    "reloading",
    "one_acknowledged",
    "acknowledged",
    "recorded",
    "answering",
];

/// Stops the process if the test wants it to stop at this point of a promotion.
macro_rules! stop_here {
    ($point:literal) => {
        fail::fail_point!(concat!("registry::promote::", $point), |_| std::process::abort());
    };
}
pub(crate) use stop_here;
