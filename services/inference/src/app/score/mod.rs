//! Score: a whole file, each row once, by one version.

mod columns;
mod finish;
mod parts;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use lineal_data::{DataError, TableFile};
use lineal_kernel::{Digest, ModelName, Name, VersionNumber};
use lineal_models::ServedModel;
use lineal_rpc::background;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::Replica;
use crate::{
    InferenceError,
    domain::{Facts, Progress, ScoringDefaults, Stage, Wanted},
    failpoints::stop_here,
    folder::{BatchFolder, BatchManifest, BatchWish, FirstRecord},
};
use parts::Work;

/// Told how far a batch has come.
pub(crate) type Report = Arc<dyn Fn(Progress) + Send + Sync>;

/// The batches of this replica: those that run, and who may.
pub(super) struct Batches {
    turns: Arc<Semaphore>,
    running: Mutex<HashMap<(ModelName, Name), CancellationToken>>,
}

/// A batch that is finished.
#[derive(Debug)]
pub(crate) struct FinishedBatch {
    pub(crate) manifest: BatchManifest,
    /// Digest of the manifest.
    pub(crate) digest: Digest,
    /// The version that scored.
    pub(crate) facts: Facts,
    /// The folder of the batch.
    pub(crate) output: String,
    /// An earlier call finished it.
    pub(crate) replayed: bool,
    /// Files of earlier attempts that were found whole.
    pub(crate) resumed: u64,
    /// The champion served now, if that is another version.
    pub(crate) champion_now: Option<VersionNumber>,
    /// How far the scores are from those of the batch before.
    pub(crate) psi: Option<f64>,
}

/// A batch runs for as long as this lives.
struct Running<'a> {
    batches: &'a Batches,
    name: (ModelName, Name),
    stop: CancellationToken,
}

impl Batches {
    /// At most `at_once` batches at the same time.
    pub(super) fn new(at_once: usize) -> Self {
        Self { turns: Arc::new(Semaphore::new(at_once.max(1))), running: Mutex::default() }
    }

