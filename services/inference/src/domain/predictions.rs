//! The files of a batch: the columns of stored predictions.

use std::{collections::BTreeMap, sync::Arc};

use arrow::{
    array::{ArrayRef, AsArray as _, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray},
    datatypes::{DataType, Field, Float64Type, Schema, SchemaRef, TimeUnit},
};
use bytes::Bytes;
use lineal_data::{DataError, Table};
use lineal_kernel::{FieldError, Name, Timestamp};
use lineal_models::{Answer, LeftOut, ServedModel, Task};
use parquet::{
    arrow::{ArrowWriter, ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder},
    basic::Compression,
    errors::ParquetError,
    file::properties::WriterProperties,
};

use super::Facts;

const UTC: &str = "UTC";

/// What every file of a batch looks like: the key columns, or `row`; the scores and the predicted label, called after the model; and
/// where they come from.
#[derive(Debug, Clone)]
pub(crate) struct PredictionFile {
    schema: SchemaRef,
    key_columns: Vec<String>,
    /// Names of the score columns.
    scores: Vec<String>,
    /// Name of the label's column, if there are labels.
    predicted: Option<String>,
    /// Name of the column that says which members of an ensemble did not answer the row, if it is one.
    left_out: Option<String>,
    facts: Facts,
    batch_id: Name,
}

/// A file in the making.
pub(crate) struct PredictionWriter<'a> {
    file: &'a PredictionFile,
    writer: ArrowWriter<Vec<u8>>,
    prediction_id: String,
    scored_time: Timestamp,
}

/// What a file that is whole holds.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct ScoredFile {
    /// One for each row: the score, of several classes that of the predicted one.
    pub(crate) scores: Vec<f64>,
    /// Rows by predicted label.
    pub(crate) label_counts: BTreeMap<String, u64>,
}

impl PredictionFile {
    /// Files with `key_columns` of these types.
    pub(crate) fn new(
        key_columns: Vec<(String, DataType)>,
        model: &ServedModel,
        facts: &Facts,
        batch_id: &Name,
    ) -> Result<Self, FieldError> {
        let stem = facts.model.as_str().replace(['-', '.'], "_");
        let scores: Vec<String> = match model.task() {
            Task::BinaryClassification => vec![format!("{stem}_probability")],
            Task::MulticlassClassification => {
                model.answers().iter().map(|class| format!("{stem}_probability_{class}")).collect()
            }
            Task::Regression => vec![format!("{stem}_value")],
            Task::Count => vec![format!("{stem}_count")],
        };
        let predicted = (!model.classes().is_empty()).then(|| format!("{stem}_predicted"));
        let left_out = model.is_ensemble().then(|| format!("{stem}_left_out"));
        let keys: Vec<Field> = if key_columns.is_empty() {
            vec![Field::new("row", DataType::Int64, false)]
        } else {
            key_columns.iter().map(|(name, kind)| Field::new(name, kind.clone(), true)).collect()
        };
        let time = DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()));
        let fields: Vec<Field> = keys
            .into_iter()
            .chain(scores.iter().map(|name| Field::new(name, DataType::Float64, false)))
            .chain(predicted.iter().map(|name| Field::new(name, DataType::Utf8, false)))
            .chain(left_out.iter().map(|name| Field::new(name, DataType::Utf8, true)))
            .chain([
                Field::new("model_name", DataType::Utf8, false),
                Field::new("model_version", DataType::Int64, false),
                Field::new("run_id", DataType::Utf8, false),
                Field::new("trained_at", time.clone(), true),
                Field::new("git_sha", DataType::Utf8, false),
                Field::new("scored_at", time, false),
                Field::new("score_batch_id", DataType::Utf8, false),
                Field::new("prediction_id", DataType::Utf8, false),
            ])
            .collect();
        let taken = |(i, field): (usize, &Field)| fields[..i].iter().any(|other| other.name() == field.name());
        if let Some((_, twice)) = fields.iter().enumerate().find(|it| taken(*it)) {
            let problem = format!("`{}` is twice among the columns of the output", twice.name());
            return Err(FieldError::new("key_columns", problem));
        }
        Ok(Self {
            schema: Schema::new(fields).into(),
            key_columns: key_columns.into_iter().map(|(name, _)| name).collect(),
            scores,
            predicted,
            left_out,
            facts: facts.clone(),
            batch_id: batch_id.clone(),
        })
    }

    /// Begins a file whose rows are scored at `scored_time`.
    pub(crate) fn write(
        &self,
        prediction_id: String,
        scored_time: Timestamp,
    ) -> Result<PredictionWriter<'_>, ParquetError> {
        let properties = WriterProperties::builder()
            .set_created_by("lineal".to_owned())
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(1 << 20))
            .build();
        let writer = ArrowWriter::try_new(Vec::new(), self.schema.clone(), Some(properties))?;
        Ok(PredictionWriter { file: self, writer, prediction_id, scored_time })
    }

    /// Reads the scores and labels of a file back.
    pub(crate) fn read(&self, content: Bytes) -> Result<ScoredFile, ParquetError> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(content)?;
        let names = self.scores.iter().chain(&self.predicted).map(String::as_str);
        let mask = ProjectionMask::columns(builder.parquet_schema(), names);
        let mut found = ScoredFile::default();
        for batch in builder.with_projection(mask).build()? {
            let batch = batch?;
            let column = |name: &String| {
                let missing = || ParquetError::General(format!("there is no column `{name}`"));
                batch.column_by_name(name).ok_or_else(missing)
            };
            let mut best = vec![f64::NEG_INFINITY; batch.num_rows()];
            for name in &self.scores {
                let scores = column(name)?.as_primitive_opt::<Float64Type>();
                let scores = scores.ok_or_else(|| ParquetError::General(format!("`{name}` holds no numbers")))?;
                best.iter_mut().zip(scores.values()).for_each(|(best, score)| *best = best.max(*score));
            }
            found.scores.extend(best);
            if let Some(name) = &self.predicted {
                let labels = column(name)?.as_string_opt::<i32>();
                let labels = labels.ok_or_else(|| ParquetError::General(format!("`{name}` holds no texts")))?;
                labels.iter().flatten().for_each(|label| count(&mut found.label_counts, label));
            }
        }
        Ok(found)
    }
}

