//! From the source file to rows with labels, kept as a snapshot.

use std::collections::BTreeMap;

use lineal_data::{Snapshot, Table, Target};
use lineal_kernel::{Digest, Name};

use super::{Execution, StepError};
use crate::{app::failure::blocking, domain::SourceFormat, registry::SnapshotRecord};

/// All rows of a training.
pub(super) struct Loaded {
    pub(super) table: Table,
    /// The column to predict, its positive class named.
    pub(super) target: Target,
    pub(super) snapshot: Stored,
}

/// Rows in the artifact store.
pub(super) struct Stored {
    pub(super) digest: Digest,
    pub(super) rows: usize,
}

impl Execution<'_> {
    /// Fetches and reads the source, checks its labels and keeps its rows.
    pub(super) async fn load(&self) -> Result<Loaded, StepError> {
        let spec = self.spec();
        let content = self.app.registry.download(spec.source_digest).await?;
        let format = spec.format;
        let mut target = Target { column: spec.label_column.clone(), positive: spec.positive_class.clone() };
        let (table, target, snapshot) = blocking(move || {
            let table = match format {
                SourceFormat::Csv => Table::from_csv(&content)?,
                SourceFormat::Parquet => Table::from_parquet(content)?,
            };
            target.positive = Some(target.classes(&table)?.positive);
            let snapshot = Snapshot::of(&table)?;
            Ok((table, target, snapshot))
        })
        .await?;
        let snapshot = self.store(snapshot).await?;
        let record = SnapshotRecord {
            dataset: Name::clone(&spec.dataset),
            digest: snapshot.digest,
            rows: snapshot.rows as u64,
            columns: table.schema().map(|(name, _)| name.to_owned()).collect(),
        };
        self.app.registry.record_snapshot(&record).await?;
        self.note(1.0, BTreeMap::new(), &format!("{} rows, {} columns", table.rows(), record.columns.len())).await?;
        Ok(Loaded { table, target, snapshot })
    }

    /// Uploads a snapshot.
    pub(super) async fn store(&self, snapshot: Snapshot) -> Result<Stored, StepError> {
        let Snapshot { bytes, digest, rows } = snapshot;
        self.app.registry.upload(bytes).await?;
        Ok(Stored { digest, rows })
    }
}
