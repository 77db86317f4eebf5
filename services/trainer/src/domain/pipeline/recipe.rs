//! What the nodes before a train node say, put into its specification.

use super::{FeaturesNode, Graph, NodeKind, RowsNode, SplitNode, Task};
use crate::domain::{Resampling, SpecDraft};

/// What a feature set is called when no node says.
const FEATURES: &str = "v1";

/// The nodes between the source and a train node.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Recipe<'a> {
    /// The data node and its name.
    pub(super) rows: Option<(&'a str, &'a RowsNode)>,
    pub(super) split: Option<&'a SplitNode>,
    pub(super) resampling: Option<&'a Resampling>,
    pub(super) features: Option<&'a FeaturesNode>,
    /// A kind that is there twice.
    pub(super) twice: Option<NodeKind>,
}

impl Graph {
    /// The name of the data node that a train node's rows come from.
    pub(crate) fn source_of(&self, train: &str) -> Option<&str> {
        self.recipe(train).rows.map(|(id, _)| id)
    }

    /// The specification of a train node as the nodes before it complete it; `digest` is that of the file.
    pub(crate) fn draft(&self, train: &str, digest: &str) -> Option<SpecDraft> {
        let Task::Train(given) = self.task(train)? else { return None };
        Some(self.recipe(train).complete(given, digest))
    }

    /// Follows the rows back from `train`; ends at the source, or where the graph is broken.
    pub(super) fn recipe(&self, train: &str) -> Recipe<'_> {
        let mut recipe = Recipe::default();
        let mut at = train;
        // A broken graph may have a cycle here.
        for _ in self.nodes() {
            let rows = |id: &&String| self.task(id).is_some_and(|task| task.kind() < NodeKind::Train);
            let Some(before) = self.node(at).and_then(|node| node.inputs.iter().find(rows)) else { break };
            let twice = match self.task(before) {
                Some(Task::Data(rows)) => recipe.rows.replace((before, rows)).is_some(),
                Some(Task::Split(split)) => recipe.split.replace(split).is_some(),
                Some(Task::Resample(resampling)) => recipe.resampling.replace(resampling).is_some(),
                Some(Task::Features(features)) => recipe.features.replace(features).is_some(),
                _ => false,
            };
            if twice {
                recipe.twice = self.task(before).map(Task::kind);
            }
            at = before;
        }
        recipe
    }
}

impl Recipe<'_> {
    fn complete(&self, given: &SpecDraft, digest: &str) -> SpecDraft {
        let mut draft = given.clone();
        if let Some((_, rows)) = self.rows {
            draft.dataset.clone_from(&rows.dataset);
            draft.format = rows.format;
        }
        digest.clone_into(&mut draft.source_digest);
        if let Some(split) = self.split {
            draft.split_version.clone_from(&split.version);
            draft.reference_fraction = split.reference_fraction;
        }
        draft.resampling = self.resampling.copied();
        self.features.map_or(FEATURES, |features| &features.version).clone_into(&mut draft.feature_version);
        draft.exclude_columns = self.features.map(|features| features.exclude_columns.clone()).unwrap_or_default();
        draft
    }
}

/// The fields of a train node that only the graph fills, and that are filled all the same.
pub(super) fn said_by_the_graph(given: &SpecDraft) -> impl Iterator<Item = &'static str> {
    let filled = [
        ("source", !given.dataset.is_empty() || !given.source_digest.is_empty() || given.format.is_some()),
        ("split_version", !given.split_version.is_empty()),
        ("reference_fraction", given.reference_fraction != 0.0),
        ("feature_version", !given.feature_version.is_empty()),
        ("exclude_columns", !given.exclude_columns.is_empty()),
        ("resampling", given.resampling.is_some()),
        ("pipeline_id", !given.pipeline_id.is_empty()),
        ("node_id", !given.node_id.is_empty()),
    ];
    filled.into_iter().filter_map(|(field, filled)| filled.then_some(field))
}
