//! From the source file to rows with labels, kept as a snapshot.

use std::collections::BTreeMap;

use lineal_data::{Snapshot, Table, Target};
use lineal_kernel::{Digest, Name};

use super::{Execution, StepError};
use crate::{
    app::{datasets::Examined, failure::blocking},
    domain::{DataRefusal, JobSample},
    registry::SnapshotRecord,
};

/// All rows of a training.
pub(super) struct Loaded {
    pub(super) table: Table,
    /// The column to predict, its positive class named.
    pub(super) target: Target,
    pub(super) snapshot: Stored,
    /// How the rows were chosen, if they were too many.
    pub(super) sample: Option<JobSample>,
    /// Digest of the report on the rows.
    pub(super) report: Digest,
}

/// Rows in the artifact store.
pub(super) struct Stored {
    pub(super) digest: Digest,
    pub(super) rows: usize,
}

impl Execution<'_> {
    /// Fetches and reads the source, looks at its rows, checks their labels and keeps them.
    pub(super) async fn load(&self) -> Result<Loaded, StepError> {
        let spec = self.spec();
        let Examined { sampled, snapshot, report: _, summary } = self.app.examine(&spec.source(), spec.seed).await?;
        if !summary.failed.is_empty() {
            return Err(DataRefusal::of(&summary).into());
        }
        let sample = sampled.sample.map(|sample| JobSample {
            fraction: sample.fraction,
            seed: sample.seed,
            source_rows: sampled.rows as u64,
        });
        if let Some(sample) = sample {
            self.sampled(sample).await?;
        }
        let mut target = Target { column: spec.label_column.clone(), positive: spec.positive_class.clone() };
        let table = sampled.table;
        let (table, target) = blocking(move || {
            target.positive = Some(target.classes(&table)?.positive);
            Ok((table, target))
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
        Ok(Loaded { table, target, snapshot, sample, report: summary.digest })
    }

    /// Uploads a snapshot.
    pub(super) async fn store(&self, snapshot: Snapshot) -> Result<Stored, StepError> {
        let Snapshot { bytes, digest, rows } = snapshot;
        self.app.registry.upload(bytes).await?;
        Ok(Stored { digest, rows })
    }
}
