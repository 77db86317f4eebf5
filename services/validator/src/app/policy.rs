//! The conditions of a verdict: the caller's, else those of the model's settings, else the default ones.

use lineal_kernel::{Digest, FieldError, FieldErrors};
use lineal_models::Task;

use super::{App, Validate};
use crate::{
    domain::{Conditions, Policy, ValidatorError},
    registry::Settings,
};

impl App {
    /// The policy for a candidate that predicts `task`, and the settings that it comes from.
    pub(super) async fn policy(
        &self,
        command: &Validate,
        task: Task,
    ) -> Result<(Policy, Option<Digest>), ValidatorError> {
        if let Some(conditions) = &command.conditions {
            return Ok((conditions.policy(task)?, None));
        }
        let Some(settings) = self.registry.settings(&command.model).await? else {
            return Ok((Conditions::default().policy(task)?, None));
        };
        let policy = settings.policy(task).map_err(|problem| ValidatorError::SettingsUnusable {
            model: command.model.clone(),
            number: command.number,
            digest: settings.digest,
            problem,
        })?;
        Ok((policy, Some(settings.digest)))
    }
}

impl Settings {
    /// What they ask of a candidate that predicts `task`; problems have their paths in the file.
    fn policy(&self, task: Task) -> Result<Policy, FieldErrors> {
        let conditions = Conditions::new(&self.limits, &self.comparison_metric, self.skip_comparison);
        let policy = conditions.and_then(|conditions| conditions.policy(task));
        policy.map_err(|errors| FieldErrors(errors.0.into_iter().map(|error| self.in_file(error)).collect()))
    }

    /// Limits have names in the file and places in a policy.
    fn in_file(&self, error: FieldError) -> FieldError {
        let path = error.path.trim_start_matches("policy.");
        let place = path.strip_prefix("limits[").and_then(|rest| rest.split(']').next()?.parse::<usize>().ok());
        let path = match place.and_then(|place| self.limits.get(place)) {
            Some((metric, _)) => format!("validation.limits.{metric}"),
            None => format!("validation.{path}"),
        };
        FieldError { path, ..error }
    }
}
