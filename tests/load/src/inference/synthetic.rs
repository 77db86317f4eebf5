//! A model of full trees and rows for it, always the same ones.

use anyhow::{Context as _, ensure};
use lineal_native::{Fit, Flow, Follow, LightGbm, Round, Rows};

pub(crate) const FEATURES: usize = 30;
pub(crate) const TREES: usize = 100;

/// What a model answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Objective {
    /// A number.
    Regression,
    /// One of two classes.
    Binary,
}

/// LightGBM's text of a model of 100 trees with 31 leaves, fitted to `labels` of the rows in `values`.
pub(crate) fn fit(library: &LightGbm, objective: Objective, values: &[f64], labels: &[f64]) -> anyhow::Result<String> {
    let (objective, metric) = match objective {
        Objective::Regression => ("regression", "rmse"),
        Objective::Binary => ("binary", "binary_logloss"),
    };
    let parameters = [("objective", objective), ("metric", metric), ("num_leaves", "31"), ("num_threads", "2")];
    let fit = Fit {
        training: Rows { values, columns: FEATURES, labels, weights: None },
        validation: None,
        parameters: &parameters.map(|(name, value)| (name, value.to_owned())),
        rounds: TREES,
        patience: 0,
        scored: 0,
    };
    let fitted = library.fit(&fit, &mut ToTheEnd)?;
    ensure!(fitted.rounds == TREES, "{} trees were fitted", fitted.rounds);
    String::from_utf8(fitted.model).context("the model is no text")
}

struct ToTheEnd;

impl Follow for ToTheEnd {
    fn wants_metric(&self) -> bool {
        false
    }

    fn hear(&mut self, _: Round) -> Flow {
        Flow::Continue
    }
}

/// What a tree has to learn of a row.
pub(crate) fn signal(row: &[f64]) -> f64 {
    row[0] * row[1] + (3.0 * row[2]).sin() + row[3..].iter().sum::<f64>() / 10.0
}

/// `count` of the [`numbers`].
pub(crate) fn draw(count: usize) -> Vec<f64> {
    numbers().take(count).collect()
}

/// Numbers between -1 and 1.
pub(crate) fn numbers() -> impl Iterator<Item = f64> {
    let mut state = 7_u64;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    })
}
