//! A table as it is kept: canonical bytes and their digest.

use bytes::Bytes;
use lineal_kernel::Digest;
use parquet::{
    arrow::{ArrowWriter, arrow_writer::ArrowWriterOptions},
    basic::Compression,
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
        let options = ArrowWriterOptions::new().with_properties(properties()).with_skip_arrow_metadata(true);
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new_with_options(&mut bytes, table.batch().schema(), options)?;
        writer.write(table.batch())?;
        writer.close()?;
        Ok(Self { digest: Digest::of(&bytes), rows: table.rows(), bytes: bytes.into() })
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
