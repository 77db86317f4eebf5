//! LightGBM's text: a head of `key=value` lines, a section for each tree, and a tail that does not matter.

mod objective;
mod section;
mod tree;

use super::{ForeignError, ForeignModel, Head, Library, check_counts, error::shown, field};
use crate::Trees;
use section::{Section, sections};

/// Formats that are read: LightGBM 3 and 4.
const VERSIONS: [&str; 2] = ["v3", "v4"];
/// Before the categories that pandas kept apart from the rows.
const PANDAS: &str = "pandas_categorical:";

/// Reads a text.
pub(super) fn read(bytes: &[u8]) -> Result<ForeignModel, ForeignError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| ForeignError::Malformed { problem: format!("byte {} is not UTF-8", error.valid_up_to()) })?;
    let (head, trees) = sections(text)?;
    let version = head.text("version")?;
    if !VERSIONS.contains(&version) {
        let what = format!("format `{}`", shown(version));
        return Err(ForeignError::Unsupported { what, instead: "write it again with LightGBM 3 or 4" });
    }
    check_categories(text)?;
    let features: Vec<_> = head.text("feature_names")?.split(' ').map(str::to_owned).collect();
    let classes = head.count("num_tree_per_iteration")?;
    check_counts(features.len(), classes)?;
    if head.count("max_feature_idx")?.checked_add(1) != Some(features.len()) {
        return Err(field("max_feature_idx", format!("does not fit {} feature names", features.len())));
    }
    if trees.len() % classes != 0 {
        return Err(field("num_tree_per_iteration", format!("does not divide {} trees", trees.len())));
    }
    let words = head.optional("objective").unwrap_or("custom");
    let objective = objective::parse(words, classes)?;
    let empty = Trees { average: head.has("average_output"), ..Trees::new(features.len(), 0.0, objective.link) };
    let mut by_class = vec![empty; classes];
    for (i, section) in trees.iter().enumerate() {
        tree::push(&mut by_class[i % classes], section).map_err(|problem| ForeignError::Tree { tree: i, problem })?;
    }
    let head = Head { version: version.to_owned(), objective: shown(words), features };
    ForeignModel::new(Library::LightGbm, head, &objective, by_class)
}

/// That columns of categories hold their own codes. With pandas they may hold anything else, numbered in this tail.
fn check_categories(text: &str) -> Result<(), ForeignError> {
    let kept = text.rfind(PANDAS).map_or("", |at| text[at + PANDAS.len()..].trim());
    if ["", "null", "[]"].contains(&kept) {
        return Ok(());
    }
    Err(ForeignError::Unsupported {
        what: "a model of pandas categories".to_owned(),
        instead: "train it on their codes, `column.cat.codes`",
    })
}
