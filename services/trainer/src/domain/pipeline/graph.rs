//! A graph of nodes that fit each other, and the id that its content gives it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use lineal_kernel::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Node, NodeKind, RowsNode, Task};

/// How many digits of the hash an id shows.
const DIGITS: usize = 16;

/// The identity of a graph: `{dataset}_{hash}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PipelineId(String);

impl PipelineId {
    /// The identity as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Any text can be asked for; only those of graphs are ever found.
impl From<String> for PipelineId {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for PipelineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A graph that is kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pipeline {
    pub(crate) id: PipelineId,
    pub(crate) graph: Graph,
    /// Who saved it first.
    pub(crate) actor: String,
    pub(crate) create_time: Timestamp,
}

/// Checked nodes by their names. Its JSON is canonical: one graph, one text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Graph {
    nodes: BTreeMap<String, Node>,
}

impl Graph {
    /// Nodes that [`Graph::check`] has found to fit.
    pub(super) fn new(nodes: BTreeMap<String, Node>) -> Self {
        Self { nodes }
    }

    /// The id of this graph. Of several datasets the first by name stands before the hash.
    pub(crate) fn id(&self) -> Result<PipelineId, serde_json::Error> {
        let hash = Digest::of(serde_json::to_string(self)?.as_bytes()).hex();
        Ok(PipelineId(format!("{}_{}", self.dataset(), hash.get(..DIGITS).unwrap_or_default())))
    }

    /// The first dataset by name.
    pub(crate) fn dataset(&self) -> &str {
        self.sources().map(|(_, rows)| rows.dataset.as_str()).min().unwrap_or_default()
    }

    /// All nodes by name.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(id, node)| (id.as_str(), node))
    }

    /// One node.
    pub(crate) fn node(&self, id: &str) -> Option<&Node> {
        self.nodes.get(id)
    }

    /// What one node does.
    pub(crate) fn task(&self, id: &str) -> Option<&Task> {
        self.node(id).map(|node| &node.task)
    }

    /// The nodes that rows come from.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (&str, &RowsNode)> {
        self.nodes().filter_map(|(id, node)| match &node.task {
            Task::Data(rows) => Some((id, rows)),
            _ => None,
        })
    }

    /// The inputs of a node that are of this kind, in their order.
    pub(crate) fn inputs_of(&self, id: &str, kind: NodeKind) -> impl Iterator<Item = &str> {
        let inputs = self.node(id).map_or(&[][..], |node| &node.inputs);
        inputs.iter().map(String::as_str).filter(move |input| self.task(input).is_some_and(|task| task.kind() == kind))
    }

    /// The node and everything it needs.
    pub(crate) fn up_to(&self, id: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            if found.insert(id.to_owned()) {
                open.extend(self.node(id).into_iter().flat_map(|node| node.inputs.iter().map(String::as_str)));
            }
        }
        found
    }

    /// An order in which the nodes can run; of those that could be next, the first by name.
    pub(crate) fn order(&self) -> Vec<String> {
        order(&self.nodes)
    }
}

/// As many nodes as can be brought into an order: all of them unless there is a cycle.
pub(super) fn order(nodes: &BTreeMap<String, Node>) -> Vec<String> {
    let mut done: Vec<String> = Vec::new();
    loop {
        let met = |other: &String| done.contains(other) || !nodes.contains_key(other);
        let next = nodes
            .iter()
            .find(|(id, node)| !done.contains(*id) && node.inputs.iter().all(met) && node.after.iter().all(met));
        match next {
            Some((id, _)) => done.push(id.clone()),
            None => return done,
        }
    }
}
