//! The contract: convert in, call, convert out.

mod convert;
mod reports;
mod status;

pub(crate) use reports::ValidatorGrpc;
