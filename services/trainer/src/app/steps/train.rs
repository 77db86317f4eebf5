//! Features and fit: from train rows to a bundle.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use lineal_data::{DataError, FeatureSet, Frame, SplitRule, Table};
use lineal_kernel::{Digest, Name};
use lineal_models::{
    Bundle, BundleParts, Family, FitContext, Hyperparameters, Progress, SplitReference, TrainingData, Value,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    Execution, StepError,
    labels::{Labels, weights},
    load::Loaded,
    member::MemberFit,
    recipe::Recipe,
    split::Split,
    upstreams::Upstreams,
};
use crate::{
    app::{
        failure::blocking,
        feature_cache::{FeatureKey, Features},
    },
    domain::{Definition as _, JobSpec, Method},
    failpoints::stop_here,
};

/// Progress is written at most this often.
const PROGRESS: Duration = Duration::from_millis(200);

/// The hyperparameter of families that can stop early.
const STOPPING_ROUNDS: &str = "early_stopping_rounds";
/// The share of the training rows that say when to stop when nobody says.
const STOPPING_FRACTION: f64 = 0.1;

/// A fitted model, packed.
pub(super) struct Fitted {
    pub(super) bundle: Arc<Bundle>,
    /// The share of each feature in what the answers depend on.
    pub(super) importances: Vec<(String, f64)>,
    pub(super) feature_digest: Digest,
    /// Wall-clock time of the fit.
    pub(super) duration: Duration,
}

/// The train rows, apart from those that say when to stop.
pub(super) struct Cut {
    pub(super) rows: Table,
    /// Names the rows.
    digest: Digest,
    pub(super) stopping: Option<Table>,
}

impl Cut {
    /// Cuts off the rows that say when to stop, for a family that is to be stopped. `digest` is that of the rows before any
    /// resampling, and `split` the version that chose them.
    pub(super) fn of(rows: Table, mut digest: Digest, split: &Name, spec: &JobSpec) -> Result<Self, StepError> {
        if let Some(resampling) = spec.resampling {
            digest = Digest::of(format!("{digest} {resampling}").as_bytes());
        }
        let Some(rule) = stopping(split, spec) else { return Ok(Self { rows, digest, stopping: None }) };
        let digest = Digest::of(format!("{digest} {}", rule.digest()?).as_bytes());
        let parts = lineal_data::split(&rows, &rule, None).map_err(|error| match error {
            DataError::EmptyPart { part: "reference", rows, .. } => {
                DataError::EmptyPart { part: "stopping", rows, remedy: "another stopping_fraction" }
            }
            error => error,
        })?;
        Ok(Self { rows: parts.train, digest, stopping: Some(parts.reference) })
    }
}

/// How those rows are chosen. The split version chooses them, apart from its reference set.
fn stopping(split: &Name, spec: &JobSpec) -> Option<SplitRule> {
    let stops = |(name, value): (&str, &Value)| {
        name == STOPPING_ROUNDS && matches!(value, Value::Integer(rounds) if *rounds > 0)
    };
    spec.hyperparameters.iter().any(stops).then(|| {
        let seed = SplitRule::seed_of(&format!("{split} stopping"));
        SplitRule::rows(split.as_str(), seed, spec.stopping_fraction.unwrap_or(STOPPING_FRACTION))
    })
}

/// Everything a fit needs, away from the job.
pub(super) struct Fit {
    pub(super) family: &'static dyn Family,
    pub(super) hyperparameters: Hyperparameters,
    pub(super) features: Arc<Features>,
    pub(super) feature_digest: Digest,
    pub(super) labels: Labels,
    pub(super) rows: Table,
    /// The same rows, raw.
    pub(super) frame: Frame,
    pub(super) weight_column: Option<String>,
    /// The rows that say when to stop.
    pub(super) stopping: Option<Table>,
    pub(super) seed: u64,
    pub(super) threads: usize,
    pub(super) training_data: Digest,
    pub(super) split: SplitReference,
    pub(super) follower: Follower,
}

