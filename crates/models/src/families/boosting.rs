//! Hyperparameters that every family of boosted trees has.

use super::{HyperparameterDescription as Description, HyperparameterKind as Kind};

/// How long a fit goes on.
pub(super) const ROUNDS: Description = Description {
    name: "rounds",
    kind: Kind::Integer { min: 1, max: 10_000, default: 100 },
    doc: "number of trees, for each class if there are more than two",
};
/// When it stops before.
pub(super) const EARLY_STOPPING_ROUNDS: Description = Description {
    name: "early_stopping_rounds",
    kind: Kind::Integer { min: 0, max: 10_000, default: 0 },
    doc: "rounds without a better loss on the validation rows after which the fit stops and keeps the best; 0: never",
};
