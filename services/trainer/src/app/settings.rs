//! The settings of a model, for a job that leaves something blank.

use lineal_kernel::{Digest, FieldError, FieldErrors, ModelName, RequestId};

use super::{App, failure::StepError};
use crate::domain::{ModelSettings, SpecDraft, TrainerError};

impl App {
    /// The draft with its blanks filled from the settings that it asks for. A request that is repeated gets those of the first time,
    /// whatever was applied since.
    pub(super) async fn with_settings(&self, draft: SpecDraft, request_id: &str) -> Result<SpecDraft, TrainerError> {
        // What is wrong with the name of the model is said with everything else.
        let (true, Ok(model)) = (draft.use_settings, ModelName::new(&draft.model)) else { return Ok(draft) };
        let digest = match named(&draft)? {
            Some(digest) => Some(digest),
            None => self.settings_of(&model, request_id).await?,
        };
        Ok(draft.filled(&self.settings(model, digest).await?))
    }

    /// The settings that a train node of a pipeline asks for.
    pub(super) async fn settings_of_node(&self, draft: &SpecDraft) -> Result<ModelSettings, TrainerError> {
        let model = ModelName::new(&draft.model).map_err(|error| FieldErrors::from(error.under("spec.model")))?;
        self.settings(model, named(draft)?).await
    }

    /// One revision, or the newest.
    async fn settings(&self, model: ModelName, digest: Option<Digest>) -> Result<ModelSettings, TrainerError> {
        let found = self.registry.settings(&model, digest).await.map_err(StepError::from).map_err(StepError::told)?;
        found.ok_or(TrainerError::SettingsNotFound { model, digest })
    }

    /// The settings that the model's job of an earlier request with this key used.
    async fn settings_of(&self, model: &ModelName, request_id: &str) -> Result<Option<Digest>, TrainerError> {
        let Ok(request_id) = RequestId::new(request_id) else { return Ok(None) };
        let known = self.store.job_by_request(&request_id).await?.filter(|job| job.spec.model == *model);
        Ok(known.and_then(|job| job.spec.settings))
    }
}

/// The revision that a draft names.
fn named(draft: &SpecDraft) -> Result<Option<Digest>, FieldErrors> {
    let named = Some(&draft.settings_digest).filter(|digest| !digest.is_empty());
    let digest = named.map(|digest| digest.parse()).transpose();
    digest.map_err(|error: FieldError| FieldError::new("spec.settings_digest", error.problem).into())
}
