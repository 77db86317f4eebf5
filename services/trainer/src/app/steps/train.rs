//! Features and fit: from train rows to a bundle.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use lineal_data::{Column, FeatureSet, Frame, Table, Target};
use lineal_kernel::Digest;
use lineal_models::{
    Bundle, BundleParts, Decision, Family, FitContext, Hyperparameters, Progress, Rule, SplitReference, Task,
    Threshold, TrainingData,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Execution, StepError, load::Loaded, recipe::Recipe, split::Split};
use crate::{
    app::{
        failure::blocking,
        feature_cache::{FeatureKey, Features},
    },
    domain::Definition as _,
    failpoints::stop_here,
};

/// Progress is written at most this often.
const PROGRESS: Duration = Duration::from_millis(200);

/// A fitted model, packed.
pub(super) struct Fitted {
    pub(super) bundle: Arc<Bundle>,
    pub(super) feature_digest: Digest,
    /// Wall-clock time of the fit.
    pub(super) duration: Duration,
}

/// Everything a fit needs, away from the job.
struct Fit {
    family: &'static dyn Family,
    hyperparameters: Hyperparameters,
    features: Arc<Features>,
    target: Target,
    rows: Table,
    /// The same rows, raw.
    frame: Frame,
    threshold: f64,
    seed: u64,
    threads: usize,
    training_data: Digest,
    split: SplitReference,
    follower: Follower,
}

impl Execution<'_> {
    /// Fits the family on the train rows and packs the result.
    pub(super) async fn fit(&self, recipe: &Recipe, loaded: &Loaded, split: &Split) -> Result<Fitted, StepError> {
        let spec = self.spec();
        let family = self.app.families().iter().find(|family| family.name() == spec.family);
        let family = *family.ok_or_else(|| StepError::NoFamily { family: spec.family.clone() })?;
        let set = self.feature_set(recipe, &split.parts.train).await?;
        let feature_digest = set.digest()?;
        let (features, frame) = self.features(set, feature_digest, split).await?;
        let (progress, updates) = watch::channel(Update::default());
        let fit = Fit {
            family,
            hyperparameters: spec.hyperparameters.clone(),
            features,
            target: loaded.target.clone(),
            rows: split.parts.train.clone(),
            frame,
            threshold: spec.threshold,
            seed: spec.seed,
            threads: self.app.settings.threads,
            training_data: loaded.snapshot.digest,
            split: SplitReference { version: recipe.split.to_string(), reference: split.definition.reference },
            follower: Follower { progress, stop: self.stop() },
        };
        let (bundle, duration) = tokio::select! {
            fitted = blocking(move || fit.run()) => fitted?,
            error = self.tell(updates) => return Err(error),
        };
        self.note(1.0, BTreeMap::new(), &format!("fitted in {:.1} s", duration.as_secs_f64())).await?;
        Ok(Fitted { bundle: Arc::new(bundle), feature_digest, duration })
    }

    /// The recipe's features; those of a new feature version are inferred from the train rows.
    async fn feature_set(&self, recipe: &Recipe, rows: &Table) -> Result<FeatureSet, StepError> {
        let (app, spec) = (self.app, self.spec());
        let set = if let Some(known) = app.known::<FeatureSet>(spec, &recipe.features).await? {
            known
        } else {
            let mut set = FeatureSet::infer(rows, &spec.label_column, &spec.exclude_columns)?;
            set.version = recipe.features.to_string();
            app.define(spec, &recipe.features, &set).await?
        };
        set.agrees(recipe.features.as_str(), spec)?;
        Ok(set)
    }

    /// The features of the train rows, computed unless another job has done it, and the rows as they were read for it.
    async fn features(
        &self,
        set: FeatureSet,
        digest: Digest,
        split: &Split,
    ) -> Result<(Arc<Features>, Frame), StepError> {
        let (cache, rows) = (Arc::clone(&self.app.features), split.parts.train.clone());
        let key = FeatureKey { rows: split.train.digest, set: digest };
        let (features, frame, reused) = blocking(move || {
            let frame = rows.to_frame();
            let (features, reused) = cache.features(key, &set, &frame)?;
            Ok((features, frame, reused))
        })
        .await?;
        let columns = features.matrix.cols();
        let message = if reused { "reused the features of an earlier job" } else { "computed the features" };
        self.note(0.0, BTreeMap::new(), &format!("{message}: {columns} columns")).await?;
        Ok((features, frame))
    }

    /// Writes the latest progress now and then, until it fails.
    async fn tell(&self, mut updates: watch::Receiver<Update>) -> StepError {
        let mut pace = tokio::time::interval(PROGRESS);
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            pace.tick().await;
            if updates.changed().await.is_err() {
                // The fit is over; its result comes by another way.
                return std::future::pending().await;
            }
            let Update { step, total, metrics } = updates.borrow_and_update().clone();
            let progress = step as f64 / total.max(1) as f64;
            if let Err(error) = self.note(progress.min(1.0), metrics, &format!("{step} of {total}")).await {
                return error.into();
            }
        }
    }
}

impl Fit {
    fn run(self) -> Result<(Bundle, Duration), StepError> {
        let (features, matrix) = (&self.features.fitted, &self.features.matrix);
        let classes = self.target.classes(&self.rows)?;
        let names = features.output_names();
        let data = TrainingData::new(Task::BinaryClassification, matrix, &classes.values, &names)?;
        let context = FitContext { seed: self.seed, threads: self.threads, progress: &self.follower };
        let started = Instant::now();
        let model = self.family.fit(&data, &self.hyperparameters, &context)?;
        let duration = started.elapsed();
        let decision = Decision::Threshold(Threshold {
            negative_class: negative_class(&self.rows.column(&self.target.column)?, &classes.positive),
            positive_class: classes.positive,
            threshold: self.threshold,
            rule: Rule::AtLeast,
        });
        let bundle = Bundle::build(BundleParts {
            family: self.family.name(),
            task: Task::BinaryClassification,
            features,
            model: &model,
            hyperparameters: &self.hyperparameters,
            label: self.target,
            decision,
            training_data: self.training_data,
            split: self.split,
            rows: &self.frame,
        })?;
        Ok((bundle, duration))
    }
}

/// What the label column calls the other class.
fn negative_class(labels: &Column, positive: &str) -> Option<String> {
    match labels {
        Column::Numbers(values) => values.iter().map(f64::to_string).find(|class| class != positive),
        Column::Texts(values) => values.iter().flatten().find(|class| ***class != *positive).map(ToString::to_string),
    }
}

/// How far a fit is.
#[derive(Debug, Clone, Default)]
struct Update {
    step: u64,
    total: u64,
    metrics: BTreeMap<String, f64>,
}

/// The fit's way to the job: only its latest word is kept.
struct Follower {
    progress: watch::Sender<Update>,
    stop: CancellationToken,
}

impl Progress for Follower {
    fn step(&self, step: u64, total: u64, metrics: &[(&'static str, f64)]) {
        stop_here!("fitting");
        let finite = metrics.iter().filter(|(_, value)| value.is_finite());
        let metrics = finite.map(|(name, value)| ((*name).to_owned(), *value)).collect();
        self.progress.send_replace(Update { step, total, metrics });
    }

    fn cancelled(&self) -> bool {
        self.stop.is_cancelled()
    }
}