impl Execution<'_> {
    /// Fits the family on the train rows and packs the result.
    pub(super) async fn fit(
        &self,
        recipe: &Recipe,
        upstreams: &Upstreams,
        loaded: &Loaded,
        split: &Split,
    ) -> Result<Fitted, StepError> {
        let (progress, mut updates) = watch::channel(Update::default());
        let wanted = Arc::new(AtomicBool::new(true));
        let follower = Follower { progress, wanted: wanted.clone(), stop: self.stop() };
        let work: Box<dyn FnOnce() -> Result<Fitted, StepError> + Send> = match self.method()? {
            Method::Model(family) => {
                let fit = self.model_fit(family, recipe, loaded, split, follower).await?;
                Box::new(move || fit.run())
            }
            Method::Member(family) => {
                let fit = MemberFit {
                    family,
                    hyperparameters: self.spec().hyperparameters.clone(),
                    upstreams: upstreams.clone(),
                    rows: split.parts.train.clone(),
                    training_data: loaded.snapshot.digest,
                    split: reference(recipe, split),
                    follower,
                };
                Box::new(move || fit.run())
            }
        };
        let fitted = tokio::select! {
            fitted = blocking(work) => fitted?,
            error = self.tell(&mut updates, &wanted) => return Err(error),
        };
        // A short fit is over before anybody has looked.
        self.tell_last(&mut updates).await?;
        self.note(1.0, BTreeMap::new(), &format!("fitted in {:.1} s", fitted.duration.as_secs_f64())).await?;
        Ok(fitted)
    }

    async fn model_fit(
        &self,
        family: &'static dyn Family,
        recipe: &Recipe,
        loaded: &Loaded,
        split: &Split,
        follower: Follower,
    ) -> Result<Fit, StepError> {
        let spec = self.spec();
        let (rows, digest, name, asked) =
            (split.parts.train.clone(), split.train.digest, recipe.split.clone(), spec.clone());
        let Cut { rows, digest, stopping } = blocking(move || Cut::of(rows, digest, &name, &asked)).await?;
        let (features, frame) = self.features(recipe, split, &rows, digest, &loaded.table).await?;
        Ok(Fit {
            family,
            hyperparameters: spec.hyperparameters.clone(),
            feature_digest: features.fitted.set().digest()?,
            features,
            labels: loaded.labels.clone(),
            rows,
            frame,
            weight_column: spec.weight_column.clone(),
            stopping,
            seed: spec.seed,
            threads: self.app.settings.threads,
            training_data: loaded.snapshot.digest,
            split: reference(recipe, split),
            follower,
        })
    }

    /// The features of `rows` by the recipe, and the rows as they were read for it. A new feature version is inferred from all train
    /// rows and gets its meaning once it could be computed: what fails leaves nothing that a job with other columns contradicts.
    async fn features(
        &self,
        recipe: &Recipe,
        split: &Split,
        rows: &Table,
        digest: Digest,
        source: &Table,
    ) -> Result<(Arc<Features>, Frame), StepError> {
        let (app, spec, name) = (self.app, self.spec(), &recipe.features);
        if let Some(known) = app.known::<FeatureSet>(spec, name).await? {
            known.agrees(name.as_str(), spec)?;
            return self.computed(known, digest, rows, source).await;
        }
        let left_out: Vec<_> = spec.exclude_columns.iter().chain(&spec.weight_column).cloned().collect();
        let mut inferred = FeatureSet::infer(&split.parts.train, &spec.label_column, &left_out)?;
        inferred.version = name.to_string();
        let computed = self.computed(inferred.clone(), digest, rows, source).await?;
        let kept = app.define(spec, name, &inferred).await?;
        if kept == inferred {
            return Ok(computed);
        }
        // Another job gave the name its meaning meanwhile.
        kept.agrees(name.as_str(), spec)?;
        self.computed(kept, digest, rows, source).await
    }

    /// The features of the rows of `source` with this digest, computed unless another job has done it.
    async fn computed(
        &self,
        set: FeatureSet,
        digest: Digest,
        rows: &Table,
        source: &Table,
    ) -> Result<(Arc<Features>, Frame), StepError> {
        let (cache, rows, source) = (Arc::clone(&self.app.features), rows.clone(), source.clone());
        let (features, frame, reused) = blocking(move || {
            let frame = rows.to_frame();
            let key = FeatureKey { rows: digest, set: set.digest()? };
            let features = cache.features(key, &set, &frame);
            let (features, reused) = features.map_err(|error| error.counted_in(&source, &rows))?;
            Ok((features, frame, reused))
        })
        .await?;
        let columns = features.matrix.cols();
        let message = if reused { "reused the features of an earlier job" } else { "computed the features" };
        self.note(0.0, BTreeMap::new(), &format!("{message}: {columns} columns")).await?;
        Ok((features, frame))
    }

    /// Writes progress now and then, until it fails.
    async fn tell(&self, updates: &mut watch::Receiver<Update>, wanted: &AtomicBool) -> StepError {
        while updates.changed().await.is_ok() {
            // It counts as seen once it is written.
            updates.mark_changed();
            if let Err(error) = self.tell_last(updates).await {
                return error;
            }
            tokio::time::sleep(PROGRESS).await;
            wanted.store(true, Ordering::Relaxed);
        }
        // The fit is over; its result comes by another way.
        std::future::pending().await
    }

    /// Writes progress that was not written yet. Nothing new comes before it is wanted again.
    async fn tell_last(&self, updates: &mut watch::Receiver<Update>) -> Result<(), StepError> {
        let last = Some(updates.borrow()).filter(watch::Ref::has_changed).map(|last| last.clone());
        let Some(Update { step, total, metrics }) = last else { return Ok(()) };
        let progress = step as f64 / total.max(1) as f64;
        self.note(progress.min(1.0), metrics, &format!("{step} of {total}")).await?;
        updates.mark_unchanged();
        Ok(())
    }
}

