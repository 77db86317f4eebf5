//! Hyperparameters in contracts: JSON values.

use lineal_models::Value;
use pbjson_types::value::Kind;

/// The largest number up to which doubles are exact integers.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Whole numbers come as doubles; what is no single value becomes NaN, which no hyperparameter takes.
pub(crate) fn given(value: pbjson_types::Value) -> Value {
    match value.kind {
        Some(Kind::BoolValue(value)) => Value::Boolean(value),
        Some(Kind::NumberValue(value)) if value.fract() == 0.0 && value.abs() <= EXACT => Value::Integer(value as i64),
        Some(Kind::NumberValue(value)) => Value::Float(value),
        Some(Kind::StringValue(value)) => Value::Text(value),
        Some(Kind::NullValue(_) | Kind::StructValue(_) | Kind::ListValue(_)) | None => Value::Float(f64::NAN),
    }
}

/// A value as JSON.
pub(crate) fn value(value: &Value) -> pbjson_types::Value {
    let kind = match value {
        Value::Boolean(value) => Kind::BoolValue(*value),
        Value::Integer(value) => Kind::NumberValue(*value as f64),
        Value::Float(value) => Kind::NumberValue(*value),
        Value::Text(value) => Kind::StringValue(value.clone()),
    };
    pbjson_types::Value { kind: Some(kind) }
}
