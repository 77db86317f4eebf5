//! One file of the prediction log.

use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, Float64Array, Float64Builder, Int64Array, RecordBatch, StringArray, StringBuilder,
        TimestampMicrosecondArray,
    },
    datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit},
};
use bytes::Bytes;
use lineal_data::Column;
use lineal_models::{Datatype, ServedModel};
use parquet::{arrow::ArrowWriter, basic::Compression, errors::ParquetError, file::properties::WriterProperties};
use tokio::time::Instant;

use super::Logged;
use crate::domain::left_out_by_row;

const UTC: &str = "UTC";
const LEFT_OUT: &str = "left_out";
/// Rows that are encoded together.
const AT_ONCE: usize = 1024;

/// A file in the making: answers of one version on one day.
pub(super) struct LogFile {
    schema: SchemaRef,
    writer: ArrowWriter<Vec<u8>>,
    waiting: Vec<Logged>,
    waiting_rows: usize,
    pub(super) rows: usize,
    pub(super) since: Instant,
}

impl LogFile {
    /// A file for answers of `model`.
    pub(super) fn new(model: &ServedModel, since: Instant) -> Result<Self, ParquetError> {
        let schema = schema(model);
        let properties = WriterProperties::builder()
            .set_created_by("lineal".to_owned())
            .set_compression(Compression::SNAPPY)
            .build();
        let writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties))?;
        Ok(Self { schema, writer, waiting: Vec::new(), waiting_rows: 0, rows: 0, since })
    }

    /// Adds an answer.
    pub(super) fn add(&mut self, answer: Logged) {
        self.waiting_rows += answer.frame.rows();
        self.rows += answer.frame.rows();
        self.waiting.push(answer);
    }

    /// Whether enough answers wait to be encoded.
    pub(super) fn is_due(&self) -> bool {
        self.waiting_rows >= AT_ONCE
    }

    /// Bytes so far, about.
    pub(super) fn bytes(&self) -> usize {
        self.writer.bytes_written() + self.writer.in_progress_size()
    }

    /// The whole file.
    pub(super) fn finish(mut self) -> Result<Bytes, ParquetError> {
        self.encode()?;
        Ok(self.writer.into_inner()?.into())
    }

    /// Encodes the answers that wait.
    pub(super) fn encode(&mut self) -> Result<(), ParquetError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let batch = RecordBatch::try_new(self.schema.clone(), columns(&self.schema, &self.waiting))?;
        self.writer.write(&batch)?;
        self.waiting.clear();
        self.waiting_rows = 0;
        Ok(())
    }
}

/// The pedigree, `row` within its request, the inputs after `input_`, the scores, the label if there are labels, and of an ensemble
/// the members that did not answer the row.
fn schema(model: &ServedModel) -> SchemaRef {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()));
    let pedigree = [
        ("prediction_id", DataType::Utf8),
        ("row", DataType::Int64),
        ("slot", DataType::Utf8),
        ("version", DataType::Int64),
        ("run_id", DataType::Utf8),
        ("digest", DataType::Utf8),
        ("generation", DataType::Int64),
        ("replica", DataType::Utf8),
        ("scored_at", time),
    ];
    let pedigree = pedigree.into_iter().map(|(name, kind)| Field::new(name, kind, false));
    let input = |name: &str, datatype| {
        let kind = if datatype == Datatype::Fp64 { DataType::Float64 } else { DataType::Utf8 };
        Field::new(format!("input_{name}"), kind, true)
    };
    let inputs = model.signature().inputs.iter().map(|column| input(&column.name, column.datatype));
    let score = |answer: &String| match model.outputs() {
        1 => Field::new("score", DataType::Float64, false),
        _ => Field::new(format!("score_{answer}"), DataType::Float64, false),
    };
    let label = (!model.classes().is_empty()).then(|| Field::new("label", DataType::Utf8, false));
    let left_out = model.is_ensemble().then(|| Field::new(LEFT_OUT, DataType::Utf8, true));
    let scores = model.answers().iter().map(score);
    let fields: Vec<Field> = pedigree.chain(inputs).chain(scores).chain(label).chain(left_out).collect();
    Schema::new(fields).into()
}

