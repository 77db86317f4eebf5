//! Verdicts on versions.

use lineal_kernel::{FieldError, FieldErrors, RequestId, Slot};
use lineal_proto::lineal::registry::v1 as pb;
use lineal_rpc::timestamp;

use super::{
    fields::{self, checked},
    versions::present,
};
use crate::domain::validation::{Gate, RecordValidation, Validation};

/// More gates than this judge nothing any more.
const MAX_GATES: usize = 1000;

pub(super) fn record(message: pb::RecordValidationRequest) -> Result<RecordValidation, FieldErrors> {
    // The report's own id is a key as good as any.
    let report_id = message.validation.as_ref().and_then(|record| RequestId::new(&record.report_id).ok());
    let key = report_id.filter(|_| message.request_id.is_empty());
    checked!({
        model: fields::model(&message.model),
        number: fields::number(message.number, "number"),
        request_id: key.map_or_else(|| fields::request_id(&message.request_id), Ok),
        validation: fields::required(message.validation, "validation").and_then(validation),
    } => RecordValidation { model, number, validation, request_id })
}

fn validation(record: pb::Validation) -> Result<Validation, FieldErrors> {
    checked!({
        report_id: RequestId::new(&record.report_id)
            .map_err(|error| error.under("validation.report_id")),
        reference_digest: fields::digest(&record.reference_digest, "validation.reference_digest"),
        metrics: fields::metrics(record.metrics, "validation.metrics"),
        failures: failures(record.passed, record.failures),
        gates: gates(record.passed, record.gates),
        slot: fields::slot(record.slot).map_err(|error| error.under("validation")),
    } => Validation {
        report_id: report_id.as_str().to_owned(),
        passed: record.passed,
        champion_number: record.champion_number,
        reference_digest,
        metrics,
        failures,
        gates,
        slot: slot.to_string(),
        created: None,
    })
}

/// A verdict says why it is negative, and only then.
fn failures(passed: bool, failures: Vec<String>) -> Result<Vec<String>, FieldError> {
    if passed == failures.is_empty() {
        return Ok(failures);
    }
    let problem = if passed { "a passed validation has none" } else { "say which gates did not pass" };
    Err(FieldError::new("validation.failures", problem))
}

/// A verdict is that of its gates.
fn gates(passed: bool, gates: Vec<pb::GateResult>) -> Result<Vec<Gate>, FieldErrors> {
    let mut errors = FieldErrors::default();
    if gates.len() > MAX_GATES {
        errors.0.push(FieldError::new("validation.gates", format!("at most {MAX_GATES}")));
    } else if !gates.is_empty() && passed != gates.iter().all(|gate| gate.passed) {
        errors.0.push(FieldError::new("validation.gates", "a validation passed if and only if all its gates did"));
    }
    let known = gates.into_iter().take(MAX_GATES).enumerate().filter_map(|(i, gate)| {
        let path = format!("validation.gates[{i}]");
        let numbers = [("value", gate.value), ("limit", gate.limit)];
        for (field, _) in numbers.iter().filter(|(_, number)| number.is_some_and(|number| !number.is_finite())) {
            errors.0.push(FieldError::new(format!("{path}.{field}"), "is not finite; leave it out"));
        }
        if ![">=", ">", "<=", "<"].contains(&gate.comparison.as_str()) {
            errors.0.push(FieldError::new(format!("{path}.comparison"), "is >=, >, <= or <"));
        }
        let name = errors.check(present(gate.name, &format!("{path}.name")));
        let message = errors.check(fields::text(gate.message, &format!("{path}.message")));
        let (metric, comparison, passed) = (gate.metric, gate.comparison, gate.passed);
        let (value, limit) = (gate.value, gate.limit);
        Some(Gate { name: name?, metric, value, limit, comparison, passed, message: message? })
    });
    let known = known.collect();
    errors.into_result(|| Some(known))
}

pub(super) fn convert(validation: Validation) -> pb::Validation {
    pb::Validation {
        report_id: validation.report_id,
        passed: validation.passed,
        champion_number: validation.champion_number,
        reference_digest: validation.reference_digest.to_string(),
        metrics: validation.metrics,
        failures: validation.failures,
        slot: Slot::parse(&validation.slot).map(|slot| slot.labels().clone()).unwrap_or_default(),
        create_time: validation.created.map(timestamp),
        gates: validation.gates.into_iter().map(gate_out).collect(),
    }
}

fn gate_out(gate: Gate) -> pb::GateResult {
    pb::GateResult {
        name: gate.name,
        metric: gate.metric,
        value: gate.value,
        limit: gate.limit,
        comparison: gate.comparison,
        passed: gate.passed,
        message: gate.message,
    }
}
