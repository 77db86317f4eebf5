//! From rows as they come to a snapshot in a file.

use std::{fs::File, io::Seek};

use lineal_data::{ColumnType, DataError, SnapshotWriter, Table, TableBuilder, Value, Written};
use tokio::sync::mpsc;

use super::{Fetched, Rows, Trouble};

/// Rows that are put together before they are written. Parts of a multiple of 1024 rows leave no trace in a snapshot.
const PART: usize = 8192;
/// Parts are smaller where texts are long.
const STEP: usize = 1024;
/// Bytes of texts from which on a part is written early.
const LONG: usize = 16 << 20;
/// Parts on their way to the file.
const AHEAD: usize = 2;

/// The way of rows to the file.
pub(super) struct Sink {
    builder: TableBuilder,
    tables: mpsc::Sender<Table>,
}

impl Sink {
    pub(super) fn new(columns: &[(String, ColumnType)], tables: mpsc::Sender<Table>) -> Result<Self, DataError> {
        Ok(Self { builder: TableBuilder::new(columns)?, tables })
    }

    /// Adds the next value of a column.
    pub(super) fn push(&mut self, position: usize, value: Value<'_>) -> Result<(), DataError> {
        self.builder.push(position, value)
    }

    /// Ends a row. Whether more are welcome: a writer that failed wants none.
    pub(super) async fn end_row(&mut self) -> Result<bool, DataError> {
        let rows = self.builder.rows();
        if rows < PART && (!rows.is_multiple_of(STEP) || self.builder.text_bytes() < LONG) {
            return Ok(true);
        }
        self.send().await
    }

    /// Writes what is left.
    pub(super) async fn finish(mut self) -> Result<(), DataError> {
        if self.builder.rows() > 0 {
            self.send().await?;
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<bool, DataError> {
        Ok(self.tables.send(self.builder.take()?).await.is_ok())
    }
}

/// Writes the rows that `read` sends.
pub(super) async fn rows<F: Future<Output = Result<(), Trouble>>>(
    file: File,
    read: impl FnOnce(mpsc::Sender<Table>) -> F,
) -> Result<Fetched, Trouble> {
    let (tables, spooled) = mpsc::channel(AHEAD);
    let writing = tokio::task::spawn_blocking(move || write(spooled, file));
    // A reader that was sent home by the writer says nothing.
    read(tables).await?;
    writing.await.map_err(|error| Trouble::Scratch(std::io::Error::other(error)))?
}

fn write(mut tables: mpsc::Receiver<Table>, mut file: File) -> Result<Fetched, Trouble> {
    let first = tables.blocking_recv().ok_or(DataError::NoRows)?;
    let columns = first.schema().map(|(name, _)| name.to_owned()).collect();
    let mut writer = SnapshotWriter::new(&first, &mut file)?;
    writer.push(&first)?;
    while let Some(table) = tables.blocking_recv() {
        writer.push(&table)?;
    }
    let Written { digest, rows } = writer.finish()?;
    let bytes = file.stream_position().map_err(Trouble::Scratch)?;
    Ok(Fetched { file, digest, bytes, rows: Some(Rows { count: rows as u64, columns }) })
}
