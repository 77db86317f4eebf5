//! A registry in memory.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use lineal_bundles::Source;
use lineal_data::Snapshot;
use lineal_kernel::{Digest, ModelName, Slot, VersionNumber};
use lineal_models::Bundle;

use crate::{
    domain::Report,
    registry::{Pointer, Registry, RegistryError, Settings, Version},
};

/// Versions of one model, one champion for every slot, and files.
#[derive(Default)]
pub(super) struct FakeRegistry {
    versions: Mutex<BTreeMap<u64, Version>>,
    champion: Mutex<Option<u64>>,
    files: Mutex<HashMap<Digest, Bytes>>,
    /// The signatures of each bundle.
    pub(super) signatures: Mutex<HashMap<Digest, Vec<String>>>,
    records: Mutex<Vec<Report>>,
    /// The newest ones.
    pub(super) settings: Mutex<Option<Settings>>,
    /// Whether verdicts are refused for now.
    pub(super) away: AtomicBool,
    /// How many files were asked for.
    pub(super) downloads: AtomicUsize,
}

impl FakeRegistry {
    pub(super) fn upload(&self, bundle: &Bundle, reference: &Snapshot) {
        let mut files = self.files.lock().unwrap();
        files.insert(bundle.digest(), bundle.manifest_bytes().to_vec().into());
        files.insert(reference.digest, reference.bytes.clone());
        for content in bundle.files().values() {
            files.insert(Digest::of(content), content.clone().into());
        }
    }

    pub(super) fn register(&self, version: u64, bundle: &Bundle) {
        let reference = Some(bundle.manifest().split.reference);
        self.versions.lock().unwrap().insert(version, Version { digest: bundle.digest(), reference });
    }

    pub(super) fn set_reference(&self, version: u64, reference: Option<Digest>) {
        self.versions.lock().unwrap().get_mut(&version).unwrap().reference = reference;
    }

    pub(super) fn crown(&self, version: u64) {
        *self.champion.lock().unwrap() = Some(version);
    }

    /// Changes one byte in the middle of a stored file.
    pub(super) fn flip(&self, digest: Digest) {
        let mut files = self.files.lock().unwrap();
        let mut content = files[&digest].to_vec();
        let middle = content.len() / 2;
        content[middle] ^= 1;
        files.insert(digest, content.into());
    }

    pub(super) fn forget(&self, digest: Digest) {
        self.files.lock().unwrap().remove(&digest);
    }

    /// The verdicts on record.
    pub(super) fn records(&self) -> Vec<Report> {
        self.records.lock().unwrap().clone()
    }
}

#[async_trait]
impl Source for FakeRegistry {
    type Error = RegistryError;

    async fn file(&self, digest: Digest, _: usize) -> Result<Bytes, RegistryError> {
        self.downloads.fetch_add(1, Ordering::SeqCst);
        let content = self.files.lock().unwrap().get(&digest).cloned();
        content.ok_or_else(|| RegistryError::Artifact { problem: format!("{digest} is not in the artifact store") })
    }

    async fn signatures(&self, bundle: Digest) -> Result<Vec<String>, RegistryError> {
        Ok(self.signatures.lock().unwrap().get(&bundle).cloned().unwrap_or_default())
    }
}

#[async_trait]
impl Registry for FakeRegistry {
    async fn version(&self, _: &ModelName, number: VersionNumber) -> Result<Option<Version>, RegistryError> {
        Ok(self.versions.lock().unwrap().get(&number.get()).copied())
    }

    async fn champion(&self, _: &ModelName, _: &Slot) -> Result<Option<Pointer>, RegistryError> {
        let Some(number) = *self.champion.lock().unwrap() else { return Ok(None) };
        let digest = self.versions.lock().unwrap()[&number].digest;
        Ok(Some(Pointer { number: VersionNumber::new(number).unwrap(), digest }))
    }

    async fn settings(&self, _: &ModelName) -> Result<Option<Settings>, RegistryError> {
        Ok(self.settings.lock().unwrap().clone())
    }

    async fn record(&self, report: &Report) -> Result<(), RegistryError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(RegistryError::Unavailable { problem: "away".to_owned() });
        }
        let mut records = self.records.lock().unwrap();
        if records.iter().all(|known| known.id != report.id) {
            records.push(report.clone());
        }
        Ok(())
    }
}