impl PredictionWriter<'_> {
    /// Adds the rows of `table`, which begin at row `first` of the input, with what `model` answered to them.
    pub(crate) fn add(
        &mut self,
        table: &Table,
        first: u64,
        model: &ServedModel,
        answer: &Answer,
        scored: &mut ScoredFile,
    ) -> Result<(), DataError> {
        let (rows, file, scores) = (table.rows(), self.file, &answer.scores);
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(file.schema.fields().len());
        if file.key_columns.is_empty() {
            columns.push(Arc::new((first..first + rows as u64).map(|row| row as i64).collect::<Int64Array>()));
        }
        for name in &file.key_columns {
            columns.push(table.array(name)?);
        }
        let outputs = file.scores.len();
        for output in 0..outputs {
            let values = scores.iter().skip(output).step_by(outputs).copied();
            columns.push(Arc::new(Float64Array::from_iter_values(values)));
        }
        if file.predicted.is_some() {
            let labels: StringArray = scores.chunks_exact(outputs).map(|row| model.label(row)).collect();
            labels.iter().flatten().for_each(|label| count(&mut scored.label_counts, label));
            columns.push(Arc::new(labels));
        }
        if file.left_out.is_some() {
            columns.push(Arc::new(left_out_by_row(&answer.left_out, rows).into_iter().collect::<StringArray>()));
        }
        let best = |row: &[f64]| row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        scored.scores.extend(scores.chunks_exact(outputs).map(best));
        columns.extend(self.stamps(rows));
        let batch = RecordBatch::try_new(file.schema.clone(), columns)?;
        Ok(self.writer.write(&batch)?)
    }

    fn stamps(&self, rows: usize) -> [ArrayRef; 8] {
        let Facts { model, version, run_id, trained_time, code_version, .. } = &self.file.facts;
        let text =
            |text: &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, rows))) };
        let time = |time: Option<Timestamp>| -> ArrayRef {
            let times = std::iter::repeat_n(time.map(Timestamp::micros), rows).collect::<TimestampMicrosecondArray>();
            Arc::new(times.with_timezone(UTC))
        };
        [
            text(model.as_str()),
            Arc::new(Int64Array::from_iter_values(std::iter::repeat_n(version.get() as i64, rows))),
            text(run_id),
            time(*trained_time),
            text(code_version),
            time(Some(self.scored_time)),
            text(self.file.batch_id.as_str()),
            text(&self.prediction_id),
        ]
    }

    /// The whole file.
    pub(crate) fn finish(self) -> Result<Bytes, ParquetError> {
        Ok(self.writer.into_inner()?.into())
    }
}

/// For each of so many rows the members of an ensemble that did not answer it, with commas between them; none if all did.
pub(crate) fn left_out_by_row(left_out: &[LeftOut], rows: usize) -> Vec<Option<String>> {
    let mut members: Vec<Option<String>> = vec![None; rows];
    for LeftOut { member, rows: silent, .. } in left_out {
        let all = 0..if silent.is_empty() { rows } else { 0 };
        for row in all.chain(silent.iter().copied()) {
            members[row] = Some(members[row].take().map_or(member.clone(), |others| format!("{others},{member}")));
        }
    }
    members
}

fn count(counts: &mut BTreeMap<String, u64>, label: &str) {
    match counts.get_mut(label) {
        Some(count) => *count += 1,
        None => drop(counts.insert(label.to_owned(), 1)),
    }
}
