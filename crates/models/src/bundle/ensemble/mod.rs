//! Bundles of ensembles: versions that answer each by itself, and how their answers are weighed.

mod problem;
mod vote;

use std::collections::BTreeMap;

use lineal_data::Frame;
use lineal_kernel::Digest;
use serde::{Deserialize, Serialize};

use super::{
    Bundle, BundleError, FileEntry, Golden, Manifest, Scorer, ServedModel, Signature, SignatureColumn, SplitReference,
    UpstreamBundle, malformed,
    manifest::{ENSEMBLE, FORMAT, GOLDEN, MANIFEST},
    named, write,
};

pub use problem::{EnsembleError, EnsembleProblem, MemberFault};
pub(super) use vote::Ensemble;
use vote::Voice;
pub use vote::{Answer, LeftOut};

/// The family of all ensembles.
const FAMILY: &str = "ensemble";
/// How far the stored weights may be from a sum of 1.
const SLACK: f64 = 1e-9;

/// What happens when a member cannot answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EnsembleRule {
    /// Nobody answers.
    #[default]
    Fail,
    /// The others do, their weights raised in proportion, and the answer says so.
    Renormalise,
}

/// One version of an ensemble.
#[derive(Debug, Clone)]
pub struct EnsembleMember {
    /// The version, e.g. `churn/3`; unique within the ensemble.
    pub name: String,
    /// Its part in relation to the others; finite and more than 0.
    pub weight: f64,
    /// The version's bundle.
    pub bundle: Bundle,
    /// Of the last member of a chain, the bundles that its manifest names.
    pub upstreams: Vec<Bundle>,
}

/// What an ensemble's bundle is made of.
#[derive(Debug, Clone)]
pub struct EnsembleParts<'a> {
    /// At least two, which predict the same thing.
    pub members: &'a [EnsembleMember],
    /// What happens when one of them cannot answer.
    pub rule: EnsembleRule,
    /// The split whose reference rows no member has learned from.
    pub split: SplitReference,
    /// Raw rows that every member can answer; 16 of them, evenly spread, become golden rows.
    pub rows: &'a Frame,
}