/// The split as a bundle names it.
fn reference(recipe: &Recipe, split: &Split) -> SplitReference {
    SplitReference { version: recipe.split.to_string(), reference: split.definition.reference }
}

impl Fit {
    pub(super) fn run(self) -> Result<Fitted, StepError> {
        let (features, matrix) = (&self.features.fitted, &self.features.matrix);
        let (labels, names) = (self.labels.numbers(&self.rows, "training")?, features.output_names());
        let weights = self.weight_column.as_ref().map(|column| weights(column, &self.rows, "training")).transpose()?;
        let stopping = match &self.stopping {
            Some(rows) => {
                let labels = self.labels.decision.labels(&self.labels.target, rows)?;
                Some((features.transform(&rows.to_frame())?, labels))
            }
            None => None,
        };
        let mut data = TrainingData::new(self.labels.task, matrix, &labels, &names)?;
        if let Some(weights) = &weights {
            data = data.with_weights(weights)?;
        }
        if let Some((matrix, labels)) = &stopping {
            data = data.with_validation(matrix, labels)?;
        }
        let context = FitContext { seed: self.seed, threads: self.threads, progress: &self.follower };
        let started = Instant::now();
        let model = self.family.fit(&data, &self.hyperparameters, &context)?;
        let duration = started.elapsed();
        let bundle = Bundle::build(BundleParts {
            family: self.family.name(),
            task: self.labels.task,
            features,
            model: &model,
            hyperparameters: &self.hyperparameters,
            label: self.labels.target,
            decision: self.labels.decision,
            training_data: self.training_data,
            split: self.split,
            rows: &self.frame,
        })?;
        let importances = names.into_iter().zip(model.importances()).collect();
        Ok(Fitted { bundle: Arc::new(bundle), importances, feature_digest: self.feature_digest, duration })
    }
}

/// How far a fit is.
#[derive(Debug, Clone, Default)]
struct Update {
    step: u64,
    total: u64,
    metrics: BTreeMap<String, f64>,
}

/// The fit's way to the job: steps nobody waits for are not told.
pub(super) struct Follower {
    progress: watch::Sender<Update>,
    wanted: Arc<AtomicBool>,
    stop: CancellationToken,
}

impl Follower {
    /// Tells nobody, and stops when `stop` says so.
    pub(super) fn silent(stop: CancellationToken) -> Self {
        Self { progress: watch::channel(Update::default()).0, wanted: Arc::default(), stop }
    }
}

impl Progress for Follower {
    fn step(&self, step: u64, total: u64, metrics: &[(&'static str, f64)]) {
        stop_here!("fitting");
        if !self.wanted.swap(false, Ordering::Relaxed) {
            return;
        }
        let finite = metrics.iter().filter(|(_, value)| value.is_finite());
        let metrics = finite.map(|(name, value)| ((*name).to_owned(), *value)).collect();
        self.progress.send_replace(Update { step, total, metrics });
    }

    fn wants_metrics(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    fn cancelled(&self) -> bool {
        self.stop.is_cancelled()
    }
}
