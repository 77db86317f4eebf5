//! Encoded requests with real rows.

use std::path::Path;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use lineal_proto::inference::{
    ModelInferRequest, model_infer_request::InferInputTensor, model_metadata_response::TensorMetadata,
};
use prost::Message as _;

/// Different requests of one case: enough that no branch of a model is learned by heart, few enough to stay in the cache.
const REQUESTS: usize = 50;

/// A CSV table, as texts.
#[derive(Debug)]
pub(crate) struct Table {
    names: csv::StringRecord,
    rows: Vec<csv::StringRecord>,
}

impl Table {
    /// Reads a file with a header.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let mut reader = csv::Reader::from_path(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self { names: reader.headers()?.clone(), rows: reader.records().collect::<Result<_, _>>()? })
    }

    /// Up to 50 encoded requests for `model` with the next `rows` rows each, as raw tensors of all its `inputs`.
    pub(crate) fn requests(&self, model: &str, inputs: &[TensorMetadata], rows: usize) -> anyhow::Result<Vec<Bytes>> {
        let chunks = self.rows.chunks_exact(rows).take(REQUESTS);
        let requests: Vec<_> = chunks.map(|chunk| self.request(model, inputs, chunk)).collect::<Result<_, _>>()?;
        ensure!(!requests.is_empty(), "the table has fewer than {rows} rows");
        Ok(requests)
    }

    fn request(&self, model: &str, inputs: &[TensorMetadata], rows: &[csv::StringRecord]) -> anyhow::Result<Bytes> {
        let tensor = |input: &TensorMetadata| InferInputTensor {
            name: input.name.clone(),
            datatype: input.datatype.clone(),
            shape: vec![rows.len() as i64],
            ..InferInputTensor::default()
        };
        let raw: anyhow::Result<_> = inputs.iter().map(|input| self.raw(input, rows)).collect();
        let request = ModelInferRequest {
            model_name: model.to_owned(),
            inputs: inputs.iter().map(tensor).collect(),
            raw_input_contents: raw?,
            ..ModelInferRequest::default()
        };
        Ok(request.encode_to_vec().into())
    }

    /// FP64 little-endian, or texts behind their lengths.
    fn raw(&self, input: &TensorMetadata, rows: &[csv::StringRecord]) -> anyhow::Result<Bytes> {
        let TensorMetadata { name, datatype, .. } = input;
        let column = self.names.iter().position(|known| known == name);
        let column = column.with_context(|| format!("the table has no column `{name}`"))?;
        let mut raw = Vec::new();
        for row in rows {
            let text = &row[column];
            match datatype.as_str() {
                "FP64" => {
                    let number: f64 =
                        text.parse().with_context(|| format!("column `{name}`: `{text}` is no number"))?;
                    raw.extend(number.to_le_bytes());
                }
                "BYTES" => {
                    raw.extend(u32::try_from(text.len())?.to_le_bytes());
                    raw.extend(text.as_bytes());
                }
                other => anyhow::bail!("column `{name}` is asked for as {other}, which no request here is made of"),
            }
        }
        Ok(raw.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let names = reader.headers().unwrap().clone();
        Table { names, rows: reader.records().map(Result::unwrap).collect() }
    }

    fn input(name: &str, datatype: &str) -> TensorMetadata {
        TensorMetadata { name: name.to_owned(), datatype: datatype.to_owned(), shape: vec![-1] }
    }

    #[test]
    fn a_request_holds_the_next_rows_in_the_order_of_the_inputs() {
        let table = table("plan,age,churn\ngold,41.5,no\n,7,yes\nbasic,1,no\n");
        let inputs = [input("age", "FP64"), input("plan", "BYTES")];
        let requests = table.requests("churn", &inputs, 2).unwrap();
        assert_eq!(requests.len(), 1);
        let request = ModelInferRequest::decode(requests[0].clone()).unwrap();
        assert_eq!(request.model_name, "churn");
        assert_eq!(request.inputs[0].shape, [2]);
        let ages = [41.5_f64, 7.0].map(f64::to_le_bytes).concat();
        assert_eq!(request.raw_input_contents, [Bytes::from(ages), Bytes::from_static(b"\x04\0\0\0gold\0\0\0\0")]);
        assert_eq!(table.requests("churn", &inputs, 1).unwrap().len(), 3);
    }

    #[test]
    fn what_the_table_cannot_give_is_named() {
        let table = table("plan\ngold\n");
        for (input, rows, problem) in [
            (input("age", "FP64"), 1, "the table has no column `age`"),
            (input("plan", "FP64"), 1, "column `plan`: `gold` is no number"),
            (input("plan", "INT8"), 1, "column `plan` is asked for as INT8, which no request here is made of"),
            (input("plan", "BYTES"), 2, "the table has fewer than 2 rows"),
        ] {
            assert_eq!(table.requests("m", &[input], rows).unwrap_err().to_string(), problem);
        }
    }
}
