//! How Lineal's services listen, call each other and say no.
//!
//! One server builder with every limit set, one client with deadlines and an identity, one shape of errors, one way to work aside, and one to sweep up.

mod access;
pub mod artifacts;
pub mod background;
mod client;
mod convert;
mod health;
pub mod leftovers;
mod problem;
mod server;
pub mod signatures;

pub use access::{ACTOR_HEADER, caller_of};
pub use client::{AddressError, Identify, Peer, connect};
pub use convert::{duration, timestamp, traffic, traffic_of};
pub use health::{Health, LIVE, READY};
pub use problem::{Problem, reason_of};
pub use server::{ServeError, ServerConfig, serve, serve_health};
