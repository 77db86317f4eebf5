//! What is wrong with a graph, everything at once.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use lineal_kernel::{Digest, FieldError, FieldErrors, Name};
use lineal_models::Family;

use super::{
    Graph, Node, NodeKind, PromoteNode, ReloadPolicy, RowsNode, SplitNode, Task, ValidateNode,
    declared::check_features, graph::order, recipe::said_by_the_graph,
};
use crate::domain::{JobSpec, SpecDraft, settings::left_open};

const MAX_NODES: usize = 100;
const MAX_TEXT: usize = 4096;

impl Graph {
    /// Checks names, edges, cycles and every node's parameters; `families` are those that can be trained.
    pub(crate) fn check(nodes: Vec<(String, Node)>, families: &[&'static dyn Family]) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        if nodes.is_empty() || nodes.len() > MAX_NODES {
            errors.0.push(FieldError::new("nodes", format!("a pipeline has 1 to {MAX_NODES} nodes")));
            return Err(errors);
        }
        let graph = Self::new(named(nodes, &mut errors));
        for (id, node) in graph.nodes() {
            graph.check_edges(id, node, &mut errors);
            graph.check_task(id, node, families, &mut errors);
        }
        errors.0.extend(graph.cycle());
        errors.into_result(|| Some(graph.in_order()))
    }

    /// Edges lead from nodes that are there, and fit.
    fn check_edges(&self, id: &str, node: &Node, errors: &mut FieldErrors) {
        let kind = node.task.kind();
        let mut seen = BTreeSet::new();
        for (i, input) in node.inputs.iter().enumerate() {
            let path = format!("nodes.{id}.inputs[{i}]");
            let problem = match self.task(input).map(Task::kind) {
                None => format!("there is no node `{input}`"),
                Some(_) if !seen.insert(input) => format!("`{input}` is given twice"),
                Some(NodeKind::Data) if kind == NodeKind::Train => {
                    format!("`{input}` is a data node: put a split node between it and the training")
                }
                Some(from) if !takes(kind).contains(&from) => {
                    format!("a {} node takes {}; `{input}` is a {} node", kind.as_str(), wanted(kind), from.as_str())
                }
                Some(_) => continue,
            };
            errors.0.push(FieldError::new(path, problem));
        }
        for after in node.after.iter().filter(|after| self.node(after).is_none()) {
            errors.0.push(FieldError::new(format!("nodes.{id}.after"), format!("there is no node `{after}`")));
        }
        let rows = node.inputs.iter().filter(|input| self.task(input).is_none_or(|task| task.kind() < NodeKind::Train));
        let wrong = match kind {
            NodeKind::Data => false,
            NodeKind::Train => rows.count() != 1,
            _ => node.inputs.len() != 1,
        };
        if wrong {
            let problem = format!("a {} node takes {}", kind.as_str(), wanted(kind));
            errors.0.push(FieldError::new(format!("nodes.{id}.inputs"), problem));
        }
    }

