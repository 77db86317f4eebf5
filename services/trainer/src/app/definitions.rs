//! What the version names of a recipe mean.

use lineal_db::StoreError;
use lineal_kernel::Name;

use super::App;
use crate::domain::{Definition, JobSpec, TrainerError};

impl App {
    /// What `name` means for jobs like `spec`, if it has a meaning.
    pub(super) async fn known<D: Definition>(&self, spec: &JobSpec, name: &Name) -> Result<Option<D>, StoreError> {
        let body = self.store.definition(D::KIND, D::scope(spec), name.as_str()).await?;
        body.map(|body| read(&body)).transpose()
    }

    /// Gives `name` a meaning unless it has one, and returns the one it has now.
    pub(super) async fn define<D: Definition>(
        &self,
        spec: &JobSpec,
        name: &Name,
        meaning: &D,
    ) -> Result<D, StoreError> {
        let body = serde_json::to_string(meaning).map_err(|error| StoreError::Backend(error.into()))?;
        read(&self.store.define(D::KIND, D::scope(spec), name.as_str(), &body, self.clock.now()).await?)
    }

    /// Refuses a specification that contradicts what the name it gives means already.
    pub(super) async fn check_name<D: Definition>(
        &self,
        spec: &JobSpec,
        name: Option<&Name>,
    ) -> Result<(), TrainerError> {
        let Some(name) = name else { return Ok(()) };
        match self.known::<D>(spec, name).await? {
            Some(meaning) => Ok(meaning.agrees(name.as_str(), spec)?),
            None => Ok(()),
        }
    }
}

fn read<D: Definition>(body: &str) -> Result<D, StoreError> {
    serde_json::from_str(body).map_err(|error| StoreError::Backend(error.into()))
}
