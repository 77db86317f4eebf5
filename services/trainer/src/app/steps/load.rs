//! From the source file to rows with labels, kept as a snapshot.

use std::collections::BTreeMap;

use lineal_data::{Snapshot, Table};
use lineal_kernel::{Digest, Name};

use super::{Execution, StepError, labels::Labels};
use crate::{app::failure::blocking, domain::SourceFormat, registry::SnapshotRecord};

/// All rows of a training.
pub(super) struct Loaded {
    pub(super) table: Table,
    /// What is to be predicted.
    pub(super) labels: Labels,
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
        let (format, family, families) = (spec.format, self.family()?, self.app.families());
        let asked = spec.clone();
        let (table, labels, snapshot) = blocking(move || {
            let table = match format {
                SourceFormat::Csv => Table::from_csv(&content)?,
                SourceFormat::Parquet => Table::from_parquet(content)?,
            };
            let labels = Labels::of(&table, &asked, family, families)?;
            let snapshot = Snapshot::of(&table)?;
            Ok((table, labels, snapshot))
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
        let message = format!("{} rows, {} columns; {}", table.rows(), record.columns.len(), labels.reason);
        self.note(1.0, BTreeMap::new(), &message).await?;
        Ok(Loaded { table, labels, snapshot })
    }

    /// Uploads a snapshot.
    pub(super) async fn store(&self, snapshot: Snapshot) -> Result<Stored, StepError> {
        let Snapshot { bytes, digest, rows } = snapshot;
        self.app.registry.upload(bytes).await?;
        Ok(Stored { digest, rows })
    }
}
