//! Whole processes over real gRPC: the loop, load, crashes, foreign clients, bad input, the demo.

#![allow(clippy::unwrap_used, reason = "a helper of tests that cannot go on fails its test")]

mod bad_input;
mod command_line;
mod crash;
mod demo;
mod determinism;
mod foreign;
mod process;
mod promotions;
mod restart;
mod scenario;
mod split;
mod upgrade;
