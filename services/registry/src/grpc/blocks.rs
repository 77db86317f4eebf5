//! Blocks of versions, and JSON as the wire has it.

use lineal_kernel::{FieldError, FieldErrors};
use lineal_proto::{
    lineal::registry::v1 as pb,
    pbjson_types::{ListValue, Struct, Value as Any, value::Kind},
};
use lineal_rpc::caller_of;
use serde_json::{Map, Number, Value};
use tonic::{Request, Response, Status};

use super::{
    Grpc,
    fields::{self, checked},
    status::{bad_request, from_error},
};
use crate::domain::block::{BlockStage, Blocks, RecordBlock};

const MAX_BYTES: usize = 64 * 1024;
const MAX_DEPTH: usize = 16;

#[tonic::async_trait]
impl pb::block_service_server::BlockService for Grpc {
    async fn record_block(
        &self,
        request: Request<pb::RecordBlockRequest>,
    ) -> Result<Response<pb::RecordBlockResponse>, Status> {
        let caller = caller_of(&request);
        let wish = record_block(request.into_inner()).map_err(bad_request)?;
        let blocks = self.0.record_block(&caller, wish).await.map_err(from_error)?;
        Ok(Response::new(pb::RecordBlockResponse { blocks: Some(convert(blocks)) }))
    }
}

fn record_block(message: pb::RecordBlockRequest) -> Result<RecordBlock, FieldErrors> {
    checked!({
        model: fields::model(&message.model),
        number: fields::number(message.number, "number"),
        stage: stage(message.stage),
        body: fields::required(message.body, "body").and_then(body),
        request_id: fields::request_id(&message.request_id),
    } => RecordBlock { model, number, stage, body, request_id })
}

fn stage(stage: i32) -> Result<BlockStage, FieldError> {
    match pb::BlockStage::try_from(stage) {
        Ok(pb::BlockStage::Performance) => Ok(BlockStage::Performance),
        Ok(pb::BlockStage::Drift) => Ok(BlockStage::Drift),
        _ => Err(FieldError::new("stage", "is PERFORMANCE or DRIFT; the registry writes the others itself")),
    }
}

fn body(body: Struct) -> Result<Map<String, Value>, FieldErrors> {
    let object = object(body, "body", 1)?;
    let bytes = serde_json::to_string(&object).map_or(usize::MAX, |text| text.len());
    if bytes > MAX_BYTES {
        return Err(FieldError::new("body", format!("{bytes} bytes as JSON, at most {MAX_BYTES}")).into());
    }
    Ok(object)
}

fn object(object: Struct, path: &str, depth: usize) -> Result<Map<String, Value>, FieldError> {
    if depth > MAX_DEPTH {
        return Err(FieldError::new(path, format!("at most {MAX_DEPTH} levels deep")));
    }
    let fields = object.fields.into_iter().map(|(key, any)| {
        let value = value(any, &format!("{path}.{key}"), depth)?;
        Ok((key, value))
    });
    fields.collect()
}

fn value(any: Any, path: &str, depth: usize) -> Result<Value, FieldError> {
    Ok(match any.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(flag)) => Value::Bool(flag),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::NumberValue(number)) => {
            let finite = Number::from_f64(number).map(Value::Number);
            finite.ok_or_else(|| FieldError::new(path, format!("{number} is not a finite number")))?
        }
        Some(Kind::StructValue(inner)) => Value::Object(object(inner, path, depth + 1)?),
        Some(Kind::ListValue(_)) if depth >= MAX_DEPTH => {
            return Err(FieldError::new(path, format!("at most {MAX_DEPTH} levels deep")));
        }
        Some(Kind::ListValue(list)) => {
            let items = list.values.into_iter().enumerate();
            Value::Array(
                items.map(|(i, item)| value(item, &format!("{path}[{i}]"), depth + 1)).collect::<Result<_, _>>()?,
            )
        }
    })
}

pub(super) fn convert(mut blocks: Blocks) -> pb::Blocks {
    let mut block = |stage| blocks.remove(&stage).map(struct_of);
    pb::Blocks {
        training: block(BlockStage::Training),
        validation: block(BlockStage::Validation),
        performance: block(BlockStage::Performance),
        drift: block(BlockStage::Drift),
        rollback: block(BlockStage::Rollback),
    }
}

fn struct_of(object: Map<String, Value>) -> Struct {
    Struct { fields: object.into_iter().map(|(key, value)| (key, any(value))).collect() }
}

fn any(value: Value) -> Any {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(flag) => Kind::BoolValue(flag),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::StringValue(text),
        Value::Array(items) => Kind::ListValue(ListValue { values: items.into_iter().map(any).collect() }),
        Value::Object(object) => Kind::StructValue(struct_of(object)),
    };
    Any { kind: Some(kind) }
}
