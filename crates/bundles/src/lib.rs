//! Bundles on their way from the artifact store to whoever loads them: one order of checks for all.
//!
//! First comes the manifest, which has the digest of the bundle; then the signatures, as the reader's [`Policy`] asks for; then every
//! other file, with its digest and no larger than the manifest says; then the bundles that the manifest names, which its signature
//! covers. Nothing but manifests is parsed on the way: [`Fetched::assemble`] is for another thread.
//!
//! [`Policy`]: lineal_signing::Policy

mod error;
mod fetched;
mod listed;
mod source;

pub use error::{FetchError, refused};
pub use fetched::Fetched;
pub use listed::{Listed, to_sign};
pub use source::Source;
