//! The parts of a file that matter, in the library's words. What is not named here is skipped.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::foreign::{ForeignError, field};

#[derive(Deserialize)]
pub(super) struct File {
    #[serde(default)]
    pub(super) version: Vec<u32>,
    pub(super) learner: Learner,
}

#[derive(Deserialize)]
pub(super) struct Learner {
    #[serde(default)]
    pub(super) feature_names: Vec<String>,
    pub(super) gradient_booster: Booster,
    #[serde(rename = "learner_model_param")]
    pub(super) parameters: Parameters,
    pub(super) objective: Named,
}

#[derive(Deserialize)]
pub(super) struct Named {
    pub(super) name: String,
}

#[derive(Deserialize)]
pub(super) struct Booster {
    pub(super) name: String,
    pub(super) model: Option<Forest>,
    pub(super) gbtree: Option<Nested>,
    #[serde(default)]
    pub(super) weight_drop: Vec<f32>,
}

#[derive(Deserialize)]
pub(super) struct Nested {
    pub(super) model: Forest,
}

#[derive(Deserialize)]
pub(super) struct Forest {
    #[serde(default)]
    pub(super) cats: Encoded,
    /// The class of each tree.
    #[serde(default)]
    pub(super) tree_info: Vec<u32>,
    #[serde(default)]
    pub(super) trees: Vec<Tree>,
}

/// Categories that were not numbers.
#[derive(Default, Deserialize)]
pub(super) struct Encoded {
    #[serde(default)]
    pub(super) enc: Vec<serde::de::IgnoredAny>,
}

/// One tree, its nodes in arrays of equal length.
#[derive(Deserialize)]
pub(super) struct Tree {
    /// -1 for a leaf.
    pub(super) left_children: Vec<i32>,
    pub(super) right_children: Vec<i32>,
    /// The threshold of a split, the value of a leaf.
    pub(super) split_conditions: Vec<f32>,
    pub(super) split_indices: Vec<u32>,
    pub(super) default_left: Vec<Flag>,
    #[serde(default)]
    pub(super) loss_changes: Vec<f32>,
    /// 1 for a split by categories.
    #[serde(default)]
    pub(super) split_type: Vec<u8>,
    /// Categories that go right, of all splits by categories one after the other.
    #[serde(default)]
    pub(super) categories: Vec<u32>,
    /// These splits, where the categories of each begin and how many there are.
    #[serde(default)]
    pub(super) categories_nodes: Vec<u32>,
    #[serde(default)]
    pub(super) categories_segments: Vec<u64>,
    #[serde(default)]
    pub(super) categories_sizes: Vec<u64>,
    #[serde(rename = "tree_param")]
    pub(super) parameters: Parameters,
}

/// Yes or no, written as a number or, long ago, as a word.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Flag {
    Word(bool),
    Number(u8),
}

impl Flag {
    pub(super) fn is_set(&self) -> bool {
        match self {
            Self::Word(word) => *word,
            Self::Number(number) => *number != 0,
        }
    }
}

/// Settings, all written as texts.
#[derive(Deserialize)]
pub(super) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn count(&self, name: &'static str) -> Result<Option<usize>, ForeignError> {
        self.get(name).map(|text| text.parse().map_err(|_| field(name, "is not a count"))).transpose()
    }
}
