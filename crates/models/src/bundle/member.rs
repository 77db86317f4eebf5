//! Bundles of members: what is served is the whole chain that ends in the member.

use std::collections::BTreeMap;

use lineal_data::{Frame, Target};
use lineal_kernel::Digest;

use super::{
    Bundle, BundleError, Decision, FileEntry, Golden, Manifest, MostProbable, Scorer, Signature, SplitReference,
    UpstreamBundle, malformed,
    manifest::{FORMAT, GOLDEN, MANIFEST, MEMBER},
    named, write,
};
use crate::{Chain, Hyperparameters, Member, OUTCOME, Task};

/// The last member's own name in its chain, which is none of a model.
const LAST: &str = "the last member";

/// What a member's bundle is made of.
#[derive(Debug, Clone)]
pub struct MemberParts<'a> {
    /// The family that fitted the member.
    pub family: &'a str,
    /// The member as fitted.
    pub member: &'a Member,
    /// The bundles of all members before it, by their names in the chain, upstream first.
    pub upstreams: &'a [(String, Bundle)],
    /// The hyperparameters of the fit.
    pub hyperparameters: &'a Hyperparameters,
    /// Digest of the snapshot the training rows came from.
    pub training_data: Digest,
    /// The split that chose them.
    pub split: SplitReference,
    /// Raw rows; 16 of them, evenly spread, become golden rows of the whole chain.
    pub rows: &'a Frame,
}

impl Bundle {
    /// Packs a fitted member. Its golden scores come from the stored bytes of the whole chain.
    ///
    /// # Errors
    /// [`BundleError`]: no rows, rows without the raw columns, or members that are no chain.
    pub fn build_member(parts: MemberParts<'_>) -> Result<Self, BundleError> {
        let member = parts.member.to_bytes().map_err(|error| malformed(MEMBER, error))?;
        let classes = parts.member.classes();
        let mut members = parts.upstreams.iter().map(|(name, bundle)| Ok((name.clone(), bundle.member()?)));
        let mut members = members.by_ref().collect::<Result<Vec<_>, BundleError>>()?;
        members.push((LAST.to_owned(), Member::from_bytes(&member)?));
        let scorer = Scorer::Chain { chain: Chain::new(members)?, classes: classes.clone() };
        let golden = write(GOLDEN, &Golden::new(parts.rows, &scorer)?)?;
        let files = BTreeMap::from([(MEMBER, member), (GOLDEN, golden)].map(named));
        let upstream =
            |(name, bundle): &(String, Bundle)| UpstreamBundle { member: name.clone(), digest: bundle.digest() };
        let columns = write(MEMBER, &parts.member.inputs())?;
        let manifest = Manifest {
            format: FORMAT,
            family: parts.family.to_owned(),
            task: Task::MulticlassClassification,
            files: files.iter().map(|(name, bytes)| (name.clone(), FileEntry::of(bytes))).collect(),
            signature: Signature::new(scorer.inputs(), Task::MulticlassClassification),
            label: Target { column: OUTCOME.to_owned(), positive: None },
            decision: Decision::MostProbable(MostProbable { classes }),
            hyperparameters: parts.hyperparameters.digest().map_err(|error| malformed(MANIFEST, error))?,
            feature_set: Digest::of(&columns),
            training_data: parts.training_data,
            split: parts.split,
            upstreams: parts.upstreams.iter().map(upstream).collect(),
        };
        manifest.decision.check(manifest.task)?;
        Self::sealed(&manifest, files)
    }

    /// The member it holds.
    ///
    /// # Errors
    /// [`BundleError::MissingFile`] for a model that is no member, [`BundleError::Member`].
    pub fn member(&self) -> Result<Member, BundleError> {
        let bytes = self.files.get(MEMBER).ok_or_else(|| BundleError::MissingFile { file: MEMBER.to_owned() })?;
        Ok(Member::from_bytes(bytes)?)
    }
}

/// The chain of the members of `upstreams` and of `bundle`, by the names in its manifest.
pub(super) fn scorer(bundle: &Bundle, upstreams: &[&Bundle]) -> Result<Scorer, BundleError> {
    let manifest = bundle.manifest();
    let named = manifest.upstreams.iter().map(|upstream| upstream.member.clone()).zip(upstreams.iter().copied());
    let mut members = Vec::new();
    for (name, bundle) in named.chain([(LAST.to_owned(), bundle)]) {
        members.push((name, bundle.member()?));
    }
    let classes = bundle.member()?.classes();
    if manifest.decision.classes() != classes || manifest.task != Task::MulticlassClassification {
        return Err(malformed(MANIFEST, "its classes are not those of its member"));
    }
    Ok(Scorer::Chain { chain: Chain::new(members)?, classes })
}