fn columns(schema: &Schema, answers: &[Logged]) -> Vec<ArrayRef> {
    let mut columns = pedigree(answers);
    let outputs = answers.first().map_or(1, |answer| answer.pedigree.target.entry.model().outputs());
    let inputs = schema.fields().iter().filter_map(|field| Some((field.name().strip_prefix("input_")?, field)));
    for (name, field) in inputs {
        let given = answers.iter().filter_map(|answer| answer.frame.column(name));
        columns.push(if *field.data_type() == DataType::Float64 { numbers(given) } else { texts(given) });
    }
    for output in 0..outputs {
        let scores = answers.iter().flat_map(|answer| answer.scores.iter().skip(output).step_by(outputs).copied());
        columns.push(Arc::new(scores.collect::<Float64Array>()));
    }
    if schema.column_with_name("label").is_some() {
        let labels = answers.iter().flat_map(|answer| {
            let model = answer.pedigree.target.entry.model();
            answer.scores.chunks_exact(outputs).map(|scores| model.label(scores))
        });
        columns.push(Arc::new(labels.collect::<StringArray>()));
    }
    if schema.column_with_name(LEFT_OUT).is_some() {
        let members = answers.iter().flat_map(|answer| left_out_by_row(&answer.left_out, answer.frame.rows()));
        columns.push(Arc::new(members.collect::<StringArray>()));
    }
    columns
}

fn pedigree(answers: &[Logged]) -> Vec<ArrayRef> {
    /// What an answer says of itself, once for each of its rows.
    fn each<'a, T: Clone + 'a>(
        answers: &'a [Logged],
        what: impl Fn(&'a Logged) -> T + 'a,
    ) -> impl Iterator<Item = T> + 'a {
        answers.iter().flat_map(move |answer| std::iter::repeat_n(what(answer), answer.frame.rows()))
    }
    let text =
        |what: fn(&Logged) -> &str| -> ArrayRef { Arc::new(each(answers, what).map(Some).collect::<StringArray>()) };
    let slots = each(answers, |answer| answer.pedigree.target.entry.facts.slot.to_string()).map(Some);
    let rows = answers.iter().flat_map(|answer| 0..answer.frame.rows() as i64);
    let times = each(answers, |answer| answer.pedigree.scored_time.micros()).map(Some);
    vec![
        text(|answer| &answer.pedigree.prediction_id),
        Arc::new(rows.collect::<Int64Array>()),
        Arc::new(slots.collect::<StringArray>()),
        Arc::new(
            each(answers, |answer| answer.pedigree.target.entry.facts.version.get() as i64).collect::<Int64Array>(),
        ),
        text(|answer| &answer.pedigree.target.entry.facts.run_id),
        text(|answer| &answer.pedigree.target.entry.digest),
        Arc::new(each(answers, |answer| answer.pedigree.target.generation as i64).collect::<Int64Array>()),
        text(|answer| answer.pedigree.replica.as_str()),
        Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone(UTC)),
    ]
}

/// NaN is a missing number.
fn numbers<'a>(given: impl Iterator<Item = &'a Column>) -> ArrayRef {
    let mut values = Float64Builder::new();
    for column in given {
        match column {
            Column::Numbers(numbers) => {
                for number in numbers {
                    values.append_option((!number.is_nan()).then_some(*number));
                }
            }
            Column::Texts(texts) => values.append_nulls(texts.len()),
        }
    }
    Arc::new(values.finish())
}

fn texts<'a>(given: impl Iterator<Item = &'a Column>) -> ArrayRef {
    let mut values = StringBuilder::new();
    for column in given {
        match column {
            Column::Texts(texts) => {
                for text in texts {
                    values.append_option(text.as_deref());
                }
            }
            Column::Numbers(numbers) => values.append_nulls(numbers.len()),
        }
    }
    Arc::new(values.finish())
}
