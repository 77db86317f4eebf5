//! The crate from outside.
#![cfg(test)]

mod blending;
mod bundle;
mod calibration;
mod chain;
mod common;
mod draw_calibration;
mod ensemble;
mod football;
mod foreign;
mod gradient_boosting;
mod graphs;
mod hostile;
mod hostile_bundles;
mod hostile_graphs;
mod linear;
mod logistic_regression;
mod member_bundle;
mod metrics;
mod native;
mod poisson;
mod random_forest;
mod real_rows;
