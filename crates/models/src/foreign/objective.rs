//! What the margins of a foreign model mean.

use crate::{Link, Task};

/// What the margins of a model mean.
pub(super) struct Objective {
    pub(super) task: Task,
    pub(super) link: Link,
    /// Whether each of several classes has its own score, by the link, instead of its share.
    pub(super) independent: bool,
    /// The score from which on the second of two classes is more likely.
    pub(super) threshold: f64,
}

impl Objective {
    /// A number.
    pub(super) fn number(link: Link) -> Self {
        Self { task: Task::Regression, link, independent: false, threshold: 0.5 }
    }

    /// The probability of the second of two classes.
    pub(super) fn two_classes(link: Link) -> Self {
        Self { task: Task::BinaryClassification, ..Self::number(link) }
    }

    /// Probabilities of several classes.
    pub(super) fn classes() -> Self {
        Self { task: Task::MulticlassClassification, ..Self::number(Link::Identity) }
    }
}