/// `ensemble.json`
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Weighing {
    rule: EnsembleRule,
    members: Vec<Weighed>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Weighed {
    /// As the manifest calls it among the bundles upstream.
    member: String,
    /// Its share of the whole.
    weight: f64,
}

impl Weighing {
    /// With weights that sum to 1.
    fn of(members: &[EnsembleMember], rule: EnsembleRule) -> Result<Self, EnsembleProblem> {
        let sum: f64 = members.iter().map(|member| member.weight).sum();
        if let Some(wrong) = members.iter().find(|member| !(member.weight.is_finite() && member.weight > 0.0)) {
            return Err(EnsembleProblem::Weight { member: wrong.name.clone(), weight: wrong.weight });
        }
        let weighed = |member: &EnsembleMember| Weighed { member: member.name.clone(), weight: member.weight / sum };
        Self { rule, members: members.iter().map(weighed).collect() }.checked()
    }

    fn checked(self) -> Result<Self, EnsembleProblem> {
        let members = &self.members;
        if members.len() < 2 {
            return Err(EnsembleProblem::TooFew { found: members.len() });
        }
        for (i, Weighed { member, weight }) in members.iter().enumerate() {
            if members[..i].iter().any(|other| other.member == *member) {
                return Err(EnsembleProblem::DuplicateMember { member: member.clone() });
            }
            if !(weight.is_finite() && *weight > 0.0) {
                return Err(EnsembleProblem::Weight { member: member.clone(), weight: *weight });
            }
        }
        let sum: f64 = members.iter().map(|member| member.weight).sum();
        if (sum - 1.0).abs() > SLACK {
            return Err(EnsembleProblem::Sum { sum });
        }
        Ok(self)
    }
}

impl Bundle {
    /// Packs an ensemble. All members answer the golden rows, whatever the rule.
    ///
    /// # Errors
    /// [`BundleError::Ensemble`]: members that are too few, predict different things or are ensembles themselves, and weights that are
    /// none; else as [`ServedModel::load_chain`] of a member, no rows, or rows that a member cannot answer.
    pub fn build_ensemble(parts: &EnsembleParts<'_>) -> Result<Self, BundleError> {
        let weighing = Weighing::of(parts.members, parts.rule)?;
        let first = parts.members[0].bundle.manifest();
        let mut voices = Vec::with_capacity(parts.members.len());
        for (member, weighed) in parts.members.iter().zip(&weighing.members) {
            alike(first, &member.name, member.bundle.manifest())?;
            let model = ServedModel::load_chain(&member.bundle, &member.upstreams)?;
            voices.push(Voice::new(weighed.member.clone(), weighed.weight, Ok(model)));
        }
        let inputs = union(&voices)?;
        let feature_set = Digest::of(&write(ENSEMBLE, &inputs)?);
        let scorer = Scorer::Ensemble(Ensemble::new(EnsembleRule::Fail, voices, inputs, first.decision.outputs()));
        let golden = write(GOLDEN, &Golden::new(parts.rows, &scorer)?)?;
        let weighing = write(ENSEMBLE, &weighing)?;
        let hyperparameters = Digest::of(&weighing);
        let files = BTreeMap::from([(ENSEMBLE, weighing), (GOLDEN, golden)].map(named));
        let manifest = Manifest {
            format: FORMAT,
            family: FAMILY.to_owned(),
            task: first.task,
            files: files.iter().map(|(name, bytes)| (name.clone(), FileEntry::of(bytes))).collect(),
            signature: Signature::new(scorer.inputs(), first.task),
            label: first.label.clone(),
            decision: first.decision.clone(),
            hyperparameters,
            feature_set,
            training_data: training_data(parts.members)?,
            split: parts.split.clone(),
            upstreams: upstreams(parts.members),
        };
        Self::sealed(&manifest, files)
    }
}

/// The ensemble of `bundle`. A member whose bundle is missing or does not load is absent, if the rule allows it.
pub(super) fn scorer(bundle: &Bundle, upstreams: &[Result<&Bundle, &str>]) -> Result<Scorer, BundleError> {
    let manifest = bundle.manifest();
    let weighing = bundle.read::<Weighing>(ENSEMBLE)?.checked()?;
    let mut voices = Vec::with_capacity(weighing.members.len());
    for Weighed { member, weight } in weighing.members {
        let at = manifest.upstreams.iter().position(|upstream| upstream.member == member);
        let at = at.ok_or_else(|| malformed(MANIFEST, format!("it does not name the bundle of `{member}`")))?;
        let model = match upstreams[at] {
            Ok(of_member) => {
                alike(manifest, &member, of_member.manifest())?;
                load(of_member, upstreams).map_err(|error| causes(&error))
            }
            Err(problem) => Err(problem.to_owned()),
        };
        if let (Err(problem), EnsembleRule::Fail) = (&model, weighing.rule) {
            return Err(EnsembleProblem::NotLoaded { member, problem: problem.clone() }.into());
        }
        voices.push(Voice::new(member, weight, model));
    }
    let inputs = match voices.iter().find_map(Voice::absence) {
        None => union(&voices)?,
        // What the others take is part of what all take.
        Some(_) if voices.iter().any(|voice| voice.absence().is_none()) => manifest.signature.inputs.clone(),
        Some(LeftOut { member, problem, .. }) => return Err(EnsembleProblem::NotLoaded { member, problem }.into()),
    };
    Ok(Scorer::Ensemble(Ensemble::new(weighing.rule, voices, inputs, manifest.decision.outputs())))
}

/// A member, with those of `upstreams` that it names.
fn load(member: &Bundle, upstreams: &[Result<&Bundle, &str>]) -> Result<ServedModel, BundleError> {
    let of = |digest| upstreams.iter().filter_map(|one| one.ok()).find(|one| one.digest() == digest);
    let named = member.manifest().upstreams.iter();
    let own: Vec<_> = named.filter_map(|upstream| of(upstream.digest)).map(Ok).collect();
    ServedModel::load_with(member, &own)
}

/// That a member predicts what `expected` does.
fn alike(expected: &Manifest, member: &str, found: &Manifest) -> Result<(), EnsembleProblem> {
    let member = || member.to_owned();
    if found.is_ensemble() {
        return Err(EnsembleProblem::Nested { member: member() });
    }
    if found.task != expected.task {
        let (expected, found) = (expected.task.name(), found.task.name());
        return Err(EnsembleProblem::Task { member: member(), expected, found });
    }
    if found.decision.classes() != expected.decision.classes() {
        return Err(EnsembleProblem::Classes { member: member() });
    }
    if found.label != expected.label {
        return Err(EnsembleProblem::Label { member: member(), column: found.label.column.clone() });
    }
    Ok(())
}

/// Every raw column that some member takes, once. Those that are told from earlier rows are told in one way.
fn union(voices: &[Voice]) -> Result<Vec<SignatureColumn>, EnsembleProblem> {
    let mut inputs: Vec<SignatureColumn> = Vec::new();
    let mut histories = voices.iter().filter_map(|voice| Some((voice, voice.model()?.history()?)));
    if let Some((_, first)) = histories.next()
        && let Some((other, _)) = histories.find(|(_, history)| *history != first)
    {
        return Err(EnsembleProblem::History { member: other.name().to_owned() });
    }
    for voice in voices {
        for input in voice.model().into_iter().flat_map(|model| &model.signature().inputs) {
            match inputs.iter().find(|known| known.name == input.name) {
                Some(known) if known.datatype != input.datatype => {
                    return Err(EnsembleProblem::InputType {
                        member: voice.name().to_owned(),
                        input: input.name.clone(),
                    });
                }
                Some(_) => {}
                None => inputs.push(input.clone()),
            }
        }
    }
    Ok(inputs)
}

/// The bundles of all members, each after those that it names itself; one that several name once.
fn upstreams(members: &[EnsembleMember]) -> Vec<UpstreamBundle> {
    let mut all: Vec<UpstreamBundle> = Vec::new();
    for EnsembleMember { name, bundle, .. } in members {
        for upstream in &bundle.manifest().upstreams {
            if !all.iter().any(|known| known.digest == upstream.digest) {
                all.push(upstream.clone());
            }
        }
        all.push(UpstreamBundle { member: name.clone(), digest: bundle.digest() });
    }
    all
}

/// The snapshot that all members learned from, or what stands for their several ones.
fn training_data(members: &[EnsembleMember]) -> Result<Digest, BundleError> {
    let mut digests: Vec<Digest> = members.iter().map(|member| member.bundle.manifest().training_data).collect();
    digests.dedup();
    match digests.as_slice() {
        [one] => Ok(*one),
        several => Ok(Digest::of(&write(MANIFEST, &several)?)),
    }
}

/// An error and why, in one line; what a transparent one repeats is said once.
fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source()).map(ToString::to_string);
    causes.fold(error.to_string(), |text, cause| if text.ends_with(&cause) { text } else { format!("{text}: {cause}") })
}
