//! A bundle that has been loaded: raw rows in, scores and labels out.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use lineal_data::{DataError, Frame, Gap, History, Table};

use super::{
    Answer, Bundle, BundleError, Decision, Golden, LeftOut, ScoreError, Scorer, Signature, ensemble, graph, malformed,
    manifest::{FEATURES, GOLDEN, MANIFEST, MODEL, UpstreamBundle},
    member,
};
use crate::{MetricError, Model, Task, compute};

/// A model that has proved itself on its golden rows and is ready to serve.
pub struct ServedModel {
    scorer: Scorer,
    signature: Signature,
    task: Task,
    decision: Decision,
    classes: Vec<String>,
    answers: Vec<String>,
    importances: Vec<(String, f64)>,
    golden: Golden,
    /// What was found of so many rows together.
    alike: Mutex<BTreeMap<usize, bool>>,
    bytes: usize,
}

impl ServedModel {
    /// A model that stands alone, see [`ServedModel::load_chain`].
    ///
    /// # Errors
    /// As [`ServedModel::load_chain`].
    pub fn load(bundle: &Bundle) -> Result<Self, BundleError> {
        Self::load_chain(bundle, &[])
    }

    /// Parses every file, validates the numbers and replays the golden rows; those of a member through the whole chain. May
    /// take seconds for a large model: not for a thread that serves. `upstreams` are the bundles that the manifest names, in its
    /// order.
    ///
    /// # Errors
    /// [`BundleError::Upstreams`], [`BundleError::Malformed`] naming the file, [`BundleError::Model`],
    /// [`BundleError::Graph`], [`BundleError::Member`], [`BundleError::Chain`], [`BundleError::Ensemble`], [`BundleError::Golden`]
    /// and [`BundleError::GoldenMismatch`].
    pub fn load_chain(bundle: &Bundle, upstreams: &[Bundle]) -> Result<Self, BundleError> {
        Self::load_with(bundle, &upstreams.iter().map(Ok).collect::<Vec<_>>())
    }

    /// The same where bundles may be missing, each with the reason: an ensemble that renormalises does without them, see
    /// [`ServedModel::absent`], and everything else is refused.
    ///
    /// # Errors
    /// As [`ServedModel::load_chain`].
    pub fn load_with(bundle: &Bundle, upstreams: &[Result<&Bundle, &str>]) -> Result<Self, BundleError> {
        let manifest = bundle.manifest();
        let wrong = || BundleError::Upstreams { expected: manifest.upstreams.len(), found: upstreams.len() };
        let mut named = manifest.upstreams.iter().zip(upstreams);
        let fits = |(named, given): (&UpstreamBundle, &Result<&Bundle, &str>)| match given {
            Ok(given) => given.digest() == named.digest,
            Err(_) => manifest.is_ensemble(),
        };
        if manifest.upstreams.len() != upstreams.len() || !named.all(fits) {
            return Err(wrong());
        }
        let given: Vec<&Bundle> = upstreams.iter().filter_map(|one| one.ok()).collect();
        let (scorer, importances) = if manifest.is_member() {
            (member::scorer(bundle, &given)?, Vec::new())
        } else if manifest.is_ensemble() {
            (ensemble::scorer(bundle, upstreams)?, Vec::new())
        } else if manifest.is_graph() {
            (graph::scorer(bundle)?, Vec::new())
        } else {
            Self::model(bundle)?
        };
        if Signature::new(scorer.inputs(), manifest.task) != manifest.signature {
            return Err(malformed(MANIFEST, "its signature is not that of its files"));
        }
        let bundles = given.into_iter().chain([bundle]);
        let golden: Golden = bundle.read(GOLDEN)?;
        golden.replay(&scorer)?;
        Ok(Self {
            golden,
            alike: Mutex::default(),
            scorer,
            signature: manifest.signature.clone(),
            task: manifest.task,
            decision: manifest.decision.clone(),
            classes: manifest.decision.classes(),
            answers: manifest.decision.answers(),
            importances,
            bytes: bundles.flat_map(|bundle| bundle.files().values()).map(Vec::len).sum(),
        })
    }

    fn model(bundle: &Bundle) -> Result<(Scorer, Vec<(String, f64)>), BundleError> {
        let manifest = bundle.manifest();
        let features = bundle.features()?;
        if features.set().digest().map_err(|error| malformed(FEATURES, error))? != manifest.feature_set {
            return Err(malformed(MANIFEST, "its feature set is not that of the features"));
        }
        let model: Model = bundle.read(MODEL)?;
        let importances = features.output_names().into_iter().zip(model.importances()).collect();
        Ok((Scorer::model(features, &model, &manifest.decision)?, importances))
    }

    /// What goes in and what comes out.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// What it predicts.
    pub fn task(&self) -> Task {
        self.task
    }

    /// The stored rule from scores to an answer.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// How many scores a row gets: one, or one for each of several classes.
    pub fn outputs(&self) -> usize {
        self.scorer.outputs()
    }

    /// What the scores of a row are, in order, as [`Decision::answers`].
    pub fn answers(&self) -> &[String] {
        &self.answers
    }