    fn enter(&self, wish: &BatchWish, stop: CancellationToken) -> Result<Running<'_>, InferenceError> {
        let name = (wish.model.clone(), wish.batch_id.clone());
        let taken = self.with(|running| {
            let taken = running.contains_key(&name);
            running.entry(name.clone()).or_insert_with(|| stop.clone());
            taken
        });
        if taken {
            return Err(InferenceError::BatchRunning { model: name.0, batch_id: name.1 });
        }
        Ok(Running { batches: self, name, stop })
    }

    fn with<T>(&self, change: impl FnOnce(&mut HashMap<(ModelName, Name), CancellationToken>) -> T) -> T {
        change(&mut self.running.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Running<'_> {
    /// Waits for a turn, unless the batch is cancelled before.
    async fn turn(&self) -> Result<Option<OwnedSemaphorePermit>, InferenceError> {
        tokio::select! {
            turn = self.batches.turns.clone().acquire_owned() => Ok(turn.ok()),
            () = self.stop.cancelled() => Err(InferenceError::BatchCancelled),
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.batches.with(|running| running.remove(&self.name));
    }
}

impl Replica {
    /// Scores the file that `wish` names, or takes up where an earlier attempt stopped, until `stop` is cancelled.
    pub(crate) async fn score(
        self: Arc<Self>,
        wish: BatchWish,
        report: Report,
        stop: CancellationToken,
    ) -> Result<FinishedBatch, InferenceError> {
        let running = self.batches.enter(&wish, stop.clone())?;
        report(Progress::default());
        let turn = running.turn().await?;
        report(Progress { stage: Stage::Surveying, ..Progress::default() });
        let input = self.survey(&wish).await?;
        let folder = BatchFolder::of(&wish);
        folder.sweep();
        let (wish, first) = if let Some(first) = folder.begun().await? {
            (wish.resuming(&first), first)
        } else {
            let first = self.begin(&wish, &input, &folder).await?;
            (wish, first)
        };
        if let Some(field) = first.differs(&wish, input.digest()) {
            return Err(InferenceError::BatchExists { model: wish.model, batch_id: wish.batch_id, field });
        }
        let facts = first.facts().map_err(|error| folder.damaged("_batch.json", &error.to_string()))?;
        if let Some((manifest, digest)) = folder.finished().await? {
            return self.settle(&wish, &folder, facts, (manifest, digest), None).await;
        }
        stop_here!("begun");
        let model = self.loaded(facts.digest).await?;
        let (replica, facts_of) = (self.clone(), facts.clone());
        let work =
            Work { replica, wish: wish.clone(), folder: folder.clone(), first, facts: facts_of, model, report, stop };
        // The turn is given back when the work ends.
        let scored = background::run("batch", move || {
            let _turn = turn;
            work.run(input)
        });
        let scored = scored.await??;
        let resumed = scored.resumed;
        let finished = self.finish(&wish, &folder, scored).await?;
        self.settle(&wish, &folder, facts, finished, Some(resumed)).await
    }

    /// What the settings of a model say of its batches.
    pub(crate) async fn scoring_defaults(&self, model: &ModelName) -> Result<Option<ScoringDefaults>, InferenceError> {
        self.registry.settings(model).await.map_err(InferenceError::Registry)
    }

    /// Stops a batch that runs here.
    pub(crate) fn cancel_score(&self, model: &ModelName, batch_id: &Name) -> Result<(), InferenceError> {
        let name = (model.clone(), batch_id.clone());
        match self.batches.with(|running| running.get(&name).cloned()) {
            Some(stop) => {
                stop.cancel();
                Ok(())
            }
            None => Err(InferenceError::BatchNotRunning { model: name.0, batch_id: name.1 }),
        }
    }

    /// Reads the input once.
    async fn survey(&self, wish: &BatchWish) -> Result<TableFile, InferenceError> {
        let spool = self.config.cache_dir.clone();
        std::fs::create_dir_all(&spool).map_err(DataError::Io)?;
        let file = wish.input.open(&spool).await.map_err(InferenceError::InputUnreadable)?;
        let format = wish.format;
        Ok(background::run("survey", move || TableFile::survey(file, format)).await??)
    }

    /// Settles which version scores the batch.
    async fn begin(
        &self,
        wish: &BatchWish,
        input: &TableFile,
        folder: &BatchFolder,
    ) -> Result<FirstRecord, InferenceError> {
        let recorded = self.registry.batch_output(&wish.model, &wish.batch_id).await;
        if recorded.map_err(InferenceError::Registry)?.is_some_and(|output| output != folder.text()) {
            let (model, batch_id) = (wish.model.clone(), wish.batch_id.clone());
            return Err(InferenceError::BatchExists { model, batch_id, field: "output" });
        }
        let (facts, generation) = self.pin(wish).await?;
        let first = FirstRecord {
            batch_id: wish.batch_id.to_string(),
            asked: wish.asked.clone(),
            input: wish.input.text().to_owned(),
            input_digest: input.digest(),
            rows: input.rows(),
            key_columns: wish.key_columns.clone(),
            rows_per_part: wish.rows_per_part,
            version: (&facts).into(),
            generation,
            started_us: self.clock.now().micros(),
        };
        // What cannot be scored at all is told before anything is written.
        columns::wanted(input, self.loaded(facts.digest).await?.as_ref(), wish)?;
        folder.begin(first).await
    }

    /// The version that is asked for, as it is at this moment: what is served here, or else what the registry knows.
    async fn pin(&self, wish: &BatchWish) -> Result<(Facts, u64), InferenceError> {
        let table = self.serving();
        let refused = match table.find(wish.model.as_str(), &wish.slot, &wish.wanted) {
            Ok(found) => return Ok((found.facts().clone(), table.generation())),
            Err(error) => error,
        };
        if wish.wanted == Wanted::champion() {
            return Err(refused);
        }
        let found = self.registry.version(&wish.model, &wish.slot, &wish.wanted).await;
        match found.map_err(InferenceError::Registry)? {
            Some(facts) => Ok((facts, self.generation())),
            None => Err(InferenceError::VersionNotFound { model: wish.model.clone(), asked: wish.wanted.to_string() }),
        }
    }

    /// The bundle as it is served, or else loaded for this batch: a slot that sleeps is not woken by it.
    async fn loaded(&self, digest: Digest) -> Result<Arc<ServedModel>, InferenceError> {
        let served = self.table.load().bundle(digest).cloned();
        match served {
            Some(bundle) => Ok(bundle),
            None => self.bundles.load(digest).await,
        }
    }
}
