//! The steps of a training gone through again from what was recorded. Nothing is stored, and no cache helps.

use std::{mem, sync::Arc};

use lineal_data::{Frame, Parts, Snapshot, Table};
use lineal_kernel::Digest;
use lineal_models::{Bundle, Family, MemberFamily, SplitReference};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    StepError,
    labels::Labels,
    member::MemberFit,
    resample::resampled,
    split::Pieces,
    train::{Cut, Fit, Fitted, Follower},
    upstreams::Upstreams,
};
use crate::{
    app::{App, failure::blocking, feature_cache::Features, inputs::Input, recorded::Recorded},
    domain::{Facts, Method, Stage},
};

/// A training on its way through its steps.
pub(in crate::app) struct Repetition<'a> {
    app: &'a App,
    recorded: &'a Recorded,
    threads: usize,
    at: At,
    stop: CancellationToken,
    /// Work on other threads stops when nobody waits for it any more.
    _stop: DropGuard,
}

/// What it has so far.
enum At {
    Begun,
    Loaded(Rows),
    Split(Rows, Box<Parts>, Digest),
    Ready(Rows, Prepared),
    Packed(Arc<Bundle>),
    Over,
}

/// All rows of the training.
struct Rows {
    table: Table,
    labels: Labels,
    upstreams: Upstreams,
}

