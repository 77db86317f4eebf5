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

    /// The specification of a train node as the nodes before it complete it; `digest` is that of the file, `made` tells the
    /// number of the version that a train node has made. Upstreams of the graph come first, in the order of the node's inputs.
    pub(crate) fn draft(&self, train: &str, digest: &str, made: impl Fn(&str) -> u64) -> Option<SpecDraft> {
        let Task::Train(given) = self.task(train)? else { return None };
        let mut draft = self.recipe(train).complete(given, digest);
        let upstream = |id: &str| match self.task(id) {
            Some(Task::Train(upstream)) => Some((upstream.model.clone(), made(id))),
            _ => None,
        };
        let own = std::mem::take(&mut draft.upstreams);
        draft.upstreams = self.inputs_of(train, NodeKind::Train).filter_map(upstream).chain(own).collect();
        Some(draft)
    }

    /// Whether a train node's result depends on who is champion: then it is not fixed by its inputs.
    pub(crate) fn needs_champion(&self, train: &str) -> bool {
        matches!(self.task(train), Some(Task::Train(given)) if given.upstreams.iter().any(|(_, number)| *number == 0))
    }

    /// Whether a train node is filled from the settings of its model.
    pub(crate) fn needs_settings(&self, train: &str) -> bool {
        matches!(self.task(train), Some(Task::Train(given)) if given.use_settings)
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

impl<'a> Recipe<'a> {
    /// What the features are called.
    pub(super) fn feature_version(&self) -> &'a str {
        self.features.map_or(FEATURES, |features| &features.version)
    }

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
        self.feature_version().clone_into(&mut draft.feature_version);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{FullPipeline, PromoteNode, ReloadPolicy, SourceFormat, ValidateNode};

    /// A chain of three, the last of which also takes the champion of another model.
    fn chain() -> Graph {
        let member = |model: &str| SpecDraft { model: model.to_owned(), ..SpecDraft::default() };
        let mut members = ["poisson", "blending", "calibration"].map(member).to_vec();
        members[2].upstreams = vec![("market".to_owned(), 0)];
        let rows = RowsNode { dataset: "matches".to_owned(), digest: String::new(), format: Some(SourceFormat::Csv) };
        let full = FullPipeline {
            rows,
            split: SplitNode { version: "v1".to_owned(), reference_fraction: 0.0 },
            features: None,
            members,
            validate: ValidateNode { policy: None },
            promote: PromoteNode { policy: ReloadPolicy::All, reason: String::new() },
        };
        Graph::new(full.nodes().into_iter().collect())
    }

    #[test]
    fn each_member_learns_from_the_version_just_made() {
        // F44, F45, F48
        let graph = chain();
        let made = |id: &str| if id == "train-poisson" { 7 } else { 9 };
        let upstreams = |member: &str| graph.draft(&format!("train-{member}"), "sha256:ab", made).unwrap().upstreams;
        assert_eq!(upstreams("poisson"), []);
        assert_eq!(upstreams("blending"), [("poisson".to_owned(), 7)]);
        assert_eq!(upstreams("calibration"), [("blending".to_owned(), 9), ("market".to_owned(), 0)]);
        let trained = graph.nodes().filter(|(_, node)| node.task.kind() == NodeKind::Train).count();
        assert_eq!(trained, 3, "members and nothing else");
        assert_eq!(graph.inputs_of("validate", NodeKind::Train).collect::<Vec<_>>(), ["train-calibration"]);
    }

    #[test]
    fn all_members_are_trained_on_one_file() {
        // F46
        let graph = chain();
        for member in ["train-poisson", "train-blending", "train-calibration"] {
            let draft = graph.draft(member, "sha256:ab", |_| 1).unwrap();
            assert_eq!((graph.source_of(member), draft.source_digest.as_str()), (Some("rows"), "sha256:ab"));
            assert_eq!((draft.split_version.as_str(), draft.feature_version.as_str()), ("v1", "v1"));
        }
    }

    #[test]
    fn what_depends_on_a_champion_is_not_fixed_by_its_inputs() {
        // F47
        let graph = chain();
        assert!(graph.needs_champion("train-calibration"));
        assert!(!graph.needs_champion("train-blending"));
    }
}
