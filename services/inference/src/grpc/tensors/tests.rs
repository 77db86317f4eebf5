use lineal_models::SignatureColumn;

use super::*;

fn signature() -> Signature {
    let column = |name: &str, datatype| SignatureColumn { name: name.to_owned(), datatype };
    Signature { inputs: vec![column("age", Datatype::Fp64), column("plan", Datatype::Bytes)], outputs: Vec::new() }
}

fn tensor(name: &str, datatype: &str, shape: &[i64]) -> InferInputTensor {
    InferInputTensor {
        name: name.to_owned(),
        datatype: datatype.to_owned(),
        shape: shape.to_vec(),
        ..InferInputTensor::default()
    }
}

/// Two valid rows; tests break them in one way each.
fn raw() -> (Vec<InferInputTensor>, Vec<Bytes>) {
    let inputs = vec![tensor("age", "FP32", &[2]), tensor("plan", "BYTES", &[2, 1])];
    let ages = [41.5_f32, f32::NAN].map(f32::to_le_bytes).concat();
    (inputs, vec![ages.into(), Bytes::from_static(b"\x04\0\0\0gold\0\0\0\0")])
}

fn typed() -> Vec<InferInputTensor> {
    let (mut inputs, _) = raw();
    inputs[0].contents =
        Some(InferTensorContents { fp32_contents: vec![41.5, f32::NAN], ..InferTensorContents::default() });
    inputs[1].contents =
        Some(InferTensorContents { bytes_contents: vec!["gold".into(), "".into()], ..Default::default() });
    inputs
}

fn ages(frame: &Frame) -> &[f64] {
    match frame.column("age") {
        Some(Column::Numbers(values)) => values,
        other => panic!("{other:?}"),
    }
}

#[test]
fn raw_and_typed_tensors_make_the_same_rows() {
    let (inputs, buffers) = raw();
    for frame in [decode(inputs, buffers, &signature()), decode(typed(), Vec::new(), &signature())] {
        let frame = frame.unwrap();
        assert_eq!(ages(&frame)[0].to_bits(), 41.5_f64.to_bits());
        assert!(ages(&frame)[1].is_nan());
        assert_eq!(frame.column("plan"), Some(&Column::Texts(vec![Some("gold".into()), None])));
    }
}

#[test]
fn every_datatype_of_numbers_is_read() {
    let raw: [(&str, Vec<u8>, f64); 13] = [
        ("FP16", 0xbe00_u16.to_le_bytes().into(), -1.5),
        ("BF16", 0xbfc0_u16.to_le_bytes().into(), -1.5),
        ("FP64", (-1.5_f64).to_le_bytes().into(), -1.5),
        ("FP32", (-1.5_f32).to_le_bytes().into(), -1.5),
        ("INT8", (-7_i8).to_le_bytes().into(), -7.0),
        ("INT16", (-700_i16).to_le_bytes().into(), -700.0),
        ("INT32", (-70_000_i32).to_le_bytes().into(), -70_000.0),
        ("INT64", (-5_000_000_000_i64).to_le_bytes().into(), -5e9),
        ("UINT8", 200_u8.to_le_bytes().into(), 200.0),
        ("UINT16", 60_000_u16.to_le_bytes().into(), 60_000.0),
        ("UINT32", 4_000_000_000_u32.to_le_bytes().into(), 4e9),
        ("UINT64", 5_000_000_000_u64.to_le_bytes().into(), 5e9),
        ("BOOL", vec![2], 1.0),
    ];
    for (datatype, bytes, expected) in raw {
        let read = numbers(datatype, 1, Source::Raw(bytes.into())).unwrap();
        assert_eq!(read, Ok(vec![expected]), "raw {datatype}");
    }
    let empty = InferTensorContents::default;
    let typed = [
        ("FP64", InferTensorContents { fp64_contents: vec![3.0], ..empty() }),
        ("FP32", InferTensorContents { fp32_contents: vec![3.0], ..empty() }),
        ("INT8", InferTensorContents { int_contents: vec![3], ..empty() }),
        ("INT64", InferTensorContents { int64_contents: vec![3], ..empty() }),
        ("UINT16", InferTensorContents { uint_contents: vec![3], ..empty() }),
        ("UINT64", InferTensorContents { uint64_contents: vec![3], ..empty() }),
    ];
    for (datatype, contents) in typed {
        assert_eq!(numbers(datatype, 1, Source::Typed(contents)).unwrap(), Ok(vec![3.0]), "typed {datatype}");
    }
    for datatype in ["", "BYTES", "fp64", "INT128"] {
        assert!(numbers(datatype, 1, Source::Raw(Bytes::new())).is_none(), "{datatype}");
    }
}

/// What is said of two valid raw rows after `change`.
fn refusal(change: impl FnOnce(&mut Vec<InferInputTensor>, &mut Vec<Bytes>)) -> Vec<String> {
    let (mut inputs, mut buffers) = raw();
    change(&mut inputs, &mut buffers);
    let errors = decode(inputs, buffers, &signature()).unwrap_err();
    errors.0.iter().map(ToString::to_string).collect()
}

