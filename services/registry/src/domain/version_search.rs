//! Searches among versions.

use lineal_kernel::ModelName;

use super::{
    display::DisplayState,
    filter::{Field, Filter, Kind, Named},
    search::Order,
    version::VersionState,
};

/// Which versions, and in which order.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionSearch {
    /// `None` for all models.
    pub model: Option<ModelName>,
    /// What a version must pass.
    pub filter: Filter<VersionField>,
    /// In which order. Versions without the metric come last in either direction; older ones come first among equals.
    pub order: Order<VersionOrder>,
}

impl VersionSearch {
    /// Every version of a model, newest first.
    pub fn of(model: ModelName) -> Self {
        Self { model: Some(model), filter: Filter::default(), order: Order::default() }
    }
}

/// What can be asked of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionField {
    /// One of the trainer's metrics.
    Metric(String),
    /// A tag by name.
    Tag(String),
    /// Metadata by the keys that lead to it.
    Metadata(Vec<String>),
    /// One word of [`VersionState`].
    State,
    /// One word of [`DisplayState`].
    DisplayState,
    /// What it was trained as.
    Family,
    /// Its label.
    Label,
    /// The run that made it.
    RunId,
    /// Digest of its content.
    Digest,
    /// The model that it belongs to.
    Model,
    /// Its number.
    Number,
    /// When it was registered.
    Created,
}

impl Named for VersionField {
    const FORMS: &'static str = "metrics.KEY, tags.KEY, metadata.KEY.KEY, state, display_state, family, label, run_id, digest, \
         model, number or created";

    fn named(group: &str, keys: &[String]) -> Option<Self> {
        match (group, keys) {
            ("state", []) => Some(Self::State),
            ("display_state", []) => Some(Self::DisplayState),
            ("family", []) => Some(Self::Family),
            ("label", []) => Some(Self::Label),
            ("run_id", []) => Some(Self::RunId),
            ("digest", []) => Some(Self::Digest),
            ("model", []) => Some(Self::Model),
            ("number", []) => Some(Self::Number),
            ("created", []) => Some(Self::Created),
            ("metrics", [_, ..]) => Some(Self::Metric(keys.join("."))),
            ("tags", [_, ..]) => Some(Self::Tag(keys.join("."))),
            ("metadata", [_, ..]) => Some(Self::Metadata(keys.to_vec())),
            _ => None,
        }
    }
}

impl Field for VersionField {
    fn kind(&self) -> Kind {
        match self {
            Self::Metric(_) => Kind::Number,
            Self::Metadata(_) => Kind::Any,
            Self::State => Kind::OneOf(&VersionState::WORDS),
            Self::DisplayState => Kind::OneOf(&DisplayState::WORDS),
            Self::Number => Kind::Whole,
            Self::Created => Kind::Moment,
            Self::Tag(_) | Self::Family | Self::Label | Self::RunId | Self::Digest | Self::Model => Kind::Text,
        }
    }
}

/// What versions can be ordered by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionOrder {
    /// When they were registered.
    Created,
    /// Their numbers.
    Number,
    /// One of the trainer's metrics.
    Metric(String),
}

impl Named for VersionOrder {
    const FORMS: &'static str = "created, number or metrics.KEY";

    fn named(group: &str, keys: &[String]) -> Option<Self> {
        match (group, keys) {
            ("created", []) => Some(Self::Created),
            ("number", []) => Some(Self::Number),
            ("metrics", [_, ..]) => Some(Self::Metric(keys.join("."))),
            _ => None,
        }
    }
}

impl Default for Order<VersionOrder> {
    fn default() -> Self {
        Self { by: VersionOrder::Number, descending: true }
    }
}
