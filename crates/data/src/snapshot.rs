//! A table as it is kept: canonical bytes and their digest.

use std::{
    io::{self, Write},
    mem,
};

use bytes::Bytes;
use lineal_kernel::{Digest, Hasher};
use parquet::{
    arrow::{ArrowWriter, arrow_writer::ArrowWriterOptions},
    basic::Compression,
    errors::ParquetError,
    file::properties::{EnabledStatistics, WriterProperties, WriterVersion},
};

use crate::{DataError, Table};

/// A table as canonical Parquet: the same rows in the same order under the same schema give the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The Parquet file.
    pub bytes: Bytes,
    /// The digest of `bytes`.
    pub digest: Digest,
    /// How many rows.
    pub rows: usize,
}

impl Snapshot {
    /// Writes `table`.
    ///
    /// # Errors
    /// [`DataError::Parquet`].
    pub fn of(table: &Table) -> Result<Self, DataError> {
        let mut bytes = Vec::new();
        let mut writer = SnapshotWriter::new(table, &mut bytes)?;
        writer.push(table)?;
        let Written { digest, rows } = writer.finish()?;
        Ok(Self { digest, rows, bytes: bytes.into() })
    }

    /// Reads the table back from `bytes` that have the digest `expected`.
    ///
    /// # Errors
    /// [`DataError::DigestMismatch`]; [`DataError::Parquet`] for bytes that never were a snapshot.
    pub fn open(bytes: impl Into<Bytes>, expected: Digest) -> Result<Table, DataError> {
        let bytes = bytes.into();
        let found = Digest::of(&bytes);
        if found != expected {
            return Err(DataError::DigestMismatch { expected, found });
        }
        Table::decode_parquet(bytes)
    }
}

/// A snapshot that is written part by part, for tables that do not fit into memory: the same bytes as [`Snapshot::of`] the whole,
/// as long as every part but the last has a multiple of 1024 rows. Holds about a million rows, encoded, at a time.
pub struct SnapshotWriter<W: Write + Send> {
    writer: ArrowWriter<Hashing<W>>,
    rows: usize,
}

/// A snapshot that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Its digest.
    pub digest: Digest,
    /// How many rows.
    pub rows: usize,
}

impl<W: Write + Send> SnapshotWriter<W> {
    /// Begins a snapshot with the columns of `table`.
    ///
    /// # Errors
    /// [`DataError::Parquet`].
    pub fn new(table: &Table, to: W) -> Result<Self, DataError> {
        let options = ArrowWriterOptions::new().with_properties(properties()).with_skip_arrow_metadata(true);
        let to = Hashing { to, hasher: Hasher::default() };
        Ok(Self { writer: ArrowWriter::try_new_with_options(to, table.batch().schema(), options)?, rows: 0 })
    }

    /// Adds the rows of `table`.
    ///
    /// # Errors
    /// [`DataError::Parquet`], also for other columns than before; [`DataError::Unwritten`] if they cannot be written.
    pub fn push(&mut self, table: &Table) -> Result<(), DataError> {
        self.writer.write(table.batch()).map_err(unwritten)?;
        self.rows += table.rows();
        Ok(())
    }

    /// Ends the snapshot.
    ///
    /// # Errors
    /// [`DataError::Parquet`]; [`DataError::Unwritten`] if it cannot be written.
    pub fn finish(mut self) -> Result<Written, DataError> {
        self.writer.finish().map_err(unwritten)?;
        let hasher = mem::take(&mut self.writer.inner_mut().hasher);
        Ok(Written { digest: hasher.finish(), rows: self.rows })
    }
}

/// A failed write is no matter of the format.
fn unwritten(error: ParquetError) -> DataError {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => DataError::Unwritten(*source),
            Err(source) => DataError::Parquet(ParquetError::External(source)),
        },
        error => DataError::Parquet(error),
    }
}

