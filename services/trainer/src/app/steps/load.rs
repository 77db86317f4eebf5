//! From the source file to rows with labels, kept as a snapshot.

use std::collections::BTreeMap;

use lineal_data::{Snapshot, Table};
use lineal_kernel::{Digest, Name};

use super::{Execution, StepError, labels::Labels, upstreams::Upstreams};
use crate::{
    app::failure::blocking,
    domain::{Method, SourceFormat},
    registry::SnapshotRecord,
};

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
    pub(super) async fn load(&self, upstreams: &Upstreams) -> Result<Loaded, StepError> {
        let spec = self.spec();
        let content = self.app.registry.download(spec.source_digest).await?;
        let (format, method, families) = (spec.format, self.method()?, self.app.families());
        let classes = upstreams.classes().map(<[String]>::to_vec);
        let asked = spec.clone();
        let (table, labels, snapshot) = blocking(move || {
            let table = match format {
                SourceFormat::Csv => Table::from_csv(&content)?,
                SourceFormat::Parquet => Table::from_parquet(content)?,
            };
            let labels = match method {
                Method::Model(family) => Labels::of(&table, &asked, family, families)?,
                Method::Member(_) => Labels::of_outcomes(&table, classes)?,
            };
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
