//! Objectives by XGBoost's names.

use super::unsupported;
use crate::{
    Link, Task,
    foreign::{ForeignError, error::shown, field, objective::Objective},
};

/// What `name` means, e.g. `binary:logistic`.
pub(super) fn parse(name: &str, classes: usize) -> Result<Objective, ForeignError> {
    let objective = match name {
        "binary:logistic" => Objective::two_classes(Link::Logit),
        "binary:logitraw" => Objective { threshold: 0.0, ..Objective::two_classes(Link::Identity) },
        "binary:hinge" => Objective::two_classes(Link::Step),
        "multi:softprob" | "multi:softmax" => Objective::classes(),
        "reg:logistic" => Objective::number(Link::Logit),
        "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" | "survival:aft" => Objective::number(Link::Log),
        "reg:squarederror"
        | "reg:squaredlogerror"
        | "reg:pseudohubererror"
        | "reg:absoluteerror"
        | "reg:quantileerror"
        | "reg:expectileerror"
        | "rank:pairwise"
        | "rank:ndcg"
        | "rank:map" => Objective::number(Link::Identity),
        _ => return Err(unsupported(&format!("objective `{}`", shown(name)), "train with another one")),
    };
    if (objective.task == Task::MulticlassClassification) != (classes > 1) {
        return Err(field("num_class", format!("{classes} does not fit objective `{name}`")));
    }
    Ok(objective)
}
