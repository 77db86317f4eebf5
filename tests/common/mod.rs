//! What tests of whole processes share.

pub(crate) mod batches;
pub(crate) mod load;
pub(crate) mod process;
pub(crate) mod scenario;
