//! Whatever is sent, the answer is a frame or a typed refusal, and never a panic.

use std::collections::BTreeMap;

use lineal_models::SignatureColumn;
use lineal_proto::inference::{InferParameter, ModelInferRequest};
use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::grpc::columns::MAX_ROWS;

fn signature() -> Signature {
    let column = |name: &str, datatype| SignatureColumn { name: name.to_owned(), datatype };
    Signature { inputs: vec![column("age", Datatype::Fp64), column("plan", Datatype::Bytes)], outputs: Vec::new() }
}

/// What happens to be right often enough to get past the first checks.
fn tensor() -> impl Strategy<Value = InferInputTensor> {
    let name = prop_oneof![4 => Just("age".to_owned()), 4 => Just("plan".to_owned()), 1 => ".{0,8}"];
    let datatype = prop::sample::select(vec![
        "FP64", "FP32", "FP16", "BF16", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64",
        "BOOL", "BYTES", "fp64", "",
    ]);
    let dimension = prop_oneof![6 => 0..4_i64, 1 => any::<i64>(), 1 => Just(i64::MAX), 1 => Just(-1)];
    let shape = prop::collection::vec(dimension, 0..4);
    let parameters = prop::option::weighted(0.1, prop::sample::select(vec!["shared_memory_region", "x"]));
    (name, datatype, shape, prop::option::of(contents()), parameters).prop_map(
        |(name, datatype, shape, contents, parameter)| InferInputTensor {
            name,
            datatype: datatype.to_owned(),
            shape,
            contents,
            parameters: parameter
                .map(|name| (name.to_owned(), InferParameter::default()))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
        },
    )
}

fn contents() -> impl Strategy<Value = InferTensorContents> {
    let few = 0..4_usize;
    (
        prop::collection::vec(any::<f64>(), few.clone()),
        prop::collection::vec(any::<f32>(), few.clone()),
        prop::collection::vec(any::<i32>(), few.clone()),
        prop::collection::vec(any::<u64>(), few.clone()),
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6).prop_map(Bytes::from), few),
    )
        .prop_map(|(fp64_contents, fp32_contents, int_contents, uint64_contents, bytes_contents)| {
            InferTensorContents {
                fp64_contents,
                fp32_contents,
                int_contents,
                uint64_contents,
                bytes_contents,
                ..InferTensorContents::default()
            }
        })
}

/// A buffer whose lengths are right now and then.
fn buffer() -> impl Strategy<Value = Bytes> {
    let elements = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4), 0..4);
    let whole = elements.prop_map(|elements| {
        elements
            .iter()
            .flat_map(|element| [&(element.len() as u32).to_le_bytes()[..], element].concat())
            .collect::<Vec<_>>()
    });
    prop_oneof![whole, prop::collection::vec(any::<u8>(), 0..40)].prop_map(Bytes::from)
}

fn check(inputs: Vec<InferInputTensor>, raw: Vec<Bytes>) {
    match decode(inputs, raw, &signature()) {
        Ok(frame) => assert!((1..=MAX_ROWS).contains(&frame.rows()) && frame.names().count() == 2),
        Err(errors) => assert!(!errors.0.is_empty() && errors.0.iter().all(|error| !error.path.is_empty())),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tensors_are_read_or_refused(
        inputs in prop::collection::vec(tensor(), 0..4),
        raw in prop::collection::vec(buffer(), 0..4),
    ) {
        check(inputs, raw);
    }

    #[test]
    fn tensors_in_order_are_read_or_refused(age in tensor(), plan in tensor(), raw in prop::option::of([buffer(), buffer()])) {
        let inputs = vec![InferInputTensor { name: "age".into(), ..age }, InferInputTensor { name: "plan".into(), ..plan }];
        check(inputs, raw.map(Vec::from).unwrap_or_default());
    }

    #[test]
    fn any_bytes_are_a_request_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(request) = ModelInferRequest::decode(bytes.as_slice()) {
            check(request.inputs, request.raw_input_contents);
        }
    }
}
