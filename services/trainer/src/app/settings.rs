//! The settings of a model, for a job that leaves something blank.

use lineal_kernel::{Digest, FieldError, FieldErrors, ModelName, RequestId};

use super::{App, failure::StepError};
use crate::domain::{SpecDraft, TrainerError};

impl App {
    /// The draft with its blanks filled from the settings that it asks for. A request that is repeated gets those of the first time,
    /// whatever was applied since.
    pub(super) async fn with_settings(&self, draft: SpecDraft, request_id: &str) -> Result<SpecDraft, TrainerError> {
        // What is wrong with the name of the model is said with everything else.
        let (true, Ok(model)) = (draft.use_settings, ModelName::new(&draft.model)) else { return Ok(draft) };
        let digest = match draft.settings_digest.as_str() {
            "" => self.settings_of(&model, request_id).await?,
            text => Some(text.parse().map_err(|error: FieldError| {
                FieldErrors::from(FieldError::new("spec.settings_digest", error.problem))
            })?),
        };
        let found = self.registry.settings(&model, digest).await.map_err(StepError::from).map_err(StepError::told)?;
        let settings = found.ok_or(TrainerError::SettingsNotFound { model, digest })?;
        Ok(draft.filled(&settings))
    }

    /// The settings that the model's job of an earlier request with this key used.
    async fn settings_of(&self, model: &ModelName, request_id: &str) -> Result<Option<Digest>, TrainerError> {
        let Ok(request_id) = RequestId::new(request_id) else { return Ok(None) };
        let known = self.store.job_by_request(&request_id).await?.filter(|job| job.spec.model == *model);
        Ok(known.and_then(|job| job.spec.settings))
    }
}
