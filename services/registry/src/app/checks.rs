//! Checks: files are read again before a bundle is needed, and when it is.

use std::{collections::BTreeSet, time::Duration};

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use lineal_kernel::{Caller, Digest, ModelName, Slot, VersionNumber};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::{
    Registry,
    artifacts::ArtifactError,
    domain::{
        audit::AuditEntry,
        bundle::{Column, Manifest},
        check::Check,
        error::RegistryError,
        reign,
        version::{FAILED, Version, VersionView},
    },
};

const CHECK: &str = "check_artifact";
const MANIFEST: &str = "manifest.json";
/// A manifest lists files; more than this is none.
const MAX_MANIFEST: u64 = 1 << 20;
/// How often it is looked whether a round is due.
const LOOK: Duration = Duration::from_secs(1);
/// A gentle reader rests after each stretch, which makes 64 MiB a second at most.
const STRETCH: u64 = 8 << 20;
const REST: Duration = Duration::from_millis(125);

/// How fast files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Somebody waits.
    Fast,
    /// Nobody waits, and others want the disk.
    Gentle,
}

impl Registry {
    /// Reads the files of every champion and rollback candidate again whenever that is due, until `shutdown`.
    pub async fn keep(&self, shutdown: CancellationToken) {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            if let Some(Err(error)) = shutdown.run_until_cancelled(self.check_artifacts()).await {
                tracing::warn!(%error, "could not check artifacts; trying again");
            }
        }
    }

    /// Sweeps up after uploads and checks every champion and rollback candidate, with the versions whose answers they use, if that is due and no other process
    /// does it; returns whether it did. A stop midway leaves what was checked so far, and the rest to the next round.
    pub async fn check_artifacts(&self) -> Result<bool, RegistryError> {
        let caller = Caller::service("registry");
        let next = || self.clock.now().plus(self.limits.check_every);
        if !self.store.claim_round(&caller.tenant, self.clock.now(), next()).await? {
            return Ok(false);
        }
        let swept = self.artifacts.sweep(self.clock.now()).await?;
        if swept > 0 {
            tracing::info!(swept, "took away what uploads left that were cut off");
        }
        let mut read = BTreeSet::new();
        for version in self.kept(&caller).await? {
            if !read.insert(version.digest) {
                continue;
            }
            if let Err(error) = self.check(&caller, &version, Pace::Gentle).await {
                tracing::warn!(model = %version.model, version = %version.number, %error, "a bundle is not whole");
            }
            self.store.put_off_round(&caller.tenant, next()).await?;
        }
        Ok(true)
    }

    /// Champions and rollback candidates, each after the versions whose answers it uses.
    async fn kept(&self, caller: &Caller) -> Result<Vec<Version>, RegistryError> {
        let mut kept = Vec::new();
        for ((model, _), reigns) in reign::by_slot(self.store.last_reigns(&caller.tenant).await?) {
            for number in reign::champion(&reigns).into_iter().chain(reign::left_healthy(&reigns)) {
                kept.extend(self.chain(caller, &model, number).await?.into_iter().map(|view| view.version));
            }
        }
        Ok(kept)
    }

    /// Reads the files of a version and of the versions whose answers it uses. An error names the member that has failed or is not whole.
    pub(crate) async fn check_chain(
        &self,
        caller: &Caller,
        model: &ModelName,
        number: VersionNumber,
    ) -> Result<(), (String, RegistryError)> {
        let chain = self.chain(caller, model, number).await.map_err(|error| (String::new(), error))?;
        for view in &chain {
            view.unfailed().map_err(|error| (member_problem(&chain, view, FAILED), error))?;
            let checked = self.check(caller, &view.version, Pace::Fast).await;
            checked.map_err(|error| (member_problem(&chain, view, &error.to_string()), error))?;
        }
        Ok(())
    }

    /// Reads a version's files again and keeps what that has shown. What it says of a bundle goes into the audit when it changes.
    pub(crate) async fn check(&self, caller: &Caller, version: &Version, pace: Pace) -> Result<(), RegistryError> {
        let verified = self.verify_bundle(version.digest, pace).await.map(drop);
        let problem = match &verified {
            Ok(()) => String::new(),
            Err(error) if error.is_damage() => error.to_string(),
            Err(_) => return verified,
        };
        let known = self.store.check(&caller.tenant, version.digest).await?;
        let changed = known.map_or(String::new(), |check| check.problem) != problem;
        let time = self.clock.now();
        let entry = AuditEntry::new(caller, time, CHECK).about(&version.model, &Slot::default(), Some(version.number));
        let entry = if problem.is_empty() { entry.detail("whole again") } else { entry.refused(problem.as_str()) };
        let check = Check { time, problem };
        self.store.record_check(&caller.tenant, version.digest, &check, changed.then_some(&entry)).await?;
        verified
    }

    /// Reads a manifest and every file it lists and compares their digests; returns the sum of their lengths.
    pub(crate) async fn verify_bundle(&self, digest: Digest, pace: Pace) -> Result<u64, RegistryError> {
        let (manifest, mut total) = self.manifest(digest, pace).await?;
        for (name, file) in &manifest.files {
            let found = self.read(name, file.digest, pace, |_| {}).await?;
            if found != file.size {
                return Err(unusable(digest, format!("`{name}` has {found} bytes, not {}", file.size)));
            }
            total += found;
        }
        Ok(total)
    }

    /// The raw columns that a bundle reads, as far as its manifest says.
    pub(crate) async fn inputs(&self, digest: Digest) -> Vec<Column> {
        let manifest = self.manifest(digest, Pace::Fast).await;
        manifest.map(|(manifest, _)| manifest.signature.inputs).unwrap_or_default()
    }

    /// A manifest and its length.
    pub(crate) async fn manifest(&self, digest: Digest, pace: Pace) -> Result<(Manifest, u64), RegistryError> {
        let mut manifest = BytesMut::new();
        let size = self.read(MANIFEST, digest, pace, |piece| {
            if manifest.len() as u64 <= MAX_MANIFEST {
                manifest.extend_from_slice(piece);
            }
        });
        let size = size.await?;
        if size > MAX_MANIFEST {
            return Err(unusable(digest, format!("{size} bytes is too large")));
        }
        let manifest = serde_json::from_slice(&manifest).map_err(|error| unusable(digest, error.to_string()))?;
        Ok((manifest, size))
    }

    /// Reads a file to its end, piece by piece; returns its length.
    async fn read(
        &self,
        name: &str,
        digest: Digest,
        pace: Pace,
        mut each: impl FnMut(&Bytes),
    ) -> Result<u64, RegistryError> {
        let file = || name.to_owned();
        let opened = self.artifacts.open(digest).await?;
        let mut pieces = opened.ok_or_else(|| RegistryError::ArtifactMissing { file: file(), digest })?;
        let (mut size, mut stretch) = (0, 0);
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| match error {
                ArtifactError::Damaged { digest } => RegistryError::FileDamaged { file: file(), digest },
                other => other.into(),
            })?;
            each(&piece);
            size += piece.len() as u64;
            stretch += piece.len() as u64;
            if pace == Pace::Gentle && stretch >= STRETCH {
                stretch = 0;
                tokio::time::sleep(REST).await;
            }
        }
        Ok(size)
    }
}

fn unusable(digest: Digest, problem: String) -> RegistryError {
    RegistryError::ManifestUnusable { digest, problem }
}

/// A problem of one member of a chain as the last member's: the version that uses it is named by whoever tells.
pub(crate) fn member_problem(chain: &[VersionView], member: &VersionView, problem: &str) -> String {
    if chain.last().is_some_and(|head| head.version.model == member.version.model) {
        return problem.to_owned();
    }
    format!("it uses `{}` version {}: {problem}", member.version.model, member.version.number)
}