    fn check_task(&self, id: &str, node: &Node, families: &[&'static dyn Family], errors: &mut FieldErrors) {
        let mut own = FieldErrors::default();
        match &node.task {
            Task::Data(rows) => check_rows(rows, &mut own),
            Task::Split(split) => check_split(split, &mut own),
            Task::Resample(resampling) => {
                own.check(resampling.checked());
            }
            Task::Features(features) => check_features(features, &mut own),
            Task::Train(given) => self.check_training(id, given, families, &mut own),
            Task::Validate(judgement) => check_judgement(judgement, &mut own),
            Task::Promote(promotion) => check_promotion(promotion, &mut own),
        }
        let at = format!("nodes.{id}.{}", node.task.kind().as_str());
        errors.0.extend(own.0.into_iter().map(|error| error.under(&at)));
    }

    /// The specification as the nodes before it complete it.
    fn check_training(&self, id: &str, given: &SpecDraft, families: &[&'static dyn Family], errors: &mut FieldErrors) {
        let recipe = self.recipe(id);
        let said = |field| FieldError::new(field, "the nodes before this one say it, leave it out here");
        errors.0.extend(said_by_the_graph(given).map(said));
        if let Some(kind) = recipe.twice {
            let problem = format!("its rows go through two {} nodes, leave one out", kind.as_str());
            errors.0.push(FieldError::new("", problem));
        }
        let placeholder = Digest::of(b"").to_string();
        let Some(draft) = self.draft(id, &placeholder, |_| 0) else { return };
        // What other nodes say is checked there, and what settings say when the job is made.
        let elsewhere = ["source.", "split_version", "feature_version", "reference_fraction", "resampling"];
        let elsewhere: Vec<_> = elsewhere.into_iter().chain(left_open(given)).collect();
        let spec = JobSpec::check(draft, families).map_err(|wrong| {
            let own = |error: &FieldError| !elsewhere.iter().any(|field| error.path.starts_with(field));
            errors.0.extend(wrong.0.into_iter().filter(own));
        });
        self.check_declared(id, given, spec.ok().as_ref(), errors);
        let source = self.source_of(id);
        for upstream in self.inputs_of(id, NodeKind::Train) {
            if self.source_of(upstream) != source {
                let problem =
                    format!("it uses the answers of `{upstream}`, which is trained on other rows; use one data node");
                errors.0.push(FieldError::new("", problem));
            }
        }
    }

    /// A cycle, if there is one, told by its nodes.
    fn cycle(&self) -> Option<FieldError> {
        let nodes: BTreeMap<_, _> = self.nodes().map(|(id, node)| (id.to_owned(), node.clone())).collect();
        let done: BTreeSet<_> = order(&nodes).into_iter().collect();
        let mut at = nodes.keys().find(|id| !done.contains(*id))?;
        let mut path = vec![at];
        // Each of the nodes left waits for another one of them: walking back comes to one a second time.
        loop {
            let node = nodes.get(at)?;
            let left = |id: &&String| nodes.contains_key(*id) && !done.contains(*id);
            at = node.inputs.iter().chain(&node.after).find(left)?;
            if let Some(start) = path.iter().position(|seen| *seen == at) {
                let round = path.drain(start..).chain([at]).rev().map(String::as_str).collect::<Vec<_>>();
                return Some(FieldError::new("nodes", format!("they wait for each other: {}", round.join(" -> "))));
            }
            path.push(at);
        }
    }

    /// Rows first, then upstreams as they were given: the place of the rows says nothing.
    fn in_order(self) -> Self {
        let kinds: BTreeMap<String, NodeKind> =
            self.nodes().map(|(id, node)| (id.to_owned(), node.task.kind())).collect();
        let sorted = self.nodes().map(|(id, node)| {
            let mut node = node.clone();
            node.inputs.sort_by_key(|input| kinds.get(input) == Some(&NodeKind::Train));
            (id.to_owned(), node)
        });
        Self::new(sorted.collect())
    }
}

/// Names are fine and there once; the first node of a name is kept.
fn named(nodes: Vec<(String, Node)>, errors: &mut FieldErrors) -> BTreeMap<String, Node> {
    let mut found = BTreeMap::new();
    for (i, (id, node)) in nodes.into_iter().enumerate() {
        let path = format!("nodes[{i}].id");
        errors.check(Name::new(&id).map_err(|error| error.under(&path)));
        match found.entry(id) {
            Entry::Vacant(entry) => drop(entry.insert(node)),
            Entry::Occupied(entry) => {
                let problem = format!("there is another node `{}`, rename one of them", entry.key());
                errors.0.push(FieldError::new(path, problem));
            }
        }
    }
    found
}

/// The kinds that a node can take as inputs.
fn takes(kind: NodeKind) -> &'static [NodeKind] {
    use NodeKind::{Data, Features, Resample, Split, Train, Validate};
    match kind {
        Data => &[],
        Split => &[Data],
        Resample => &[Split, Features],
        Features => &[Split, Resample],
        Train => &[Split, Resample, Features, Train],
        Validate => &[Train],
        NodeKind::Promote => &[Validate],
    }
}

fn wanted(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Data => "no inputs",
        NodeKind::Split => "one data node",
        NodeKind::Resample => "one split or features node",
        NodeKind::Features => "one split or resample node",
        NodeKind::Train => "one split, resample or features node, and train nodes whose answers it uses",
        NodeKind::Validate => "one train node",
        NodeKind::Promote => "one validate node",
    }
}

fn check_rows(rows: &RowsNode, errors: &mut FieldErrors) {
    errors.check(Name::new(&rows.dataset).map_err(|error| error.under("dataset")));
    if !rows.digest.is_empty() {
        errors.check(rows.digest.parse::<Digest>());
    }
    if rows.format.is_none() {
        errors.0.push(FieldError::new("format", "say whether it is CSV or Parquet"));
    }
}

fn check_split(split: &SplitNode, errors: &mut FieldErrors) {
    errors.check(Name::new(&split.version).map_err(|error| error.under("version")));
    let fraction = split.reference_fraction;
    if !(0.0..1.0).contains(&fraction) {
        let problem = "must be between 0 and 1, both excluded; 0 stands for the default";
        errors.0.push(FieldError::new("reference_fraction", problem));
    }
}

fn check_judgement(judgement: &ValidateNode, errors: &mut FieldErrors) {
    let limits = judgement.policy.iter().flat_map(|policy| &policy.limits);
    for (i, (metric, limit)) in limits.enumerate() {
        if metric.is_empty() || !limit.is_finite() {
            let problem = "a limit names a metric and a finite number";
            errors.0.push(FieldError::new(format!("policy.limits[{i}]"), problem));
        }
    }
}

fn check_promotion(promotion: &PromoteNode, errors: &mut FieldErrors) {
    if promotion.policy == ReloadPolicy::Quorum(0) {
        errors.0.push(FieldError::new("quorum", "with policy QUORUM say how many replicas, at least 1"));
    }
    if promotion.reason.len() > MAX_TEXT {
        errors.0.push(FieldError::new("reason", format!("at most {MAX_TEXT} bytes")));
    }
}
