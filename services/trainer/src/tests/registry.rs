//! A registry in memory.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{Read as _, Seek as _, Write as _},
    sync::{Mutex, MutexGuard},
};

use async_trait::async_trait;
use bytes::Bytes;
use lineal_bundles::Source;
use lineal_kernel::{Digest, ModelName, Slot};
use tokio::sync::Semaphore;

use crate::{
    domain::{ModelSettings, NewVersion},
    registry::{
        Defaults, KnownVersion, NewRun, NewSignature, Promoted, Promotion, Registry, RegistryError, RunEnd, RunLog,
        SnapshotRecord,
    },
};

/// A run and all that was logged to it.
#[derive(Debug, Clone)]
pub(super) struct FakeRun {
    pub(super) run: NewRun,
    pub(super) log: RunLog,
    pub(super) taint: Option<String>,
    pub(super) end: Option<RunEnd>,
}

/// What the registry knows.
#[derive(Default)]
pub(super) struct Known {
    pub(super) artifacts: HashMap<Digest, Bytes>,
    /// In the order in which they came, also repeated ones.
    pub(super) signatures: Vec<NewSignature>,
    pub(super) snapshots: Vec<SnapshotRecord>,
    pub(super) runs: BTreeMap<String, FakeRun>,
    /// In the order of their numbers, with their request ids.
    pub(super) versions: Vec<(String, NewVersion)>,
    pub(super) defaults: Option<Defaults>,
    pub(super) champion: u64,
    /// Versions that were taken out.
    pub(super) unsound: Vec<u64>,
    /// In their order; a request id counts once.
    pub(super) promotions: Vec<Promotion>,
    /// As they were applied.
    pub(super) settings: Vec<ModelSettings>,
    pub(super) away: bool,
    /// What is said when something is to be stored.
    pub(super) full: Option<&'static str>,
    /// The artifact that loses a bit when a run is logged.
    pub(super) decaying: Option<Digest>,
    /// The call that never answers.
    pub(super) silent: &'static str,
}

/// The registry, as the trainer needs it.
pub(super) struct FakeRegistry {
    known: Mutex<Known>,
    /// One permit per version that may be created.
    pub(super) gate: Semaphore,
}

impl FakeRegistry {
    pub(super) fn new() -> Self {
        Self { known: Mutex::default(), gate: Semaphore::new(1000) }
    }

    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap()
    }

    pub(super) fn add(&self, content: &[u8]) -> Digest {
        let digest = Digest::of(content);
        self.known().artifacts.insert(digest, Bytes::copy_from_slice(content));
        digest
    }

    /// Flips a bit of a stored artifact.
    pub(super) fn damage(&self, digest: Digest) {
        let mut known = self.known();
        let content = known.artifacts.get_mut(&digest).unwrap();
        let mut bytes = content.to_vec();
        bytes[0] ^= 1;
        *content = bytes.into();
    }

    /// Answers unless `call` is the one that never does.
    async fn answering(&self, call: &str) {
        if self.known().silent == call {
            std::future::pending::<()>().await;
        }
    }

    fn there(&self) -> Result<MutexGuard<'_, Known>, RegistryError> {
        let known = self.known();
        if known.away {
            Err(RegistryError::Unavailable { message: "connection refused".to_owned() })
        } else {
            Ok(known)
        }
    }
}

#[async_trait]
impl Source for FakeRegistry {
    type Error = RegistryError;

    async fn file(&self, digest: Digest, _: usize) -> Result<Bytes, RegistryError> {
        self.answering("download").await;
        let content = self.there()?.artifacts.get(&digest).cloned();
        let missing = || RegistryError::NotFound { message: format!("there is no artifact {digest}") };
        let content = content.ok_or_else(missing)?;
        if Digest::of(&content) != digest {
            return Err(RegistryError::Damaged { message: format!("artifact {digest} is damaged") });
        }
        Ok(content)
    }

    async fn signatures(&self, bundle: Digest) -> Result<Vec<String>, RegistryError> {
        let known = self.there()?;
        let of_it = known.signatures.iter().filter(|signature| signature.digest == bundle);
        Ok(of_it.map(|signature| signature.envelope.clone()).collect())
    }
}

#[async_trait]
impl Registry for FakeRegistry {
    async fn fetch(&self, digest: Digest, mut to: &File) -> Result<(), RegistryError> {
        let content = self.download(digest).await?;
        if let Some(problem) = self.known().full {
            return Err(RegistryError::Full { message: problem.to_owned() });
        }
        to.rewind().unwrap();
        to.set_len(0).unwrap();
        to.write_all(&content).unwrap();
        Ok(())
    }

    async fn verify(&self, digest: Digest) -> Result<(), RegistryError> {
        self.download(digest).await.map(drop)
    }

    async fn send(&self, digest: Digest, mut from: &File) -> Result<(), RegistryError> {
        let mut content = Vec::new();
        from.rewind().unwrap();
        from.read_to_end(&mut content).unwrap();
        assert_eq!(self.upload(content.into()).await?, digest);
        Ok(())
    }

    async fn upload(&self, content: Bytes) -> Result<Digest, RegistryError> {
        self.answering("upload").await;
        if let Some(problem) = self.there()?.full {
            return Err(RegistryError::Full { message: problem.to_owned() });
        }
        Ok(self.add(&content))
    }

