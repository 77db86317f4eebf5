//! The nodes of a pipeline. What is kept is what was given: a field that is added later is left out while it is blank, so that a
//! graph keeps its id.

use std::collections::BTreeSet;

use lineal_data::FeatureSet;
use serde::{Deserialize, Serialize};

use crate::domain::{Resampling, SourceFormat, SpecDraft};

/// One step and what it needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Node {
    /// Nodes whose results it takes.
    pub(crate) inputs: Vec<String>,
    /// Nodes that must have ended before, whatever came of them.
    pub(crate) after: BTreeSet<String>,
    pub(crate) task: Task,
}

/// What a node does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Task {
    Data(RowsNode),
    Split(SplitNode),
    Resample(Resampling),
    Features(FeaturesNode),
    /// As given: what the nodes before it say is blank.
    Train(#[serde(with = "given")] Box<SpecDraft>),
    Validate(ValidateNode),
    Promote(PromoteNode),
}

/// The kinds of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NodeKind {
    Data,
    Split,
    Resample,
    Features,
    Train,
    Validate,
    Promote,
}

impl NodeKind {
    /// The stable word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Split => "split",
            Self::Resample => "resample",
            Self::Features => "features",
            Self::Train => "train",
            Self::Validate => "validate",
            Self::Promote => "promote",
        }
    }
}

impl Task {
    pub(crate) fn kind(&self) -> NodeKind {
        match self {
            Self::Data(_) => NodeKind::Data,
            Self::Split(_) => NodeKind::Split,
            Self::Resample(_) => NodeKind::Resample,
            Self::Features(_) => NodeKind::Features,
            Self::Train(_) => NodeKind::Train,
            Self::Validate(_) => NodeKind::Validate,
            Self::Promote(_) => NodeKind::Promote,
        }
    }
}

/// Where rows come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RowsNode {
    pub(crate) dataset: String,
    /// Digest of the file; empty if each run gives it.
    pub(crate) digest: String,
    pub(crate) format: Option<SourceFormat>,
}

/// How rows are cut.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SplitNode {
    pub(crate) version: String,
    /// 0 for the default.
    pub(crate) reference_fraction: f64,
}

/// What is computed of rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FeaturesNode {
    pub(crate) version: String,
    pub(crate) exclude_columns: Vec<String>,
    /// What the version means; absent if the graph only names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) feature_set: Option<FeatureSet>,
}

/// A judgement by the validator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ValidateNode {
    /// Absent for the validator's default.
    pub(crate) policy: Option<ValidationLimits>,
}

/// The conditions that a version must meet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ValidationLimits {
    /// Metrics and what they must reach, in the order given.
    pub(crate) limits: Vec<(String, f64)>,
    pub(crate) comparison_metric: String,
    pub(crate) skip_comparison: bool,
}

/// A promotion of what passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PromoteNode {
    pub(crate) policy: ReloadPolicy,
    pub(crate) reason: String,
}

/// Which replicas must have a new champion before it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReloadPolicy {
    All,
    None,
    Quorum(u32),
}

/// A draft without its blanks.
mod given {
    use std::collections::BTreeMap;

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _, ser::Error as _};
    use serde_json::Value;

    use super::SpecDraft;

    pub(super) fn serialize<S: Serializer>(draft: &SpecDraft, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = |draft: &SpecDraft| match serde_json::to_value(draft) {
            Ok(Value::Object(fields)) => Ok(fields.into_iter().collect::<BTreeMap<_, _>>()),
            Ok(_) => Err(S::Error::custom("a draft has fields")),
            Err(error) => Err(S::Error::custom(error)),
        };
        let blank = fields(&SpecDraft::default())?;
        let mut given = fields(draft)?;
        given.retain(|name, value| blank.get(name) != Some(value));
        given.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<SpecDraft>, D::Error> {
        let given = BTreeMap::<String, Value>::deserialize(deserializer)?;
        let draft = serde_json::from_value(Value::Object(given.into_iter().collect()));
        draft.map(Box::new).map_err(D::Error::custom)
    }
}
