//! What can go wrong, the exit code it means, and what to type next.

use std::{fmt::Write as _, io, process::ExitCode};

use lineal_rpc::{AddressError, reason_of};
use lineal_signing::Refusal;
use serde::Serialize;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::{hints, output::printable};
use crate::config::ConfigError;

/// How a command ended, as scripts see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Exit {
    /// Done.
    Done = 0,
    /// It failed in a way that has no code of its own.
    Failed = 1,
    /// The command line or a value in it is wrong.
    Usage = 2,
    /// A gate, a replica or the present state said no.
    Refused = 4,
    /// What was named does not exist.
    NotFound = 5,
    /// Somebody else was faster, or the name is taken.
    Conflict = 6,
    /// The service does not answer.
    Unavailable = 7,
}

impl Exit {
    /// The exit code of a call that ended with `code`.
    pub(super) fn of(code: Code) -> Self {
        match code {
            Code::Ok => Self::Done,
            Code::InvalidArgument => Self::Usage,
            Code::FailedPrecondition => Self::Refused,
            Code::NotFound => Self::NotFound,
            Code::Aborted | Code::AlreadyExists => Self::Conflict,
            Code::Unavailable | Code::DeadlineExceeded => Self::Unavailable,
            Code::Cancelled
            | Code::Unknown
            | Code::PermissionDenied
            | Code::ResourceExhausted
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::Internal
            | Code::DataLoss
            | Code::Unauthenticated => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// The command line asks for something that cannot be.
    #[error("{problem}")]
    Usage {
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A file cannot be read.
    #[error("cannot read `{path}`: {source}")]
    File {
        /// As given on the command line.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// An address flag is not an address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A service said no, or nothing.
    #[error("{}", said(.0))]
    Call(Box<FailedCall>),
    /// A service answered with less than its contract promises.
    #[error("the {service}'s answer has no {part}")]
    Incomplete {
        /// Whose answer.
        service: &'static str,
        /// What is missing.
        part: &'static str,
    },
    /// A training job ended without a version.
    #[error("job {job_id} {state}: {reason}")]
    Job {
        /// The job.
        job_id: String,
        /// "failed" or "cancelled".
        state: String,
        /// As the trainer recorded it.
        reason: String,
    },
    /// The user stopped watching; the job did not notice.
    #[error("stopped watching; job {job_id} goes on")]
    Interrupted {
        /// The job.
        job_id: String,
    },
    /// A run of a pipeline ended without all its results.
    #[error("run {run_id} {state}")]
    Run {
        /// The run.
        run_id: String,
        /// "failed" or "cancelled".
        state: String,
    },
    /// The user stopped watching; the run did not notice.
    #[error("stopped watching; run {run_id} goes on")]
    LeftRun {
        /// The run.
        run_id: String,
    },
    /// A process that should serve cannot.
    #[error("{0:#}")]
    Server(anyhow::Error),
    /// No key that was named signed a bundle.
    #[error("{bundle} is refused: {refusal}")]
    Untrusted {
        /// The version or folder.
        bundle: String,
        /// Why.
        refusal: Refusal,
    },
    /// The answer cannot be written.
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
    /// The answer cannot be written as JSON.
    #[error("cannot write the answer as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// One call that failed, and what it was about.
#[derive(Debug)]
pub(super) struct FailedCall {
    /// The service that was called, e.g. `registry`.
    pub(super) service: &'static str,
    /// Where it was looked for.
    pub(super) address: String,
    /// What came back.
    pub(super) status: Status,
    /// The model it was about, if it was about one.
    pub(super) model: Option<String>,
    /// The version it was about, if it was about one.
    pub(super) version: Option<String>,
    /// The key that makes it safe to send the same change again.
    pub(super) request_id: Option<String>,
}

impl CliError {
    /// The command line is wrong.
    pub(super) fn usage(problem: impl Into<String>) -> Self {
        Self::Usage { problem: problem.into() }
    }

    /// Adds the version (or only the model, with an empty `version`) that the call was about, so that the next step can
    /// name it.
    #[must_use]
    pub(super) fn about(mut self, model: &str, version: impl ToString) -> Self {
        if let Self::Call(call) = &mut self {
            call.model = Some(model.to_owned());
            call.version = Some(version.to_string()).filter(|version| !version.is_empty());
        }
        self
    }

    /// Adds the key of the change that was asked for.
    #[must_use]
    pub(super) fn of_request(mut self, request_id: &str) -> Self {
        if let Self::Call(call) = &mut self {
            call.request_id = Some(request_id.to_owned());
        }
        self
    }

    /// The exit code it means.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Usage { .. } | Self::File { .. } | Self::Address(_) => Exit::Usage,
            Self::Untrusted { .. } => Exit::Refused,
            Self::Call(call) => Exit::of(call.status.code()),
            Self::Server(error) if error.is::<ConfigError>() => Exit::Usage,
            Self::Incomplete { .. }
            | Self::Job { .. }
            | Self::Interrupted { .. }
            | Self::Run { .. }
            | Self::LeftRun { .. }
            | Self::Server(_)
            | Self::Output(_)
            | Self::Json(_) => Exit::Failed,
        }
    }

    /// For people: what happened, every bad field, and what to type next.
    pub(super) fn text(&self) -> String {
        let account = self.account();
        // Nothing is said twice: many fields are a list, a single one is a sentence.
        let many = account.fields.len() > 1 && account.reason.as_deref() == Some("INVALID_FIELD");
        let headline = if many { format!("{} values are wrong", account.fields.len()) } else { account.error.clone() };
        let mut text = format!("error: {}\n", printable(&headline));
        for field in account.fields.iter().filter(|field| !headline.contains(&field.problem)) {
            let _ = writeln!(text, "  {}: {}", printable(&field.field), printable(&field.problem));
        }
        if let Some(next) = &account.next {
            let _ = writeln!(text, "next: {}", printable(next));
        }
        text
    }

    /// For programs: the same as one JSON object.
    pub(super) fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&self.account())
    }

    fn account(&self) -> Account {
        let call = if let Self::Call(call) = self { Some(call) } else { None };
        Account {
            error: self.to_string(),
            reason: call.and_then(|call| reason_of(&call.status)),
            fields: call.map(|call| fields(&call.status)).unwrap_or_default(),
            next: hints::next(self),
            exit: self.exit() as u8,
        }
    }
}

#[derive(Serialize)]
struct Account {
    error: String,
    reason: Option<String>,
    fields: Vec<Field>,
    next: Option<String>,
    exit: u8,
}

#[derive(Serialize)]
struct Field {
    field: String,
    problem: String,
}

/// A status without a reason of ours never reached a service: the transport made it.
fn said(call: &FailedCall) -> String {
    let FailedCall { service, address, status, .. } = call;
    match (Exit::of(status.code()), reason_of(status)) {
        (Exit::Unavailable, None) => format!("the {service} at {address} does not answer: {}", cause(status)),
        (Exit::Unavailable, Some(_)) => format!("the {service} at {address} is not available: {}", status.message()),
        _ if status.message().is_empty() => format!("the {service} at {address} answered {:?}", status.code()),
        _ => status.message().to_owned(),
    }
}

/// The innermost cause that the transport knows, e.g. "Connection refused".
fn cause(status: &Status) -> String {
    let mut cause: &dyn std::error::Error = status;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if cause.is::<Status>() { status.message().to_owned() } else { cause.to_string() }
}

fn fields(status: &Status) -> Vec<Field> {
    let bad = status.get_details_bad_request().map(|details| details.field_violations).unwrap_or_default();
    let unmet = status.get_details_precondition_failure().map(|details| details.violations).unwrap_or_default();
    let bad = bad.into_iter().map(|violation| (violation.field, violation.description));
    let unmet = unmet.into_iter().map(|violation| (violation.subject, violation.description));
    bad.chain(unmet).map(|(field, problem)| Field { field, problem }).collect()
}

#[cfg(test)]
mod tests {
    use lineal_kernel::{FieldError, FieldErrors};
    use lineal_rpc::Problem;

