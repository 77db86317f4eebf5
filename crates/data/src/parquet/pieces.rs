//! Parquet rows a bounded number of bytes at a time.

use std::sync::Arc;

use arrow::{
    array::{AsArray, RecordBatch},
    datatypes::{DataType, Field, Schema},
};
use parquet::{
    arrow::arrow_reader::{
        ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
    },
    basic::Compression,
    file::{
        metadata::{ParquetMetaData, RowGroupMetaData},
        reader::ChunkReader,
    },
};

use super::{column_type, table};
use crate::{ColumnType, DataError, Table};

/// Rows read together.
pub(super) const BATCH: usize = 8192;
/// Bytes of texts written out together: a file names a long text once for any number of rows.
pub(super) const TEXTS: usize = 8 << 20;

/// The rows in parts that need little memory.
pub(super) fn batches<R: ChunkReader + 'static>(file: R) -> Result<Pieces, DataError> {
    Ok(Pieces::of(viewed(file)?.with_batch_size(BATCH).build()?))
}

/// A reader that does not write out texts: of a dictionary, each is in memory once.
pub(super) fn viewed<R: ChunkReader + 'static>(file: R) -> Result<ParquetRecordBatchReaderBuilder<R>, DataError> {
    let known = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())?;
    check_codecs(known.metadata())?;
    let field = |field: &Arc<Field>| match column_type(field.data_type()) {
        Some(ColumnType::Text) => Arc::new(Field::clone(field).with_data_type(DataType::Utf8View)),
        _ => Arc::clone(field),
    };
    let schema = Schema::new(known.schema().fields().iter().map(field).collect::<Vec<_>>());
    let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
    let viewed = ArrowReaderMetadata::try_new(Arc::clone(known.metadata()), options)?;
    Ok(ParquetRecordBatchReaderBuilder::new_with_metadata(file, viewed))
}

/// Refuses a file with a column of a compression that is not built in.
pub(super) fn check_codecs(metadata: &ParquetMetaData) -> Result<(), DataError> {
    use Compression as C;
    let columns = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
    for column in columns {
        let codec = match column.compression() {
            C::UNCOMPRESSED | C::SNAPPY | C::GZIP(_) | C::ZSTD(_) | C::LZ4 | C::LZ4_RAW => continue,
            C::BROTLI(_) => "brotli",
            C::LZO => "lzo",
        };
        return Err(DataError::UnsupportedCodec { column: column.column_path().string(), codec });
    }
    Ok(())
}

/// Rows in tables whose texts are written out, a bounded number of bytes at a time.
pub(super) struct Pieces {
    rows: ParquetRecordBatchReader,
    /// Read, and not yet in a table.
    read: Option<RecordBatch>,
}

impl Pieces {
    pub(super) fn of(rows: ParquetRecordBatchReader) -> Self {
        Self { rows, read: None }
    }
}

impl Iterator for Pieces {
    type Item = Result<Table, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = match self.read.take() {
            Some(batch) => batch,
            None => match self.rows.next()? {
                Ok(batch) => batch,
                Err(error) => return Some(Err(error.into())),
            },
        };
        let first = fitting(&batch);
        if first < batch.num_rows() {
            self.read = Some(batch.slice(first, batch.num_rows() - first));
        }
        Some(table(&batch.slice(0, first)))
    }
}

/// How many rows are written out together, at least one.
fn fitting(batch: &RecordBatch) -> usize {
    let texts: Vec<_> = batch.columns().iter().filter_map(|column| column.as_string_view_opt()).collect();
    let mut bytes = 0;
    let fits = |row: &usize| {
        bytes += texts.iter().map(|text| text.views()[*row] as u32 as usize).sum::<usize>();
        bytes <= TEXTS
    };
    (0..batch.num_rows()).take_while(fits).count().max(1).min(batch.num_rows())
}
