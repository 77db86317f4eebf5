//! The folder of a batch: its files of predictions, and what it says of itself.
//!
//! ```text
//! _batch.json              what is settled before the first row, written once
//! part-00000.parquet       rows 0 to rows_per_part, and so on; written once
//! _parts/part-00000.json   that the file is whole, and its digest
//! _manifest.json           the whole batch; written once, last
//! ```
//! Every file appears whole, so a process may stop at any moment: what is there counts, what is not is done again. Names that begin with
//! an underscore are passed over by readers of Parquet folders.

mod place;
mod records;
mod wish;

use bytes::Bytes;
use lineal_kernel::Digest;
use serde::{Serialize, de::DeserializeOwned};

pub(crate) use place::Place;
pub(crate) use records::{BatchManifest, Distribution, FirstRecord, PartRecord, Previous};
pub(crate) use wish::{BatchWish, Unsaid};

use crate::{InferenceError, failpoints::stop_here};

const FIRST: &str = "_batch.json";
const PARTS: &str = "_parts";
const MANIFEST: &str = "_manifest.json";

/// The folder of one batch.
#[derive(Debug, Clone)]
pub(crate) struct BatchFolder {
    place: Place,
}

impl BatchFolder {
    /// The folder of the batch that `wish` asks for: no two models and no two batches share one.
    pub(crate) fn of(wish: &BatchWish) -> Self {
        Self { place: wish.output.child(wish.model.as_str()).child(wish.batch_id.as_str()) }
    }

    /// As people name it.
    pub(crate) fn text(&self) -> &str {
        self.place.text()
    }

    /// Takes away what a process that died in the middle of a write left here.
    pub(crate) fn sweep(&self) {
        if let Err(error) = self.place.sweep("") {
            tracing::warn!(%error, folder = self.text(), "could not sweep up after an earlier process");
        }
    }

    /// The first record, if the batch was begun.
    pub(crate) async fn begun(&self) -> Result<Option<FirstRecord>, InferenceError> {
        self.read(&self.place, FIRST).await
    }

    /// Begins the batch, unless somebody else did; returns what it began with.
    pub(crate) async fn begin(&self, first: FirstRecord) -> Result<FirstRecord, InferenceError> {
        if self.place.put_new(FIRST, json(&first)?).await? {
            return Ok(first);
        }
        self.begun().await?.ok_or_else(|| self.damaged(FIRST, "it came and went"))
    }

    /// What is known of file `part`, if it is whole.
    pub(crate) async fn part(&self, part: u64) -> Result<Option<PartRecord>, InferenceError> {
        let file = part_file(part);
        self.read(&self.place.child(PARTS), &record_file(&file)).await
    }

    /// The content of file `part`, if it is there.
    pub(crate) async fn part_content(&self, part: u64) -> Result<Option<Bytes>, InferenceError> {
        Ok(self.place.get(&part_file(part)).await?)
    }

    /// Writes file `part`, unless it is there; returns whether it was written.
    pub(crate) async fn write_part(&self, part: u64, content: Bytes) -> Result<bool, InferenceError> {
        let file = part_file(part);
        stop_here!("part_half_written", self.place.leave_half(&file, &content));
        let written = self.place.put_new(&file, content).await?;
        stop_here!("part_written");
        Ok(written)
    }

    /// Writes file `part` anew in place of a damaged one.
    pub(crate) async fn rewrite_part(&self, part: u64, content: Bytes) -> Result<(), InferenceError> {
        Ok(self.place.put(&part_file(part), content).await?)
    }

    /// Keeps that a file is whole.
    pub(crate) async fn keep_part(&self, record: &PartRecord) -> Result<(), InferenceError> {
        self.place.child(PARTS).put(&record_file(&record.file), json(record)?).await?;
        stop_here!("part_recorded");
        Ok(())
    }

    /// The manifest and its digest, if the batch is finished.
    pub(crate) async fn finished(&self) -> Result<Option<(BatchManifest, Digest)>, InferenceError> {
        let Some(content) = self.place.get(MANIFEST).await? else { return Ok(None) };
        Ok(Some((self.parse(MANIFEST, &content)?, Digest::of(&content))))
    }

    /// Finishes the batch, unless somebody else did; returns what it ended with.
    pub(crate) async fn finish(&self, manifest: BatchManifest) -> Result<(BatchManifest, Digest), InferenceError> {
        let content = json(&manifest)?;
        stop_here!("manifest_half_written", self.place.leave_half(MANIFEST, &content));
        let digest = Digest::of(&content);
        let written = self.place.put_new(MANIFEST, content).await?;
        stop_here!("manifest_written");
        if written {
            return Ok((manifest, digest));
        }
        self.finished().await?.ok_or_else(|| self.damaged(MANIFEST, "it came and went"))
    }

    async fn read<T: DeserializeOwned>(&self, place: &Place, file: &str) -> Result<Option<T>, InferenceError> {
        let content = place.get(file).await?;
        content.map(|content| self.parse(file, &content)).transpose()
    }

    fn parse<T: DeserializeOwned>(&self, file: &str, content: &[u8]) -> Result<T, InferenceError> {
        serde_json::from_slice(content).map_err(|error| self.damaged(file, &error.to_string()))
    }

    /// The error of a file that cannot be what the batch wrote.
    pub(crate) fn damaged(&self, file: &str, problem: &str) -> InferenceError {
        InferenceError::BatchDamaged { file: format!("{}/{file}", self.text()), problem: problem.to_owned() }
    }
}

/// The name of file `part`.
pub(crate) fn part_file(part: u64) -> String {
    format!("part-{part:05}.parquet")
}

fn record_file(part_file: &str) -> String {
    part_file.replace(".parquet", ".json")
}

fn json(record: &impl Serialize) -> Result<Bytes, InferenceError> {
    let text = serde_json::to_vec_pretty(record).map_err(|error| InferenceError::Encode(Box::new(error)))?;
    Ok(text.into())
}
