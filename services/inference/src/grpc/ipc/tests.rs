use std::sync::Arc;

use arrow::{
    array::{
        BooleanArray, Decimal128Array, DictionaryArray, Float32Array, Float64Array, Int8Array, Int64Array,
        LargeStringArray, NullArray, StringArray, StringViewArray, TimestampSecondArray, UInt32Array,
    },
    datatypes::{Field, Int8Type, Int32Type, Schema},
    ipc::writer::StreamWriter,
};
use lineal_models::SignatureColumn;
use proptest::prelude::*;

use super::*;

fn signature() -> Signature {
    let column = |name: &str, datatype| SignatureColumn { name: name.to_owned(), datatype };
    Signature { inputs: vec![column("age", Datatype::Fp64), column("plan", Datatype::Bytes)], outputs: Vec::new() }
}

fn stream(columns: &[(&str, ArrayRef)], times: usize) -> Bytes {
    let fields: Vec<_> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = columns.iter().map(|(_, array)| array.clone()).collect();
    let batch = RecordBatch::try_new(schema.clone(), arrays).unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), &schema).unwrap();
    for _ in 0..times {
        writer.write(&batch).unwrap();
    }
    writer.into_inner().unwrap().into()
}

fn plans() -> ArrayRef {
    Arc::new(StringArray::from(vec![Some("gold"), None]))
}

fn ages() -> ArrayRef {
    Arc::new(Float64Array::from(vec![Some(41.5), None]))
}

fn read(age: ArrayRef, plan: ArrayRef) -> Result<Frame, String> {
    decode(stream(&[("age", age), ("plan", plan)], 1), &signature()).map_err(|errors| errors.to_string())
}

#[test]
fn every_type_of_numbers_and_texts_is_read() {
    let decimals = Decimal128Array::from(vec![Some(415), None]).with_precision_and_scale(5, 1).unwrap();
    let numbers: [(ArrayRef, f64); 7] = [
        (ages(), 41.5),
        (Arc::new(Float32Array::from(vec![Some(41.5), None])), 41.5),
        (Arc::new(Int8Array::from(vec![Some(-7), None])), -7.0),
        (Arc::new(Int64Array::from(vec![Some(5_000_000_000), None])), 5e9),
        (Arc::new(UInt32Array::from(vec![Some(7), None])), 7.0),
        (Arc::new(BooleanArray::from(vec![Some(true), None])), 1.0),
        (Arc::new(decimals), 41.5),
    ];
    for (array, expected) in numbers {
        let found = array.data_type().clone();
        let frame = read(array, plans()).unwrap();
        let Some(Column::Numbers(values)) = frame.column("age") else { panic!("{found}") };
        assert!(values[0].to_bits() == expected.to_bits() && values[1].is_nan(), "{found}: {values:?}");
    }
    let texts: [ArrayRef; 4] = [
        plans(),
        Arc::new(LargeStringArray::from(vec![Some("gold"), None])),
        Arc::new(StringViewArray::from(vec![Some("gold"), Some("")])),
        Arc::new(vec![Some("gold"), None].into_iter().collect::<DictionaryArray<Int8Type>>()),
    ];
    for array in texts {
        let found = array.data_type().clone();
        let frame = read(ages(), array).unwrap();
        assert_eq!(frame.column("plan"), Some(&Column::Texts(vec![Some("gold".into()), None])), "{found}");
    }
    let nothing = read(Arc::new(NullArray::new(2)), Arc::new(NullArray::new(2))).unwrap();
    assert_eq!(nothing.column("plan"), Some(&Column::Texts(vec![None, None])));
}

#[test]
fn dictionaries_of_numbers_are_read_and_batches_follow_each_other() {
    let keys = arrow::array::Int32Array::from(vec![Some(1), None]);
    let numbers = DictionaryArray::<Int32Type>::new(keys, Arc::new(Int64Array::from(vec![1, 2])));
    let content = stream(&[("plan", plans()), ("extra", plans()), ("age", Arc::new(numbers))], 2);
    let frame = decode(content, &signature()).unwrap();
    let Some(Column::Numbers(values)) = frame.column("age") else { panic!("{frame:?}") };
    assert_eq!((frame.rows(), values[0], values[2]), (4, 2.0, 2.0));
    assert!(values[1].is_nan());
}

#[test]
fn other_types_and_other_bytes_are_refused_by_name() {
    let times: ArrayRef = Arc::new(TimestampSecondArray::from(vec![1, 2]));
    for (age, plan, expected) in [
        (plans(), plans(), "arrow[0]: expected numbers or booleans, found Utf8"),
        (times.clone(), plans(), "arrow[0]: expected numbers or booleans, found Timestamp(s)"),
        (ages(), ages(), "arrow[1]: expected texts, found Float64"),
    ] {
        assert_eq!(read(age, plan).unwrap_err(), expected);
    }
    let refused = |content: &[u8]| decode(Bytes::copy_from_slice(content), &signature()).unwrap_err().to_string();
    let whole = stream(&[("age", ages()), ("plan", plans())], 1);
    assert!(refused(b"PAR1").starts_with("arrow: expected an Arrow IPC stream: "));
    assert!(refused(&whole[..whole.len() / 2]).starts_with("arrow: expected an Arrow IPC stream: "));
    assert_eq!(refused(&stream(&[("age", ages())], 1)), "arrow: missing columns: `plan`");
    assert_eq!(refused(&stream(&[("age", ages()), ("plan", plans())], 0)), "arrow: expected 1 to 65536 rows, found 0");
    assert!(refused(&stream(&[("age", ages()), ("age", ages()), ("plan", plans())], 1)).contains("given twice"));
}

#[test]
fn few_bytes_cannot_mean_much_memory() {
    let rows = MAX_ROWS + 1;
    let claimed = stream(&[("age", Arc::new(NullArray::new(rows))), ("plan", Arc::new(NullArray::new(rows)))], 1);
    assert!(claimed.len() < 2000);
    let said = decode(claimed, &signature()).unwrap_err().to_string();
    assert!(said.contains("more than 65536 rows"), "{said}");

    let long = "x".repeat(2000);
    let dictionary: DictionaryArray<Int32Type> = (0..MAX_ROWS).map(|_| Some(long.as_str())).collect();
    let ages: ArrayRef = Arc::new(Float64Array::from(vec![1.0; MAX_ROWS]));
    let said = read(ages, Arc::new(dictionary)).unwrap_err();
    assert_eq!(said, "arrow[1]: expected at most 67108864 bytes of texts");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_damage_is_read_or_refused(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let plans = vec![Some("gold"), None].into_iter().collect::<DictionaryArray<Int8Type>>();
        let mut content = stream(&[("age", ages()), ("plan", Arc::new(plans))], 1).to_vec();
        for (at, byte) in changes {
            let at = at.index(content.len());
            content[at] = byte;
        }
        match decode(content.into(), &signature()) {
            Ok(frame) => prop_assert!((1..=MAX_ROWS).contains(&frame.rows())),
            Err(errors) => prop_assert!(!errors.0.is_empty()),
        }
    }
}