/// Digests what passes through.
struct Hashing<W> {
    to: W,
    hasher: Hasher,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let written = self.to.write(piece)?;
        self.hasher.update(&piece[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Everything the writer may choose is chosen here, so that its defaults can change without changing a digest.
fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_created_by("lineal".to_owned())
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::UNCOMPRESSED)
        .set_dictionary_enabled(true)
        .set_dictionary_page_size_limit(1 << 20)
        .set_data_page_size_limit(1 << 20)
        .set_data_page_row_count_limit(20_000)
        .set_write_batch_size(1024)
        .set_max_row_group_row_count(Some(1 << 20))
        .set_max_row_group_bytes(None)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_bloom_filter_enabled(false)
        .set_offset_index_disabled(true)
        .set_write_path_in_schema(true)
        .build()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn table() -> Table {
        Table::from_csv(b"age,charge,plan\n41,0.5,a\n,,\n52,-1e300,b\n").unwrap()
    }

    // F58
    #[test]
    fn the_same_rows_have_the_same_bytes_for_ever() {
        let snapshot = Snapshot::of(&table()).unwrap();
        assert_eq!(snapshot, Snapshot::of(&table()).unwrap());
        assert_eq!(snapshot.rows, 3);
        // Another digest means that the encoder changed and that stored digests can no longer be made again.
        assert_eq!(
            snapshot.digest.to_string(),
            "sha256:f47a46487451f812aebbfe06304c38657bac7c127bd3149dcff3a99a3377d867"
        );
    }

    #[test]
    fn a_snapshot_opens_as_the_table_it_was_made_of() {
        let snapshot = Snapshot::of(&table()).unwrap();
        assert_eq!(Snapshot::open(snapshot.bytes.clone(), snapshot.digest).unwrap(), table());
        let reordered = Snapshot::of(&table().take(&[2, 1, 0]).unwrap()).unwrap();
        assert_ne!(reordered.digest, snapshot.digest);
    }

    #[test]
    fn a_table_does_not_remember_where_its_rows_came_from() {
        let parts = Table::from_csv(b"age,charge,plan\n9,9,z\n41,0.5,a\n,,\n52,-1e300,b\n").unwrap();
        let taken = parts.take(&[1, 2, 3]).unwrap();
        assert_eq!(Snapshot::of(&taken).unwrap(), Snapshot::of(&table()).unwrap());
        let again = Table::from_parquet(Snapshot::of(&table()).unwrap().bytes).unwrap();
        assert_eq!(Snapshot::of(&again).unwrap(), Snapshot::of(&table()).unwrap());
    }

    // F58
    #[test]
    fn a_snapshot_written_in_parts_is_that_of_the_whole() {
        let mut csv = "id,charge,plan\n".to_owned();
        for row in 0..1_100_000_u32 {
            match row % 5 {
                0 => csv.push_str(",,\n"),
                _ => writeln!(csv, "{row},{}.25,plan {}", row % 977, row % 70_001).unwrap(),
            }
        }
        let whole = Table::from_csv(csv.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        let mut writer = SnapshotWriter::new(&whole, &mut bytes).unwrap();
        let rows: Vec<_> = (0..whole.rows()).collect();
        rows.chunks(8192).for_each(|part| writer.push(&whole.take(part).unwrap()).unwrap());
        let written = writer.finish().unwrap();
        let snapshot = Snapshot::of(&whole).unwrap();
        assert_eq!((written.digest, written.rows), (snapshot.digest, snapshot.rows));
        assert!(bytes == snapshot.bytes);
    }

    /// A disk with room for so many bytes.
    struct Small(usize);

    impl Write for Small {
        fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(piece.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(piece.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_told_as_one() {
        let table = table();
        let whole = Snapshot::of(&table).unwrap().bytes.len();
        for room in 0..=whole {
            let written = SnapshotWriter::new(&table, Small(room)).and_then(|mut writer| {
                writer.push(&table)?;
                writer.finish()
            });
            match written {
                Ok(_) => assert_eq!(room, whole),
                Err(DataError::Unwritten(error)) => assert_eq!(error.kind(), io::ErrorKind::StorageFull),
                Err(error) => panic!("{room} of {whole}: {error:?}"),
            }
        }
    }

    // F34
    #[test]
    fn changed_bytes_do_not_open() {
        let snapshot = Snapshot::of(&table()).unwrap();
        let mut bytes = snapshot.bytes.to_vec();
        bytes[10] ^= 1;
        assert!(matches!(
            Snapshot::open(bytes, snapshot.digest),
            Err(DataError::DigestMismatch { expected, .. }) if expected == snapshot.digest
        ));
    }
}
