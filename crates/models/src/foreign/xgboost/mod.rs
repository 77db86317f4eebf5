//! XGBoost's JSON, and the same as UBJ.

mod file;
mod objective;
mod tree;
mod ubj;

use serde::Deserialize;

use super::{ForeignError, ForeignModel, Head, Library, check_counts, error::shown, field};
use crate::{Link, Trees};
use file::{Booster, File, Forest, Parameters};

/// Reads JSON.
pub(super) fn read_json(bytes: &[u8]) -> Result<ForeignModel, ForeignError> {
    let file = serde_json::from_slice(bytes).map_err(|error| {
        if error.is_eof() { ForeignError::Truncated } else { ForeignError::Malformed { problem: error.to_string() } }
    })?;
    read(file)
}

/// Reads UBJ.
pub(super) fn read_ubj(bytes: &[u8]) -> Result<ForeignModel, ForeignError> {
    let mut reader = ubj::Reader::new(bytes);
    let file = File::deserialize(&mut reader)?;
    reader.end()?;
    read(file)
}

fn read(file: File) -> Result<ForeignModel, ForeignError> {
    let File { version, learner } = file;
    let (forest, weights) = forest(learner.gradient_booster)?;
    let parameters = &learner.parameters;
    if parameters.count("num_target")?.is_some_and(|targets| targets > 1) {
        return Err(unsupported("a model of several targets", "train one model for each"));
    }
    let classes = parameters.count("num_class")?.unwrap_or(0).max(1);
    let count = parameters.count("num_feature")?.ok_or_else(|| field("num_feature", "is missing"))?;
    check_counts(count, classes)?;
    let features = match learner.feature_names {
        names if names.is_empty() => (0..count).map(|i| format!("f{i}")).collect(),
        names if names.len() == count => names,
        names => return Err(field("feature_names", format!("has {} names for {count} features", names.len()))),
    };
    let objective = objective::parse(&learner.objective.name, classes)?;
    let start = |base: f32| Trees { single: true, ..Trees::new(count, f64::from(base), objective.link) };
    let mut by_class: Vec<_> = bases(parameters, objective.link, classes)?.into_iter().map(start).collect();
    if forest.tree_info.len() != forest.trees.len() || weights.as_ref().is_some_and(|w| w.len() != forest.trees.len()) {
        return Err(field("tree_info", format!("or `weight_drop` does not fit {} trees", forest.trees.len())));
    }
    for (i, (tree, class)) in forest.trees.iter().zip(&forest.tree_info).enumerate() {
        let trees =
            by_class.get_mut(*class as usize).ok_or_else(|| field("tree_info", format!("names class {class}")))?;
        let weight = weights.as_ref().map_or(1.0, |weights| weights[i]);
        tree::push(trees, tree, weight).map_err(|problem| ForeignError::Tree { tree: i, problem })?;
    }
    let version = version.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
    let head = Head { version, objective: shown(&learner.objective.name), features };
    ForeignModel::new(Library::XgBoost, head, &objective, by_class)
}

/// The trees, and what each counts where trees were dropped in training.
fn forest(booster: Booster) -> Result<(Forest, Option<Vec<f32>>), ForeignError> {
    let (forest, weights) = match (booster.name.as_str(), booster.model, booster.gbtree) {
        ("gbtree", Some(forest), _) => (forest, None),
        ("dart", _, Some(nested)) => (nested.model, Some(booster.weight_drop)),
        ("gbtree" | "dart", ..) => return Err(field("gradient_booster", "has no trees")),
        (name, ..) => return Err(unsupported(&format!("booster `{}`", shown(name)), "train with gbtree or dart")),
    };
    if !forest.cats.enc.is_empty() {
        return Err(unsupported("a model of data frame categories", "train it on their codes, `column.cat.codes`"));
    }
    Ok((forest, weights))
}

/// The margin of each class without any tree. Files of XGBoost before 3.1 hold one for all.
fn bases(parameters: &Parameters, link: Link, classes: usize) -> Result<Vec<f32>, ForeignError> {
    let bad = || field("base_score", "is no score, or not one for each class");
    let text = parameters.get("base_score").ok_or_else(bad)?.trim_matches(['[', ']']);
    let scores: Vec<f32> =
        text.split(',').map(|score| score.trim().parse()).collect::<Result<_, _>>().map_err(|_| bad())?;
    if ![1, classes].contains(&scores.len()) {
        return Err(bad());
    }
    let margin = |score: f32| match link {
        Link::Logit => -(1.0 / score - 1.0).ln(),
        Link::Log => score.ln(),
        _ => score,
    };
    let margins: Vec<f32> = (0..classes).map(|class| margin(scores[class % scores.len()])).collect();
    if margins.iter().all(|margin| margin.is_finite()) { Ok(margins) } else { Err(bad()) }
}

fn unsupported(what: &str, instead: &'static str) -> ForeignError {
    ForeignError::Unsupported { what: what.to_owned(), instead }
}
