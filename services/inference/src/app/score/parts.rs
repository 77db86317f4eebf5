//! The files of a batch, one after the other, on a thread that serves nothing else.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use bytes::Bytes;
use lineal_data::{Batches, ColumnType, DataError, LookBack, Spool, TableFile, Watched};
use lineal_kernel::Digest;
use lineal_models::ServedModel;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::{Report, columns};
use crate::{
    InferenceError,
    app::Replica,
    domain::{Facts, PredictionFile, Progress, ScoredFile, Stage, batch_prediction_id},
    folder::{BatchFolder, BatchWish, FirstRecord, PartRecord, part_file},
};

/// Rows that are scored together: few enough to stop soon and to need little memory.
const AT_ONCE: usize = 8192;

/// What is settled of a batch before its first row is scored.
pub(super) struct Work {
    pub(super) replica: Arc<Replica>,
    pub(super) wish: BatchWish,
    pub(super) folder: BatchFolder,
    pub(super) first: FirstRecord,
    pub(super) facts: Facts,
    pub(super) model: Arc<ServedModel>,
    pub(super) report: Report,
    pub(super) stop: CancellationToken,
}

/// One attempt at a batch.
struct Attempt {
    work: Work,
    file: PredictionFile,
    input: Watched,
    runtime: Handle,
    /// What earlier rows held, if the model is told of them.
    look_back: Option<LookBack>,
    begun: Instant,
    /// Rows that this attempt scored.
    fresh: u64,
    done: Scored,
}

/// What was scored, in this attempt and in earlier ones.
pub(super) struct Scored {
    pub(super) first: FirstRecord,
    pub(super) parts: Vec<PartRecord>,
    pub(super) label_counts: BTreeMap<String, u64>,
    /// A score for each row.
    pub(super) scores: Spool,
    /// Files of earlier attempts that were found whole.
    pub(super) resumed: u64,
}

/// What an earlier attempt left of a file.
enum Left {
    Nothing,
    Whole(PartRecord, ScoredFile),
    /// It is not what was written.
    Damaged,
}

impl Work {
    /// Writes every file that is not whole yet.
    pub(super) fn run(self, mut input: TableFile) -> Result<Scored, InferenceError> {
        let wanted = columns::wanted(&input, &self.model, &self.wish)?;
        let keys = columns::keys(&wanted, &self.wish);
        let done = Scored {
            first: self.first.clone(),
            parts: Vec::new(),
            label_counts: BTreeMap::new(),
            scores: Spool::new(&self.replica.config.cache_dir)?,
            resumed: 0,
        };
        let attempt = Attempt {
            file: PredictionFile::new(keys, &self.model, &self.facts, &self.wish.batch_id)?,
            input: input.watch()?,
            work: self,
            runtime: Handle::current(),
            look_back: None,
            begun: Instant::now(),
            fresh: 0,
            done,
        };
        attempt.run(&mut input, &wanted)
    }
}

impl Attempt {
    fn run(mut self, input: &mut TableFile, wanted: &[(String, ColumnType)]) -> Result<Scored, InferenceError> {
        let parts = self.work.first.parts();
        let mut part = 0;
        while part < parts {
            if self.resume(part)? {
                part += 1;
                continue;
            }
            // One reader for all files up to the next one that is whole.
            let mut batches = self.reader(input, wanted, self.work.first.range(part).0)?;
            loop {
                self.score(part, &mut batches)?;
                part += 1;
                if part == parts || self.resume(part)? {
                    part += 1;
                    break;
                }
            }
        }
        self.tell(Stage::Finishing, 0);
        Ok(self.done)
    }

