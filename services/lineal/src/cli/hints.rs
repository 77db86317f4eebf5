//! What to type next after an error.

use lineal_rpc::reason_of;
use tonic::Code;

use super::error::{CliError, Exit, FailedCall};

/// The next step after `error`, if there is an obvious one.
pub(super) fn next(error: &CliError) -> Option<String> {
    match error {
        CliError::Address(_) => Some("give an address like --address http://127.0.0.1:7400".to_owned()),
        CliError::Call(call) => after_call(call),
        CliError::Job { job_id, .. } => Some(format!("lineal jobs show {job_id}")),
        CliError::Interrupted { job_id } => {
            Some(format!("lineal jobs watch {job_id}   (or: lineal jobs cancel {job_id})"))
        }
        CliError::Run { run_id, .. } => Some(format!("lineal pipeline resume {run_id}")),
        CliError::LeftRun { run_id } => {
            Some(format!("lineal pipeline watch {run_id}   (or: lineal pipeline cancel {run_id})"))
        }
        CliError::Usage { .. }
        | CliError::File { .. }
        | CliError::Untrusted { .. }
        | CliError::Incomplete { .. }
        | CliError::Server(_)
        | CliError::Output(_)
        | CliError::Json(_) => None,
    }
}

fn after_call(call: &FailedCall) -> Option<String> {
    let model = call.model.as_deref().unwrap_or("MODEL");
    let version = call.version.as_deref().unwrap_or("VERSION");
    let reason = reason_of(&call.status);
    let next = match reason.as_deref() {
        Some("MODEL_NOT_FOUND") => "lineal models".to_owned(),
        Some("VERSION_NOT_FOUND" | "NO_ROLLBACK_CANDIDATE" | "NEVER_CHAMPION" | "ALREADY_CHAMPION") => {
            format!("lineal versions {model}")
        }
        Some("ALIAS_NOT_FOUND" | "TRAFFIC_EXCEEDED") => format!("lineal aliases {model}"),
        Some("ALIAS_RESERVED" | "CARD_NOT_FOUND") => format!("lineal promote {model} {version}"),
        Some("VALIDATION_REQUIRED" | "CHAMPION_MOVED") => format!("lineal validate {model} {version}"),
        Some("GATE_NOT_PASSED" | "RUN_TAINTED" | "VERSION_SAMPLED" | "VERDICT_CHANGED" | "NOT_REPRODUCIBLE") => {
            format!("lineal explain {model}/{version}")
        }
        Some("REPLICA_REFUSED" | "MODEL_NOT_SERVED" | "VERSION_NOT_SERVED") => "lineal status".to_owned(),
        Some("PROMOTION_NOT_FOUND" | "PROMOTION_CANCELLED") => "lineal promotions".to_owned(),
        Some("DATA_CHECK_FAILED") => "lineal data describe REPORT".to_owned(),
        Some("SOURCE_NOT_FOUND" | "SOURCE_REFUSED") => "lineal data sources".to_owned(),
        Some("SPLIT_NOT_FOUND") => "lineal split list DATASET".to_owned(),
        Some("FEATURE_SET_NOT_FOUND") => format!("lineal features list {model}"),
        Some("SETTINGS_NOT_FOUND") => "lineal settings apply FILE".to_owned(),
        Some("SETTINGS_UNUSABLE") => format!("lineal settings show {model}"),
        Some("JOB_NOT_FOUND") => "lineal jobs".to_owned(),
        Some("PIPELINE_NOT_FOUND") => "lineal pipeline list".to_owned(),
        Some("PIPELINE_RUN_NOT_FOUND" | "PIPELINE_BUSY") => "lineal pipeline runs".to_owned(),
        None if Exit::of(call.status.code()) == Exit::Unavailable => unreachable(call),
        _ => return unknown_outcome(call),
    };
    Some(next)
}

fn unreachable(call: &FailedCall) -> String {
    let again = call.request_id.as_ref().map(|id| format!("; send the same change again with --request-id {id}"));
    format!("lineal dev   (or --address of a running one{})", again.unwrap_or_default())
}

/// Only these codes leave open whether the change was made.
fn unknown_outcome(call: &FailedCall) -> Option<String> {
    let open =
        matches!(call.status.code(), Code::Unavailable | Code::DeadlineExceeded | Code::Unknown | Code::Cancelled);
    let id = call.request_id.as_ref().filter(|_| open)?;
    Some(format!("send the same change again with --request-id {id}: it is made once, however often it is sent"))
}

#[cfg(test)]
mod tests {
    use lineal_rpc::Problem;
    use tonic::Status;

    use super::*;

    fn after(status: Status) -> Option<String> {
        let call = FailedCall {
            service: "registry",
            address: "http://127.0.0.1:7400".to_owned(),
            status,
            model: None,
            version: None,
            request_id: None,
        };
        next(&CliError::Call(Box::new(call)).about("churn", 3).of_request("key-1"))
    }

    #[test]
    fn a_refusal_leads_to_what_mends_it() {
        let refused = |reason| after(Problem::new(Code::FailedPrecondition, reason, "").status("registry.lineal"));
        assert_eq!(refused("VALIDATION_REQUIRED").as_deref(), Some("lineal validate churn 3"));
        assert_eq!(refused("GATE_NOT_PASSED").as_deref(), Some("lineal explain churn/3"));
        assert_eq!(refused("REPLICA_REFUSED").as_deref(), Some("lineal status"));
        assert_eq!(refused("SOMETHING_NEW"), None);
    }

    #[test]
    fn a_change_of_unknown_outcome_can_be_sent_again() {
        for status in [Status::unavailable("broken pipe"), Status::deadline_exceeded(""), Status::unknown("reset")] {
            let code = status.code();
            let next = after(status).unwrap_or_default();
            assert!(next.contains("--request-id key-1"), "{code:?}: {next}");
        }
        assert_eq!(after(Status::internal("")), None);
    }
}
