//! Metadata on the wire: a `google.protobuf.Struct`, which is a JSON object.

use lineal_kernel::FieldError;
use lineal_proto::pbjson_types::{ListValue, Struct, Value, value::Kind};
use serde_json::{Map, Number, Value as Json};

use crate::domain::metadata::Metadata;

pub(super) fn read(given: Struct) -> Result<Metadata, FieldError> {
    let object = object(given, "metadata")?;
    Metadata::new(object).map_err(|error| error.under("metadata"))
}

pub(super) fn write(metadata: &Metadata) -> Struct {
    let fields = metadata.object().iter().map(|(key, value)| (key.clone(), value_of(value)));
    Struct { fields: fields.collect() }
}

fn object(given: Struct, path: &str) -> Result<Map<String, Json>, FieldError> {
    let member = |(key, value): (String, Value)| {
        let path = format!("{path}.{key}");
        Ok((key, json(value, &path)?))
    };
    given.fields.into_iter().map(member).collect()
}

fn json(value: Value, path: &str) -> Result<Json, FieldError> {
    Ok(match value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(flag)) => Json::Bool(flag),
        Some(Kind::StringValue(text)) => Json::String(text),
        Some(Kind::NumberValue(number)) => {
            let finite = Number::from_f64(number);
            finite.map(Json::Number).ok_or_else(|| FieldError::new(path, format!("{number} is not a finite number")))?
        }
        Some(Kind::ListValue(list)) => {
            list.values.into_iter().map(|value| json(value, path)).collect::<Result<Vec<_>, _>>()?.into()
        }
        Some(Kind::StructValue(members)) => object(members, path)?.into(),
    })
}

fn value_of(json: &Json) -> Value {
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(flag) => Kind::BoolValue(*flag),
        Json::String(text) => Kind::StringValue(text.clone()),
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Json::Array(members) => Kind::ListValue(ListValue { values: members.iter().map(value_of).collect() }),
        Json::Object(members) => {
            let fields = members.iter().map(|(key, value)| (key.clone(), value_of(value)));
            Kind::StructValue(Struct { fields: fields.collect() })
        }
    };
    Value { kind: Some(kind) }
}