    /// The rows from `first` on. Who is told of earlier rows has to see those first.
    fn reader<'a>(
        &mut self,
        input: &'a mut TableFile,
        wanted: &[(String, ColumnType)],
        first: u64,
    ) -> Result<Batches<'a>, InferenceError> {
        let Some(history) = self.work.model.history() else { return Ok(input.batches(wanted.to_vec(), first)?) };
        let (mut batches, mut look_back) = (input.batches(wanted.to_vec(), 0)?, LookBack::new(history.clone()));
        let mut seen = 0;
        while seen < first {
            self.check_stopped()?;
            let table = batches.read(AT_ONCE.min((first - seen) as usize))?.ok_or_else(gone)?;
            look_back.fill(&table)?;
            seen += table.rows() as u64;
        }
        self.look_back = Some(look_back);
        Ok(batches)
    }

    /// Takes file `part` over from an earlier attempt, if it is whole.
    fn resume(&mut self, part: u64) -> Result<bool, InferenceError> {
        self.check_stopped()?;
        let Left::Whole(record, scored) = self.left(part)? else { return Ok(false) };
        self.take(record, scored)?;
        self.done.resumed += 1;
        self.tell(Stage::Scoring, 0);
        Ok(true)
    }

    /// What there is of file `part`. A file without a record was written by a process that died right after: it is whole, because
    /// files appear whole.
    fn left(&self, part: u64) -> Result<Left, InferenceError> {
        let Some(content) = self.in_folder(move |folder| async move { folder.part_content(part).await })? else {
            return Ok(Left::Nothing);
        };
        let record = self.in_folder(move |folder| async move { folder.part(part).await })?;
        let digest = Digest::of(&content);
        let bytes = content.len() as u64;
        let (_, rows) = self.work.first.range(part);
        let scored = self.file.read(content).ok().filter(|scored| scored.scores.len() as u64 == rows);
        match (record, scored) {
            (Some(record), Some(scored)) if record.digest == digest => Ok(Left::Whole(record, scored)),
            (None, Some(scored)) => {
                let record = record_of(part, digest, bytes, &scored);
                self.keep(record.clone())?;
                Ok(Left::Whole(record, scored))
            }
            _ => Ok(Left::Damaged),
        }
    }

    /// Scores the rows of file `part` and writes it.
    fn score(&mut self, part: u64, batches: &mut Batches<'_>) -> Result<(), InferenceError> {
        let Work { replica, wish, first, facts, model, .. } = &self.work;
        let (first, rows) = first.range(part);
        let scored_time = replica.clock.now();
        let id = batch_prediction_id(facts, &wish.batch_id, scored_time, &replica.config.replica, part);
        let mut writer = self.file.write(id, scored_time)?;
        let (mut scored, mut done) = (ScoredFile::default(), 0);
        while done < rows {
            self.check_stopped()?;
            let most = AT_ONCE.min((rows - done) as usize);
            let mut table = batches.read(most)?.ok_or_else(gone)?;
            if let Some(look_back) = &mut self.look_back {
                table = look_back.fill(&table)?;
            }
            let frame = table.frame(model.signature().inputs.iter().map(|column| column.name.as_str()))?;
            let answer = model.answer(&frame).map_err(|error| error.within((first + done) as usize))?;
            writer.add(&table, first + done, model, &answer, &mut scored)?;
            done += table.rows() as u64;
            self.tell(Stage::Scoring, done);
        }
        let content = writer.finish()?;
        if !self.input.is_unchanged()? {
            return Err(gone().into());
        }
        self.fresh += rows;
        let record = self.write(part, content, &mut scored)?;
        self.take(record, scored)?;
        self.tell(Stage::Scoring, 0);
        Ok(())
    }

    /// Writes file `part`. If another process was faster, its file stands.
    fn write(&self, part: u64, content: Bytes, scored: &mut ScoredFile) -> Result<PartRecord, InferenceError> {
        let record = record_of(part, Digest::of(&content), content.len() as u64, scored);
        let whole = content.clone();
        if !self.in_folder(move |folder| async move { folder.write_part(part, whole).await })? {
            if let Left::Whole(record, theirs) = self.left(part)? {
                *scored = theirs;
                return Ok(record);
            }
            tracing::warn!(
                folder = self.work.folder.text(),
                part,
                "a file of predictions was damaged and is written anew"
            );
            self.in_folder(move |folder| async move { folder.rewrite_part(part, content).await })?;
        }
        self.keep(record.clone())?;
        Ok(record)
    }

    fn keep(&self, record: PartRecord) -> Result<(), InferenceError> {
        self.in_folder(move |folder| async move { folder.keep_part(&record).await })
    }

    /// What `work` with the folder gives. It is a task of the runtime: a thread that the runtime started from here would inherit that
    /// this one gives way, and serve callers afterwards.
    fn in_folder<T, F>(&self, work: impl FnOnce(BatchFolder) -> F) -> Result<T, InferenceError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, InferenceError>> + Send + 'static,
    {
        self.runtime.block_on(self.runtime.spawn(work(self.work.folder.clone())))?
    }

    fn take(&mut self, record: PartRecord, scored: ScoredFile) -> Result<(), InferenceError> {
        for (label, count) in &record.label_counts {
            *self.done.label_counts.entry(label.clone()).or_default() += count;
        }
        self.done.parts.push(record);
        scored.scores.into_iter().try_for_each(|score| self.done.scores.push(score))?;
        Ok(())
    }

    fn check_stopped(&self) -> Result<(), InferenceError> {
        if self.work.stop.is_cancelled() { Err(InferenceError::BatchCancelled) } else { Ok(()) }
    }

    /// `partly` rows are scored and not yet in a whole file.
    fn tell(&self, stage: Stage, partly: u64) {
        (self.work.report)(Progress {
            stage,
            version: self.work.facts.version.get(),
            rows: self.work.first.rows,
            rows_done: self.done.scores.count() + partly,
            parts_done: self.done.parts.len() as u64,
            rows_per_second: (self.fresh + partly) as f64 / self.begun.elapsed().as_secs_f64().max(1e-3),
        });
    }
}

fn record_of(part: u64, digest: Digest, bytes: u64, scored: &ScoredFile) -> PartRecord {
    let (rows, label_counts) = (scored.scores.len() as u64, scored.label_counts.clone());
    PartRecord { file: part_file(part), digest, bytes, rows, label_counts }
}

/// The input is not what was surveyed.
fn gone() -> DataError {
    DataError::SourceChanged { column: String::new() }
}
