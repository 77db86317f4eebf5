//! The port to feature sets. They are definitions, the same that jobs make of names.

use async_trait::async_trait;
use lineal_kernel::{ModelName, Name};

use super::Result;
use crate::domain::NamedFeatures;

/// Feature sets of models by name.
#[async_trait]
pub(crate) trait FeatureSetStore: Send + Sync {
    /// Gives a name its features unless it has some, and returns those it has now. If they are the ones that a job inferred, they count
    /// as created.
    async fn create_feature_set(&self, features: &NamedFeatures) -> Result<NamedFeatures>;

    /// One set.
    async fn feature_set(&self, model: &ModelName, name: &Name) -> Result<Option<NamedFeatures>>;

    /// At most `limit` sets of a model by name, those after `after` only.
    async fn feature_sets(&self, model: &ModelName, after: &str, limit: u32) -> Result<Vec<NamedFeatures>>;

    /// Whether a set of this model was created.
    async fn has_feature_sets(&self, model: &ModelName) -> Result<bool>;
}