#[test]
fn hostile_shapes_are_refused_at_their_path() {
    let shapes: [(&[i64], &str); 6] = [
        (&[-1], "inputs[0].shape: expected n of 0 or more, found -1"),
        (&[i64::MIN, 1], "inputs[0].shape: expected n of 0 or more"),
        (&[i64::MAX, i64::MAX], "inputs[0].shape: expected [n] or [n, 1]"),
        (&[], "inputs[0].shape: expected [n] or [n, 1]"),
        (&[2, 1, 1], "inputs[0].shape: expected [n] or [n, 1]"),
        (&[i64::MAX], "raw_input_contents[0]: expected 9223372036854775807 values of 4 bytes, found 8 bytes"),
    ];
    for (shape, expected) in shapes {
        let said = refusal(|inputs, _| inputs[0].shape = shape.to_vec());
        assert!(said[0].starts_with(expected), "{shape:?}: {said:?}");
    }
}

#[test]
fn hostile_buffers_are_refused_at_their_path() {
    let buffers: [(usize, &[u8], &str); 8] = [
        (0, b"", "raw_input_contents[0]: expected 2 values of 4 bytes, found 0 bytes"),
        (0, &[0; 9], "raw_input_contents[0]: expected 2 values of 4 bytes, found 9 bytes"),
        (1, b"", "raw_input_contents[1]: expected 2 elements behind their lengths, found 0"),
        (1, b"\x04\0\0\0gold", "raw_input_contents[1]: expected 2 elements behind their lengths, found 1"),
        (1, b"\x04\0\0\0gold\xff\xff\xff\xffx", "raw_input_contents[1]: expected 2 elements behind their lengths, the"),
        (1, b"\x04\0\0\0gold\0\0\0\0\0", "raw_input_contents[1]: expected 2 elements"),
        (1, &[0; 12], "raw_input_contents[1]: expected 2 elements behind their lengths, the one in row 2"),
        (1, b"\x01\0\0\0\xff\0\0\0\0", "raw_input_contents[1]: the text in row 0 is not UTF-8"),
    ];
    for (at, bytes, expected) in buffers {
        let said = refusal(|_, buffers| buffers[at] = Bytes::copy_from_slice(bytes));
        assert!(said[0].starts_with(expected), "{bytes:?}: {said:?}");
    }
    let said = refusal(|_, buffers| drop(buffers.pop()));
    assert_eq!(said, ["raw_input_contents: expected one buffer for each of the 2 inputs or none, found 1"]);
    let said = refusal(|inputs, _| inputs[0].contents = typed()[0].contents.take());
    assert_eq!(said, ["inputs[0].contents: expected none beside raw_input_contents"]);
}

#[test]
fn empty_contents_beside_raw_ones_are_none() {
    let (mut inputs, buffers) = raw();
    inputs[0].contents = Some(InferTensorContents::default());
    assert!(decode(inputs, buffers, &signature()).is_ok());
}

#[test]
fn all_wrong_tensors_are_named_at_once() {
    // F21
    let said = refusal(|inputs, _| {
        inputs[0].datatype = "BYTES".into();
        inputs[1].datatype = "FP64".into();
    });
    assert_eq!(
        said,
        [
            "inputs[0].datatype: expected FP64, FP32, FP16, BF16, INT8 to INT64, UINT8 to UINT64 or BOOL",
            "inputs[1].datatype: expected BYTES",
        ]
    );
    let said = refusal(|inputs, buffers| {
        inputs.clear();
        buffers.clear();
    });
    assert_eq!(said, ["inputs: missing columns: `age`, `plan`"]);
    let said = refusal(|inputs, buffers| {
        inputs.push(inputs[0].clone());
        buffers.push(buffers[0].clone());
    });
    assert_eq!(said, ["inputs[2].name: column `age` is given twice"]);
}

#[test]
fn rows_are_counted_the_same_in_every_tensor_and_within_limits() {
    let mut inputs = typed();
    inputs[1].shape = vec![1];
    inputs[1].contents.as_mut().unwrap().bytes_contents.pop();
    let said = decode(inputs, Vec::new(), &signature()).unwrap_err().to_string();
    assert!(said.starts_with("inputs[1].shape: column `plan` has 1 values, expected 2"), "{said}");

    let mut inputs = typed();
    inputs[0].contents.as_mut().unwrap().fp32_contents.pop();
    let said = decode(inputs, Vec::new(), &signature()).unwrap_err().to_string();
    assert_eq!(said, "inputs[0].contents: expected 2 values in fp32_contents, found 1");

    for rows in [0, 65_537] {
        let mut inputs = typed();
        for input in &mut inputs {
            input.shape = vec![rows as i64];
        }
        inputs[0].contents.as_mut().unwrap().fp32_contents = vec![1.0; rows];
        inputs[1].contents.as_mut().unwrap().bytes_contents = vec![Bytes::new(); rows];
        let said = decode(inputs, Vec::new(), &signature()).unwrap_err().to_string();
        assert_eq!(said, format!("inputs: expected 1 to 65536 rows, found {rows}"));
    }
}

#[test]
fn tensors_that_nobody_asked_for_are_ignored() {
    let (mut inputs, mut buffers) = raw();
    inputs.insert(0, tensor("extra", "nonsense", &[-1]));
    buffers.insert(0, Bytes::from_static(b"?"));
    assert_eq!(decode(inputs, buffers, &signature()).unwrap().rows(), 2);
}
