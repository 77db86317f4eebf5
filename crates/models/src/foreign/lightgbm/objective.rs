//! Objectives by LightGBM's names.

use crate::{
    Link,
    foreign::{ForeignError, error::shown, field, objective::Objective},
};

/// What `words` mean, e.g. `binary sigmoid:1`.
pub(super) fn parse(words: &str, classes: usize) -> Result<Objective, ForeignError> {
    let mut words = words.split_ascii_whitespace();
    let name = words.next().unwrap_or("");
    let rest: Vec<_> = words.collect();
    let objective = match name {
        "binary" => Objective::two_classes(logit(&rest)?),
        "multiclass" => Objective::classes(),
        "multiclassova" => Objective { link: logit(&rest)?, independent: true, ..Objective::classes() },
        "regression" if rest.contains(&"sqrt") => Objective::number(Link::SquareRoot),
        "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape" | "lambdarank" | "rank_xendcg"
        | "custom" => Objective::number(Link::Identity),
        "poisson" | "gamma" | "tweedie" => Objective::number(Link::Log),
        "cross_entropy" => Objective::number(Link::Logit),
        "cross_entropy_lambda" => Objective::number(Link::Softplus),
        _ => {
            return Err(ForeignError::Unsupported {
                what: format!("objective `{}`", shown(name)),
                instead: "train with another one",
            });
        }
    };
    let several = objective.task == crate::Task::MulticlassClassification;
    if several != (classes > 1) {
        return Err(field("num_tree_per_iteration", format!("{classes} does not fit objective `{name}`")));
    }
    Ok(objective)
}

/// The link to a probability, with its `sigmoid:`.
fn logit(words: &[&str]) -> Result<Link, ForeignError> {
    let Some(steepness) = words.iter().find_map(|word| word.strip_prefix("sigmoid:")) else { return Ok(Link::Logit) };
    match steepness.parse() {
        Ok(1.0) => Ok(Link::Logit),
        Ok(steepness) if f64::is_finite(steepness) => Ok(Link::SteepLogit(steepness)),
        _ => Err(field("objective", "has a `sigmoid` that is not a finite number")),
    }
}
