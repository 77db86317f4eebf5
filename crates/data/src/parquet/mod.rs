//! Reading Parquet.

mod pieces;

use std::{
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use arrow::{
    array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray},
    compute::{CastOptions, cast_with_options, concat_batches},
    datatypes::{DataType, Float64Type},
};
use bytes::Bytes;
use parquet::{
    arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder},
    file::reader::ChunkReader,
};

use self::pieces::{BATCH, Pieces, batches, check_codecs, viewed};
use crate::{ColumnType, DataError, Limit, Sampled, Table};

impl Table {
    /// Reads a Parquet file. Integers and floats of other widths become 64-bit ones, all kinds of texts and
    /// dictionaries become plain columns, NaN and the empty text become missing values as in a CSV file.
    ///
    /// # Errors
    /// [`DataError::Parquet`], [`DataError::DamagedParquet`], [`DataError::NoColumns`], [`DataError::NoRows`];
    /// [`DataError::UnsupportedType`] and [`DataError::OutOfRange`] name the column.
    pub fn from_parquet(bytes: impl Into<Bytes>) -> Result<Self, DataError> {
        let table = Self::decode_parquet(bytes.into())?;
        if table.rows() == 0 {
            return Err(DataError::NoRows);
        }
        Ok(table)
    }

    /// Reads a Parquet file that `open` opens anew each time, holding no more of its rows than `limit` and one sample allow.
    ///
    /// # Errors
    /// As [`Table::from_parquet`], [`DataError::Io`], and [`DataError::LimitTooSmall`] if no row would fit.
    pub fn read_parquet<R: ChunkReader + 'static>(
        open: impl Fn() -> std::io::Result<R>,
        limit: Limit,
    ) -> Result<Sampled, DataError> {
        catch_unwind(AssertUnwindSafe(|| within(open, limit))).unwrap_or(Err(DataError::DamagedParquet))
    }

    /// Reads a Parquet file that may have no rows.
    pub(crate) fn decode_parquet(bytes: Bytes) -> Result<Self, DataError> {
        // The Parquet reader panics on some damaged files instead of returning an error.
        catch_unwind(AssertUnwindSafe(|| decode(bytes))).unwrap_or(Err(DataError::DamagedParquet))
    }
}

/// Looks at all rows once to know their size, and if they are too many, again to choose.
fn within<R: ChunkReader + 'static>(open: impl Fn() -> std::io::Result<R>, limit: Limit) -> Result<Sampled, DataError> {
    let (mut kept, mut rows, mut size) = (Vec::new(), 0, 0);
    for table in batches(open()?)? {
        let table = table?;
        rows += table.rows();
        size += table.bytes();
        kept.push(table.into_batch());
        if size > limit.bytes {
            kept.clear();
        }
    }
    if rows == 0 {
        return Err(DataError::NoRows);
    }
    if let Some(mut sampler) = limit.sampler(size)? {
        for table in batches(open()?)? {
            sampler.add(&table?)?;
        }
        return sampler.finish();
    }
    let schema = kept.first().ok_or(DataError::NoRows)?.schema();
    Ok(Sampled { table: Table::of(concat_batches(&schema, &kept)?), rows, sample: None })
}

fn table(batch: &RecordBatch) -> Result<Table, DataError> {
    let columns = batch.schema_ref().fields().iter().zip(batch.columns());
    let columns = columns.map(|(field, array)| Ok((field.name().clone(), canonical(field.name(), array)?)));
    Table::new(columns.collect::<Result<_, DataError>>()?)
}

/// A Parquet file a bounded number of rows at a time.
pub(crate) struct ParquetBatches {
    rows: Pieces,
}

impl ParquetBatches {
    /// Names and types of all columns, and how many rows there are. A column of a type without a place in a table counts as texts; it
    /// is refused when it is read.
    pub(crate) fn survey(file: &File) -> Result<(Vec<(String, ColumnType)>, u64), DataError> {
        let survey = || {
            let builder = ParquetRecordBatchReaderBuilder::try_new(file.try_clone()?)?;
            let fields = builder.schema().fields().iter();
            let schema =
                fields.map(|field| (field.name().clone(), column_type(field.data_type()).unwrap_or(ColumnType::Text)));
            let rows = builder.metadata().file_metadata().num_rows();
            Ok((schema.collect(), u64::try_from(rows).map_err(|_| DataError::DamagedParquet)?))
        };
        catch_unwind(AssertUnwindSafe(survey)).unwrap_or(Err(DataError::DamagedParquet))
    }

