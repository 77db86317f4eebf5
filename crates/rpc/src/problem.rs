//! The one shape of errors on the wire: a code, a stable reason, and what helps to go on.

use std::{collections::HashMap, time::Duration};

use lineal_kernel::{FieldError, FieldErrors};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// A status travels in headers, which some clients limit to 8 KiB in all, and says everything three times: as text, and as text and
/// fields in the details.
const BUDGET: usize = 1536;

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

    /// INVALID_ARGUMENT with the bad fields; the first ones if they are very many.
    pub fn invalid(errors: &FieldErrors) -> Self {
        let mut budget = BUDGET;
        let within = errors.0.iter().map(shortened).take_while(|error| {
            let fits = budget > 0;
            budget = budget.saturating_sub(error.path.len() + error.problem.len());
            fits
        });
        let told = FieldErrors(within.collect());
        let rest = errors.0.len() - told.0.len();
        let more = if rest == 0 { String::new() } else { format!("; and {rest} more") };
        let mut problem = Self::new(Code::InvalidArgument, "INVALID_FIELD", format!("{told}{more}"));
        for FieldError { path, problem: text } in &told.0 {
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

fn shortened(error: &FieldError) -> FieldError {
    let short = |text: &str| match text.char_indices().nth(BUDGET) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    };
    FieldError::new(short(&error.path), short(&error.problem))
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

    #[test]
    fn very_many_bad_fields_still_fit_into_a_status() {
        let errors = (0..1000).map(|i| FieldError::new(format!("columns[{i}]"), "wrong ".repeat(1000)));
        let status = Problem::invalid(&FieldErrors(errors.collect())).status("registry.lineal");
        assert!(status.message().ends_with("and 999 more"), "{}", status.message());
        assert!(status.message().len() + status.details().len() < 5 * 1024);
    }
}