    async fn record_snapshot(&self, snapshot: &SnapshotRecord) -> Result<(), RegistryError> {
        self.answering("record_snapshot").await;
        let mut known = self.there()?;
        if !known.artifacts.contains_key(&snapshot.digest) {
            return Err(RegistryError::Refused { message: "the snapshot was not uploaded".to_owned() });
        }
        known.snapshots.push(snapshot.clone());
        Ok(())
    }

    async fn defaults(&self, _: &ModelName, _: &Slot) -> Result<Option<Defaults>, RegistryError> {
        self.answering("defaults").await;
        Ok(self.there()?.defaults.clone())
    }

    async fn champion(&self, _: &ModelName, _: &Slot) -> Result<u64, RegistryError> {
        self.answering("champion").await;
        Ok(self.there()?.champion)
    }

    async fn settings(&self, _: &ModelName, digest: Option<Digest>) -> Result<Option<ModelSettings>, RegistryError> {
        self.answering("settings").await;
        let known = self.there()?;
        let wanted = |settings: &&ModelSettings| digest.is_none_or(|digest| digest == settings.digest);
        Ok(known.settings.iter().rev().find(wanted).cloned())
    }

    async fn version(&self, model: &ModelName, number: u64) -> Result<KnownVersion, RegistryError> {
        let known = self.there()?;
        let version =
            known.versions.get((number as usize).wrapping_sub(1)).filter(|(_, version)| version.model == *model);
        let missing = || RegistryError::NotFound { message: format!("model `{model}` has no version {number}") };
        let (_, version) = version.ok_or_else(missing)?;
        Ok(KnownVersion {
            digest: version.digest,
            data: version.data_digest,
            reference: version.reference_digest,
            features: version.feature_digest,
            hyperparameters: version.hyperparameters_digest,
            run_id: version.run_id.clone(),
            dataset: version.dataset.to_string(),
            environment: version.environment.clone(),
            upstreams: version.upstreams.clone(),
            sound: !known.unsound.contains(&number),
        })
    }

    async fn run(&self, run_id: &str) -> Result<RunLog, RegistryError> {
        let run = self.there()?.runs.get(run_id).map(|run| run.log.clone());
        run.ok_or_else(|| RegistryError::NotFound { message: format!("there is no run `{run_id}`") })
    }

    async fn create_run(&self, run: &NewRun) -> Result<String, RegistryError> {
        self.answering("create_run").await;
        let run_id = format!("run of {}", run.request_id);
        let entry = FakeRun { run: run.clone(), log: RunLog::default(), taint: None, end: None };
        self.there()?.runs.entry(run_id.clone()).or_insert(entry);
        Ok(run_id)
    }

    async fn log(&self, run_id: &str, log: &RunLog) -> Result<(), RegistryError> {
        self.answering("log").await;
        let mut known = self.there()?;
        let run = known.runs.get_mut(run_id).unwrap();
        assert_eq!(run.end, None, "logged to a closed run");
        let other = |(name, value): &(&String, &String)| log.parameters.get(*name).is_some_and(|new| new != *value);
        if let Some((name, found)) = run.log.parameters.iter().find(other) {
            let message = format!("parameter `{name}` is {found} and cannot change");
            return Err(RegistryError::Refused { message });
        }
        run.log = log.clone();
        let decaying = known.decaying;
        drop(known);
        if let Some(digest) = decaying {
            self.damage(digest);
        }
        Ok(())
    }

    async fn taint(&self, run_id: &str, reason: &str) -> Result<(), RegistryError> {
        let mut known = self.there()?;
        known.runs.get_mut(run_id).unwrap().taint.get_or_insert_with(|| reason.to_owned());
        Ok(())
    }

    async fn finish_run(&self, run_id: &str, end: &RunEnd) -> Result<(), RegistryError> {
        let mut known = self.there()?;
        let run = known.runs.get_mut(run_id).unwrap();
        assert!(run.end.is_none() || run.end.as_ref() == Some(end), "{:?}, now {end:?}", run.end);
        run.end = Some(end.clone());
        Ok(())
    }

    async fn attach_signature(&self, signature: &NewSignature) -> Result<(), RegistryError> {
        let mut known = self.there()?;
        assert!(known.artifacts.contains_key(&signature.digest), "signed before it was uploaded");
        known.signatures.push(signature.clone());
        Ok(())
    }

    async fn create_version(&self, version: &NewVersion, request_id: &str) -> Result<u64, RegistryError> {
        self.gate.acquire().await.unwrap().forget();
        let mut known = self.there()?;
        if let Some(at) = known.versions.iter().position(|(known, _)| known == request_id) {
            assert_eq!(known.versions[at].1, *version, "one request id, two versions");
            return Ok(at as u64 + 1);
        }
        known.versions.push((request_id.to_owned(), version.clone()));
        Ok(known.versions.len() as u64)
    }

    async fn promote(&self, promotion: &Promotion) -> Result<Promoted, RegistryError> {
        self.answering("promote").await;
        let mut known = self.there()?;
        let done = known.promotions.iter().position(|done| done.request_id == promotion.request_id);
        if done.is_none() && known.champion == promotion.number {
            return Err(RegistryError::AlreadyChampion { message: "it is the champion already".to_owned() });
        }
        if done.is_none() && known.champion != promotion.expected_champion {
            return Err(RegistryError::Refused { message: "somebody else was promoted".to_owned() });
        }
        let generation = done.map_or(known.promotions.len(), |done| done) as u64 + 1;
        if done.is_none() {
            known.promotions.push(promotion.clone());
            known.champion = promotion.number;
        }
        Ok(Promoted { promotion_id: format!("promotion {generation}"), generation })
    }
}