    /// The columns `wanted` after the first `skipped` rows.
    pub(crate) fn new(file: File, wanted: &[(String, ColumnType)], skipped: u64) -> Result<Self, DataError> {
        let open = || {
            let builder = viewed(file)?;
            let fields = builder.schema().fields().iter().enumerate();
            let roots = fields.filter(|(_, field)| wanted.iter().any(|(name, _)| name == field.name()));
            let mask = ProjectionMask::roots(builder.parquet_schema(), roots.map(|(position, _)| position));
            let builder = builder.with_projection(mask).with_batch_size(BATCH).with_offset(skipped as usize);
            Ok(Self { rows: Pieces::of(builder.build()?) })
        };
        catch_unwind(AssertUnwindSafe(open)).unwrap_or(Err(DataError::DamagedParquet))
    }

    /// The next rows, their columns in the order of the file; `None` after the last one.
    pub(crate) fn next(&mut self) -> Result<Option<Table>, DataError> {
        let next = || self.rows.next().transpose();
        catch_unwind(AssertUnwindSafe(next)).unwrap_or(Err(DataError::DamagedParquet))
    }
}

fn decode(bytes: Bytes) -> Result<Table, DataError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
    check_codecs(builder.metadata())?;
    let schema = builder.schema().clone();
    let batches = builder.build()?.collect::<Result<Vec<_>, _>>()?;
    let batch = concat_batches(&schema, &batches)?;
    table(&batch)
}

/// The column in one of the four types of a table.
fn canonical(name: &str, array: &ArrayRef) -> Result<ArrayRef, DataError> {
    let Some(expected) = column_type(array.data_type()) else {
        return Err(DataError::UnsupportedType { column: name.to_owned(), found: array.data_type().to_string() });
    };
    let data_type = match expected {
        ColumnType::Integer => DataType::Int64,
        ColumnType::Float => DataType::Float64,
        ColumnType::Text => DataType::Utf8,
        ColumnType::Boolean => DataType::Boolean,
    };
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let array = cast_with_options(array, &data_type, &options).map_err(|source| DataError::OutOfRange {
        column: name.to_owned(),
        expected,
        source,
    })?;
    Ok(match expected {
        ColumnType::Float => {
            let floats = array.as_primitive::<Float64Type>().iter();
            Arc::new(floats.map(|value| value.filter(|value| !value.is_nan())).collect::<Float64Array>())
        }
        ColumnType::Text => {
            let texts = array.as_string::<i32>().iter();
            Arc::new(texts.map(|text| text.filter(|text| !text.is_empty())).collect::<StringArray>())
        }
        ColumnType::Integer | ColumnType::Boolean => array,
    })
}

