//! The graph that trains a whole chain: one snapshot, each member on the version of the one before it, the last one judged and
//! promoted.

use std::collections::BTreeSet;

use lineal_kernel::Name;

use super::{FeaturesNode, Node, PromoteNode, RowsNode, SplitNode, Task, ValidateNode};
use crate::domain::SpecDraft;

const ROWS: &str = "rows";
const PARTS: &str = "split";

/// A chain to be trained from its first member to its last.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FullPipeline {
    pub(crate) rows: RowsNode,
    pub(crate) split: SplitNode,
    pub(crate) features: Option<FeaturesNode>,
    /// Upstream first.
    pub(crate) members: Vec<SpecDraft>,
    pub(crate) validate: ValidateNode,
    pub(crate) promote: PromoteNode,
}

impl FullPipeline {
    /// What the node of its features is called.
    pub(crate) const FEATURES: &str = "features";

    /// Its nodes, not checked yet.
    pub(crate) fn nodes(self) -> Vec<(String, Node)> {
        let node = |id: &str, inputs: &[&str], task| {
            let inputs = inputs.iter().map(ToString::to_string).collect();
            (id.to_owned(), Node { inputs, after: BTreeSet::new(), task })
        };
        let mut nodes = vec![node(ROWS, &[], Task::Data(self.rows)), node(PARTS, &[ROWS], Task::Split(self.split))];
        let mut from = PARTS;
        if let Some(features) = self.features {
            nodes.push(node(Self::FEATURES, &[PARTS], Task::Features(features)));
            from = Self::FEATURES;
        }
        let mut head = String::new();
        for (i, member) in self.members.into_iter().enumerate() {
            let id = member_id(i, &member.model);
            let inputs = [from, &head];
            let inputs = if head.is_empty() { &inputs[..1] } else { &inputs[..] };
            nodes.push(node(&id, inputs, Task::Train(Box::new(member))));
            head = id;
        }
        nodes.push(node("validate", &[&head], Task::Validate(self.validate)));
        nodes.push(node("promote", &["validate"], Task::Promote(self.promote)));
        nodes
    }
}

/// What the node of a member is called: `train-` and its model, or by its place where that is no name.
fn member_id(i: usize, model: &str) -> String {
    let id = format!("train-{model}");
    if Name::new(&id).is_ok() { id } else { format!("member-{}", i + 1) }
}
