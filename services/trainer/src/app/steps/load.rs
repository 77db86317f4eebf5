//! From the source file to rows with labels, kept as a snapshot.

use std::collections::BTreeMap;

use lineal_data::{Snapshot, Table};
use lineal_kernel::{Digest, Name};

use super::{Execution, StepError, labels::Labels, upstreams::Upstreams};
use crate::{
    app::{datasets::Examined, failure::blocking},
    domain::{DataRefusal, JobSample},
    registry::SnapshotRecord,
};

/// All rows of a training.
pub(super) struct Loaded {
    pub(super) table: Table,
    /// What is to be predicted.
    pub(super) labels: Labels,
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
    pub(super) async fn load(&self, upstreams: &Upstreams) -> Result<Loaded, StepError> {
        let spec = self.spec();
        let Examined { sampled, snapshot, report: _, summary } = self.app.examine(&spec.source()).await?;
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
        let (method, families) = (self.method()?, self.app.families());
        let classes = upstreams.classes().map(<[String]>::to_vec);
        let (asked, table) = (spec.clone(), sampled.table);
        let (table, labels) = blocking(move || {
            let labels = Labels::by(method, &table, &asked, families, classes)?;
            Ok((table, labels))
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
        Ok(Loaded { table, labels, snapshot, sample, report: summary.digest })
    }

    /// Uploads a snapshot.
    pub(super) async fn store(&self, snapshot: Snapshot) -> Result<Stored, StepError> {
        let Snapshot { bytes, digest, rows } = snapshot;
        self.app.registry.upload(bytes).await?;
        Ok(Stored { digest, rows })
    }
}
