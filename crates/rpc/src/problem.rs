//! The one shape of errors on the wire: a code, a stable reason, and what helps to go on.

use std::{collections::HashMap, time::Duration};

use lineal_kernel::{FieldError, FieldErrors};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// An error on its way to a client. Each service maps its error type to this in one exhaustive match.
#[derive(Debug, Clone)]
pub struct Problem {
    code: Code,
    reason: &'static str,
    message: String,
    metadata: HashMap<String, String>,
    details: ErrorDetails,
}

impl Problem {
    /// `reason` is upper snake case, stable for ever and listed in `docs/errors.md`.
    pub fn new(code: Code, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), metadata: HashMap::new(), details: ErrorDetails::new() }
    }

    /// INVALID_ARGUMENT with every bad field.
    pub fn invalid(errors: &FieldErrors) -> Self {
        let mut problem = Self::new(Code::InvalidArgument, "INVALID_FIELD", errors.to_string());
        for FieldError { path, problem: text } in &errors.0 {
            problem.details.add_bad_request_violation(path, text);
        }
        problem
    }

    /// INTERNAL: the cause goes to the log, not to the client.
    pub fn internal(cause: &dyn std::error::Error) -> Self {
        let mut text = cause.to_string();
        let mut source = cause.source();
        while let Some(inner) = source {
            text = format!("{text}: {inner}");
            source = inner.source();
        }
        tracing::error!(cause = %text, "a request failed inside");
        Self::new(Code::Internal, "INTERNAL", "something failed inside; the server's log says what")
    }

    /// A value of the message, for programs.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.metadata.insert(key.to_owned(), value.to_string());
        self
    }

    /// What is absent or already there: its kind and name.
    #[must_use]
    pub fn resource(mut self, kind: &str, name: impl ToString) -> Self {
        let name = name.to_string();
        self.metadata.insert(kind.to_owned(), name.clone());
        self.details.set_resource_info(kind, name, "", "");
        self
    }

    /// A condition that must hold first.
    #[must_use]
    pub fn precondition(mut self, subject: &str, description: &str) -> Self {
        self.details.add_precondition_failure_violation(self.reason, subject, description);
        self
    }

    /// Trying again after `delay` can help.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.details.set_retry_info(Some(delay));
        self
    }

    /// The status, signed with the service's `domain`, e.g. `registry.lineal`.
    pub fn status(mut self, domain: &str) -> Status {
        self.details.set_error_info(self.reason, domain, self.metadata);
        Status::with_error_details(self.code, self.message, self.details)
    }
}

/// The stable reason of a status that a Lineal service sent.
pub fn reason_of(status: &Status) -> Option<String> {
    status.get_details_error_info().map(|info| info.reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_carries_reason_and_every_bad_field() {
        let errors = FieldErrors(vec![
            FieldError::new("model", "a model name is required"),
            FieldError::new("number", "too small"),
        ]);
        let status = Problem::invalid(&errors).status("registry.lineal");
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(reason_of(&status).as_deref(), Some("INVALID_FIELD"));
        let fields: Vec<_> = status
            .get_details_bad_request()
            .map(|bad| bad.field_violations.into_iter().map(|violation| violation.field).collect())
            .unwrap_or_default();
        assert_eq!(fields, ["model", "number"]);
    }
}