/// Train rows for a fit.
enum Prepared {
    Model { family: &'static dyn Family, cut: Cut, frame: Frame, features: Arc<Features> },
    Member { family: &'static dyn MemberFamily, train: Table },
}

impl<'a> Repetition<'a> {
    pub(in crate::app) fn new(app: &'a App, recorded: &'a Recorded, threads: usize) -> Self {
        let stop = CancellationToken::new();
        Self { app, recorded, threads, at: At::Begun, _stop: stop.clone().drop_guard(), stop }
    }

    /// Goes through the next step and says what it found; `None` after the last one, or after one that failed.
    pub(in crate::app) async fn step(&mut self) -> Option<(Stage, Result<Facts, StepError>)> {
        let (stage, done) = match mem::replace(&mut self.at, At::Over) {
            At::Begun => (Stage::Load, self.load().await),
            At::Loaded(rows) => (Stage::Split, self.split(rows).await),
            At::Split(rows, parts, train) => (Stage::Features, self.features(rows, *parts, train).await),
            At::Ready(rows, prepared) => (Stage::Fit, self.fit(rows, prepared).await),
            At::Packed(bundle) => (Stage::Bundle, self.bundle(&bundle).await),
            At::Over => return None,
        };
        let found = done.map(|(at, found)| {
            self.at = at;
            found
        });
        Some((stage, found))
    }

    async fn load(&self) -> Result<(At, Facts), StepError> {
        let (app, spec, digest) = (self.app, self.recorded.spec.clone(), self.recorded.version.data);
        let upstreams = app.upstreams(&spec).await?;
        let (content, method, families) = (app.registry.download(digest).await?, app.method(&spec)?, app.families());
        let classes = upstreams.classes().map(<[String]>::to_vec);
        let (table, labels, snapshot) = blocking(move || {
            let table = Snapshot::open(content, digest)?;
            let labels = Labels::by(method, &table, &spec, families, classes)?;
            // The rows, written anew: the snapshot is what its rows make.
            let snapshot = Snapshot::of(&table)?.digest;
            Ok((table, labels, snapshot))
        })
        .await?;
        let mut found = Facts::from([("snapshot".to_owned(), snapshot)]);
        found.extend(upstreams.bundles.iter().map(|(member, bundle)| (format!("upstream {member}"), bundle.digest())));
        Ok((At::Loaded(Rows { table, labels, upstreams }), found))
    }

    async fn split(&self, rows: Rows) -> Result<(At, Facts), StepError> {
        let fixed = self.recorded.version.reference;
        let reference = self.app.registry.download(fixed).await?;
        let (table, rule, spec) = (rows.table.clone(), self.recorded.rule.clone(), self.recorded.spec.clone());
        let history = match self.app.method(&spec)? {
            Method::Model(_) => self.recorded.bundle.features()?.set().history.clone(),
            Method::Member(_) => None,
        };
        let (parts, train, found) = blocking(move || {
            let pieces = Pieces::of(&table, &rule, &Snapshot::open(reference, fixed)?)?;
            let reference = Snapshot::of(&pieces.parts.reference)?.digest;
            let mut found = Facts::from([("training", pieces.train.digest), ("reference", reference)].map(named));
            found.extend(pieces.extra.map(|extra| named(("extra", extra.digest))));
            found.extend(pieces.tests.into_iter().map(|(name, test)| (format!("test {name}"), test.digest)));
            let mut parts = pieces.parts;
            if let Some(history) = history {
                parts.train = history.fill(&parts.train)?;
            }
            parts.train = resampled(parts.train, &spec)?;
            Ok((parts, pieces.train.digest, found))
        })
        .await?;
        Ok((At::Split(rows, Box::new(parts), train), found))
    }

    async fn features(&self, rows: Rows, parts: Parts, train: Digest) -> Result<(At, Facts), StepError> {
        let recorded = self.recorded;
        let family = match self.app.method(&recorded.spec)? {
            Method::Model(family) => family,
            Method::Member(family) => {
                return Ok((At::Ready(rows, Prepared::Member { family, train: parts.train }), Facts::new()));
            }
        };
        let (set, spec, split) = (recorded.bundle.features()?.set().clone(), recorded.spec.clone(), recorded.split()?);
        let (prepared, found) = blocking(move || {
            let cut = Cut::of(parts.train, train, &split, &spec)?;
            let frame = cut.rows.to_frame();
            let features = Arc::new(Features::of(&set, &frame)?);
            // As a bundle keeps them.
            let file = Digest::of(&serde_json::to_vec(&features.fitted)?);
            let found = Facts::from([("feature set", set.digest()?), ("features.json", file)].map(named));
            Ok((Prepared::Model { family, cut, frame, features }, found))
        })
        .await?;
        Ok((At::Ready(rows, prepared), found))
    }

    async fn fit(&self, rows: Rows, prepared: Prepared) -> Result<(At, Facts), StepError> {
        let Recorded { version, spec, .. } = self.recorded;
        let split = SplitReference { version: self.recorded.split()?.to_string(), reference: version.reference };
        let (training_data, follower) = (version.data, Follower::silent(self.stop.clone()));
        let hyperparameters = spec.hyperparameters.clone();
        let work: Box<dyn FnOnce() -> Result<Fitted, StepError> + Send> = match prepared {
            Prepared::Model { family, cut: Cut { rows: train, stopping, .. }, frame, features } => {
                let fit = Fit {
                    family,
                    hyperparameters,
                    feature_digest: features.fitted.set().digest()?,
                    features,
                    labels: rows.labels,
                    rows: train,
                    frame,
                    weight_column: spec.weight_column.clone(),
                    stopping,
                    seed: spec.seed,
                    threads: self.threads,
                    training_data,
                    split,
                    follower,
                };
                Box::new(move || fit.run())
            }
            Prepared::Member { family, train } => {
                let (upstreams, rows) = (rows.upstreams, train);
                let fit = MemberFit { family, hyperparameters, upstreams, rows, training_data, split, follower };
                Box::new(move || fit.run())
            }
        };
        let bundle = blocking(work).await?.bundle;
        let found = Recorded::packed(bundle.manifest(), Stage::Fit);
        Ok((At::Packed(bundle), found))
    }

    /// Compares the whole, and hashes once more what was read.
    async fn bundle(&self, bundle: &Bundle) -> Result<(At, Facts), StepError> {
        let version = &self.recorded.version;
        let inputs = [Input::new("snapshot", version.data), Input::new("reference part", version.reference)];
        let moved = self.app.moved(&inputs).await?;
        if !moved.is_empty() {
            return Err(StepError::Moved { moved: moved.join("; ") });
        }
        let mut found = Recorded::packed(bundle.manifest(), Stage::Bundle);
        found.insert("bundle".to_owned(), bundle.digest());
        Ok((At::Over, found))
    }
}

fn named((subject, digest): (&str, Digest)) -> (String, Digest) {
    (subject.to_owned(), digest)
}