    use super::*;

    fn failed(status: Status) -> CliError {
        CliError::Call(Box::new(FailedCall {
            service: "registry",
            address: "http://127.0.0.1:7400".to_owned(),
            status,
            model: None,
            version: None,
            request_id: None,
        }))
    }

    #[test]
    fn every_code_has_its_exit_code() {
        let expected = [
            (Code::Ok, 0),
            (Code::Cancelled, 1),
            (Code::Unknown, 1),
            (Code::InvalidArgument, 2),
            (Code::DeadlineExceeded, 7),
            (Code::NotFound, 5),
            (Code::AlreadyExists, 6),
            (Code::PermissionDenied, 1),
            (Code::ResourceExhausted, 1),
            (Code::FailedPrecondition, 4),
            (Code::Aborted, 6),
            (Code::OutOfRange, 1),
            (Code::Unimplemented, 1),
            (Code::Internal, 1),
            (Code::Unavailable, 7),
            (Code::DataLoss, 1),
            (Code::Unauthenticated, 1),
        ];
        assert_eq!(expected.len(), 17, "gRPC has 17 codes");
        for (code, exit) in expected {
            assert_eq!(Exit::of(code) as u8, exit, "{code:?}");
            assert_eq!(failed(Status::new(code, "")).exit() as u8, exit, "{code:?}");
        }
    }

    #[test]
    fn bad_fields_are_listed_one_a_line() {
        let errors = FieldErrors(vec![
            FieldError::new("spec.family", "unknown family `forest`"),
            FieldError::new("spec.model", "a model name is required"),
        ]);
        let text = failed(Problem::invalid(&errors).status("trainer.lineal")).text();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "error: 2 values are wrong");
        assert_eq!(lines[1], "  spec.family: unknown family `forest`");
        assert_eq!(lines[2], "  spec.model: a model name is required");
        let one = FieldErrors(vec![FieldError::new("spec.family", "unknown family `forest`")]);
        let text = failed(Problem::invalid(&one).status("trainer.lineal")).text();
        assert_eq!(text, "error: spec.family: unknown family `forest`\n");
    }

    #[test]
    fn gates_that_did_not_pass_are_listed_like_bad_fields() {
        let problem =
            Problem::new(Code::FailedPrecondition, "GATE_NOT_PASSED", "version 3 did not pass its validation")
                .precondition("auc floor", "0.7100 is below 0.7500");
        let text = failed(problem.status("registry.lineal")).about("churn", 3).text();
        let expected = "error: version 3 did not pass its validation\n  \
                        auc floor: 0.7100 is below 0.7500\n\
                        next: lineal explain churn/3\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_program_gets_the_same_as_one_object() {
        let status =
            Problem::new(Code::NotFound, "VERSION_NOT_FOUND", "churn has no version 9").status("registry.lineal");
        let json = failed(status).about("churn", 9).json().unwrap();
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            value,
            serde_json::json!({
                "error": "churn has no version 9",
                "reason": "VERSION_NOT_FOUND",
                "fields": [],
                "next": "lineal versions churn",
                "exit": 5
            })
        );
    }

    #[test]
    fn an_error_cannot_write_to_the_terminal() {
        let text = failed(Status::not_found("no \u{1b}[31mred\n here")).text();
        assert_eq!(text, "error: no  [31mred  here\n");
    }
}