    /// The names of the classes; none where the score is the answer.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The inputs that are told from earlier rows, where rows come together; `None` if there are none.
    pub fn history(&self) -> Option<&History> {
        self.scorer.history()
    }

    /// `rows`, which come together, with the inputs that are told from earlier ones, as [`History::fill`].
    ///
    /// # Errors
    /// As [`History::fill`].
    pub fn look_back(&self, rows: &Table) -> Result<Table, DataError> {
        self.history().map_or_else(|| Ok(rows.clone()), |history| history.fill(rows))
    }

    /// The scores of every row of `frame`, row after row; columns beyond the signature's are ignored.
    ///
    /// # Errors
    /// [`ScoreError`]: columns that are missing or of the wrong kind, and values that cannot be scored.
    pub fn score(&self, frame: &Frame) -> Result<Vec<f64>, ScoreError> {
        self.scorer.score(frame)
    }

    /// The same, and which members of an ensemble are not in the scores.
    ///
    /// # Errors
    /// As [`ServedModel::score`].
    pub fn answer(&self, frame: &Frame) -> Result<Answer, ScoreError> {
        match &self.scorer {
            Scorer::Ensemble(ensemble) => ensemble.answer(frame),
            scorer => Ok(Answer { scores: scorer.score(frame)?, left_out: Vec::new() }),
        }
    }

    /// Whether members answer together, each by itself.
    pub fn is_ensemble(&self) -> bool {
        matches!(self.scorer, Scorer::Ensemble(_))
    }

    /// Whether no member of an ensemble is absent.
    pub fn is_whole(&self) -> bool {
        self.scorer.is_whole()
    }

    /// The members of an ensemble that could not be loaded, each left out of every row, and why.
    pub fn absent(&self) -> Vec<LeftOut> {
        match &self.scorer {
            Scorer::Ensemble(ensemble) => ensemble.absent().collect(),
            _ => Vec::new(),
        }
    }

    /// Every missing value of `frame`, row after row, with what the model is given instead.
    ///
    /// # Errors
    /// As [`ServedModel::score`], but not for values.
    pub fn gaps(&self, frame: &Frame) -> Result<Vec<Gap<'_>>, ScoreError> {
        self.scorer.gaps(frame)
    }

    /// The label of a row with `scores`; `None` in a regression, where the score is the answer.
    pub fn label(&self, scores: &[f64]) -> Option<&str> {
        self.classes.get(self.decision.class(scores)?).map(String::as_str)
    }

    /// The scores as they are measured: of a chain, made to sum to 1 in every row.
    pub fn whole(&self, scores: Vec<f64>) -> Vec<f64> {
        self.scorer.whole(scores)
    }

    /// How good `scores` are, made whole, against the true `labels`: numbers of classes, or targets.
    ///
    /// # Errors
    /// As [`compute`].
    pub fn measure(&self, labels: &[f64], scores: &[f64]) -> Result<BTreeMap<&'static str, f64>, MetricError> {
        compute(self.task, labels, &self.whole(scores.to_vec()), self.decision.threshold())
    }

    /// The share of each feature, as the features are called after their transforms, in what the scores depend on, as
    /// [`Model::importances`]; empty for a model that does not tell.
    pub fn importances(&self) -> &[(String, f64)] {
        &self.importances
    }

    /// Whether it is or uses a graph, of which the size of the file says how long a row takes.
    pub fn has_graph(&self) -> bool {
        self.scorer.has_graph()
    }

    /// Whether it scores without waiting for others, as long as nobody else begins: some session of each graph is at rest.
    pub fn is_free(&self) -> bool {
        self.scorer.is_free()
    }

    /// How many runs of a graph that takes many rows at once may go on at the same time. `None` for everything else: it takes as long
    /// for many rows together as for one after the other.
    pub fn runs_at_once(&self) -> Option<usize> {
        if let Scorer::Graph { graph, .. } = &self.scorer { graph.runs_at_once() } else { None }
    }

    /// Whether a row scores the same to the last bit alone and among up to `most` rows; tried once with the golden rows, of which about
    /// three times `most` are scored. Whoever else asks meanwhile waits for that.
    ///
    /// # Errors
    /// As [`ServedModel::score`].
    pub fn is_alike_together(&self, most: usize) -> Result<bool, ScoreError> {
        let mut tried = self.alike.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(alike) = tried.get(&most) {
            return Ok(*alike);
        }
        let alike = self.golden.is_alike_together(&self.scorer, most)?;
        tried.insert(most, alike);
        Ok(alike)
    }

    pub(super) fn leaves_out_scores(&self) -> bool {
        self.scorer.leaves_out_scores()
    }

    /// How many golden rows it proved itself on.
    pub fn golden_rows(&self) -> usize {
        self.golden.len()
    }

    /// Scores the golden rows once more; returns how many they are.
    ///
    /// # Errors
    /// [`BundleError::Golden`] and [`BundleError::GoldenMismatch`].
    pub fn replay(&self) -> Result<usize, BundleError> {
        self.golden.replay(&self.scorer)
    }

    /// About how much memory it takes: the size of the files it was read from, which are of the same order.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}
