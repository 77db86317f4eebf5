//! The parts of the text.

use std::{collections::BTreeMap, str::FromStr};

use crate::foreign::{ForeignError, TreeProblem, field};

/// Lines of `key=value`.
#[derive(Default)]
pub(super) struct Section<'a>(BTreeMap<&'a str, &'a str>);

/// The head and the section of each tree.
pub(super) fn sections(text: &str) -> Result<(Section<'_>, Vec<Section<'_>>), ForeignError> {
    let mut head = Section::default();
    let mut trees: Vec<Section<'_>> = Vec::new();
    for line in text.lines().skip(1) {
        if line == "end of trees" {
            return Ok((head, trees));
        }
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        if key == "Tree" {
            trees.push(Section::default());
        } else if !key.is_empty() {
            trees.last_mut().unwrap_or(&mut head).0.insert(key, value);
        }
    }
    Err(ForeignError::Truncated)
}

impl<'a> Section<'a> {
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    pub(super) fn optional(&self, key: &str) -> Option<&'a str> {
        self.0.get(key).copied()
    }

    pub(super) fn text(&self, key: &'static str) -> Result<&'a str, ForeignError> {
        self.optional(key).ok_or_else(|| field(key, "is missing"))
    }

    pub(super) fn count(&self, key: &'static str) -> Result<usize, ForeignError> {
        self.text(key)?.trim().parse().map_err(|_| field(key, "is not a count"))
    }

    /// The `expected` numbers of an array.
    pub(super) fn array<T: FromStr>(&self, array: &'static str, expected: usize) -> Result<Vec<T>, TreeProblem> {
        let numbers = self.optional(array).unwrap_or("").split_ascii_whitespace().map(str::parse);
        match numbers.collect::<Result<Vec<T>, _>>() {
            Ok(numbers) if numbers.len() == expected => Ok(numbers),
            _ => Err(TreeProblem::Array { array, expected }),
        }
    }
}