/// Which type holds the values of `found` without loss, if any does.
fn column_type(found: &DataType) -> Option<ColumnType> {
    use DataType as D;
    match found {
        D::Int8 | D::Int16 | D::Int32 | D::Int64 | D::UInt8 | D::UInt16 | D::UInt32 | D::UInt64 => {
            Some(ColumnType::Integer)
        }
        D::Float16 | D::Float32 | D::Float64 | D::Null => Some(ColumnType::Float),
        D::Utf8 | D::LargeUtf8 | D::Utf8View => Some(ColumnType::Text),
        D::Boolean => Some(ColumnType::Boolean),
        D::Dictionary(_, values) => column_type(values),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use arrow::{
        array::{
            BooleanArray, Date32Array, DictionaryArray, Float32Array, Int32Array, Int64Array, LargeStringArray,
            UInt64Array,
        },
        datatypes::Int32Type,
    };
    use parquet::{
        arrow::ArrowWriter,
        basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel},
        file::{
            metadata::{ParquetMetaDataReader, ParquetMetaDataWriter},
            properties::WriterProperties,
        },
    };

    use super::{pieces::TEXTS, *};
    use crate::Column;

    fn file(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
        compressed(columns, Compression::UNCOMPRESSED)
    }

    fn compressed(columns: Vec<(&str, ArrayRef)>, codec: Compression) -> Vec<u8> {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut bytes = Vec::new();
        let properties = WriterProperties::builder().set_compression(codec).build();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        bytes
    }

    #[test]
    fn other_widths_and_dictionaries_become_the_types_of_a_table() {
        use ColumnType::{Boolean, Float, Integer, Text};
        let dictionary: DictionaryArray<Int32Type> = vec![Some("x"), None, Some("x")].into_iter().collect();
        let table = Table::from_parquet(file(vec![
            ("i", Arc::new(Int32Array::from(vec![Some(1), None, Some(3)]))),
            ("f", Arc::new(Float32Array::from(vec![0.5, f32::NAN, 1.5]))),
            ("t", Arc::new(LargeStringArray::from(vec!["a", "", "c"]))),
            ("d", Arc::new(dictionary)),
            ("b", Arc::new(BooleanArray::from(vec![true, false, true]))),
        ]))
        .unwrap();
        let types: Vec<_> = table.schema().map(|(_, column_type)| column_type).collect();
        assert_eq!(types, [Integer, Float, Text, Text, Boolean]);
        let bits: Vec<_> = table.numbers("f").unwrap().into_iter().map(f64::to_bits).collect();
        assert_eq!(bits, [0.5, f64::NAN, 1.5].map(f64::to_bits));
        assert_eq!(table.column("t").unwrap(), Column::Texts(vec![Some("a".into()), None, Some("c".into())]));
        assert_eq!(table.column("d").unwrap(), Column::Texts(vec![Some("x".into()), None, Some("x".into())]));
        assert_eq!(
            table.column("b").unwrap(),
            Column::Texts(["true", "false", "true"].map(|text| Some(text.into())).to_vec())
        );
    }

    #[test]
    fn every_usual_compression_is_read() {
        let columns = || -> Vec<(&str, ArrayRef)> {
            vec![
                ("i", Arc::new((0..100).collect::<Int32Array>())),
                ("t", Arc::new((0..100).map(|i| Some(["a", "b"][i % 2])).collect::<StringArray>())),
            ]
        };
        let plain = Table::from_parquet(file(columns())).unwrap();
        for codec in [
            Compression::SNAPPY,
            Compression::GZIP(GzipLevel::default()),
            Compression::ZSTD(ZstdLevel::default()),
            Compression::LZ4,
            Compression::LZ4_RAW,
        ] {
            let bytes = Bytes::from(compressed(columns(), codec));
            assert_ne!(bytes, file(columns()), "{codec}");
            assert_eq!(Table::from_parquet(bytes.clone()).unwrap(), plain, "{codec}");
            assert_eq!(Table::read_parquet(|| Ok(bytes.clone()), Limit::NONE).unwrap().table, plain, "{codec}");
        }
    }

    #[test]
    fn another_compression_is_refused_by_name() {
        // The metadata of a file without its pages.
        let bytes = Bytes::from(file(vec![("i", Arc::new(Int32Array::from(vec![1])))]));
        let metadata = ParquetMetaDataReader::new().parse_and_finish(&bytes).unwrap();
        let group = metadata.row_group(0).clone();
        let brotli = Compression::BROTLI(BrotliLevel::default());
        let column = group.column(0).clone().into_builder().set_compression(brotli).build().unwrap();
        let group = group.into_builder().set_column_metadata(vec![column]).build().unwrap();
        let mut bytes = b"PAR1".to_vec();
        ParquetMetaDataWriter::new(&mut bytes, &metadata.into_builder().set_row_groups(vec![group]).build())
            .finish()
            .unwrap();
        let error = Table::from_parquet(bytes.clone()).unwrap_err().to_string();
        assert_eq!(
            error,
            "column `i` is compressed with brotli, write the file with zstd, gzip, lz4 or snappy, or without compression"
        );
        let limited = Table::read_parquet(|| Ok(Bytes::from(bytes.clone())), Limit::NONE);
        assert!(matches!(limited, Err(DataError::UnsupportedCodec { .. })));
    }

    #[test]
    fn a_type_or_value_without_a_place_is_refused_by_name() {
        let date = file(vec![("day", Arc::new(Date32Array::from(vec![1])))]);
        assert!(matches!(
            Table::from_parquet(date),
            Err(DataError::UnsupportedType { column, .. }) if column == "day"
        ));
        let huge = file(vec![("id", Arc::new(UInt64Array::from(vec![u64::MAX])))]);
        assert!(matches!(Table::from_parquet(huge), Err(DataError::OutOfRange { column, .. }) if column == "id"));
    }

    // F75
    #[test]
    fn a_file_above_the_limit_gives_the_rows_that_a_csv_file_gives() {
        let ids = 0..30_000_i64;
        let csv = ids.clone().fold("id\n".to_owned(), |csv, id| csv + &format!("{id}\n"));
        let parquet = file(vec![("id", Arc::new(Int64Array::from_iter_values(ids)))]);
        let limit = Limit { bytes: 100_000, seed: 3 };
        let sampled = Table::read_parquet(|| Ok(Bytes::from(parquet.clone())), limit).unwrap();
        assert_eq!(sampled, Table::read_csv(|| Ok(csv.as_bytes()), limit).unwrap());
        assert!(sampled.sample.is_some() && sampled.table.rows() * 8 <= limit.bytes);
        let whole = Table::read_parquet(|| Ok(Bytes::from(parquet.clone())), Limit::NONE).unwrap();
        assert_eq!((whole.table, whole.rows, whole.sample), (Table::from_parquet(parquet).unwrap(), 30_000, None));
    }

    #[test]
    fn a_text_that_a_file_names_once_is_not_written_out_for_all_rows_at_once() {
        let long = "x".repeat(1 << 20);
        let rows = 100_usize;
        let texts: DictionaryArray<Int32Type> = std::iter::repeat_n(long.as_str(), rows).collect();
        let plain: StringArray = std::iter::repeat_n("a", rows).map(Some).collect();
        let bytes = Bytes::from(file(vec![("t", Arc::new(texts)), ("u", Arc::new(plain))]));
        assert!(bytes.len() < 3 << 20, "the file names it once or twice");
        let pieces: Vec<_> = batches(bytes.clone()).unwrap().map(Result::unwrap).collect();
        assert!(pieces.len() > 12 && pieces.iter().all(|piece| piece.bytes() <= TEXTS + (1 << 20)));
        assert_eq!(pieces.iter().map(Table::rows).sum::<usize>(), rows);
        let limit = Limit { bytes: 1 << 20, seed: 0 };
        let refused = Table::read_parquet(|| Ok(bytes.clone()), limit);
        assert!(matches!(refused, Err(DataError::EmptyPart { .. })), "{refused:?}");
        let whole = Table::read_parquet(|| Ok(bytes.clone()), Limit::NONE).unwrap();
        assert_eq!(whole.table, Table::from_parquet(bytes.clone()).unwrap());
    }

    #[test]
    fn what_is_not_parquet_or_has_no_rows_is_refused() {
        assert!(matches!(Table::from_parquet(b"a,b\n1,2\n".to_vec()), Err(DataError::Parquet(_))));
        let empty = file(vec![("a", Arc::new(Int32Array::from(Vec::<i32>::new())))]);
        assert!(matches!(Table::from_parquet(empty), Err(DataError::NoRows)));
    }

    #[test]
    fn a_damaged_file_is_read_or_refused_but_never_panics() {
        let good = file(vec![
            ("i", Arc::new((0..300).map(|i| (i % 3 > 0).then_some(i % 5)).collect::<Int32Array>())),
            ("t", Arc::new((0..300).map(|i| Some(if i % 2 == 0 { "a" } else { "bc" })).collect::<StringArray>())),
        ]);
        let mut refused = 0;
        for position in 0..good.len() {
            for bit in 0..8 {
                let mut bytes = good.clone();
                bytes[position] ^= 1 << bit;
                refused += usize::from(Table::from_parquet(bytes).is_err());
            }
            assert!(Table::from_parquet(good[..position].to_vec()).is_err());
        }
        assert!(refused > 0);
    }
}
