//! The crate from outside.
#![cfg(test)]

mod blending;
mod bundle;
mod calibration;
mod chain;
mod common;
mod draw_calibration;
mod football;
mod gradient_boosting;
mod linear;
mod logistic_regression;
mod member_bundle;
mod metrics;
mod poisson;
mod random_forest;
mod real_rows;
