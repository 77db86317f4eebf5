//! ServedModel bundles on their way to being served.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use lineal_bundles::{FetchError, Fetched};
use lineal_kernel::Digest;
use lineal_models::{LeftOut, ServedModel};
use lineal_signing::Policy;
use tokio::{
    sync::{OnceCell, Semaphore},
    time::Instant,
};

use super::{
    loader::{LOADS_AT_ONCE, Loader},
    shelf::Shelf,
};
use crate::{
    InferenceError,
    error::{BundleFault, chain},
    failpoints::happen_here,
    registry::RegistryError,
};

/// Bundles that are loaded and not yet served. However many ask for one digest at the same time, it is loaded once.
pub(crate) struct Bundles {
    shelf: Shelf,
    /// By whom they must be signed.
    signatures: Policy,
    loader: Loader,
    /// One permit for each bundle that may be fetched and loaded now.
    under_way: Semaphore,
    /// How long a bundle waits to be served.
    ttl: Duration,
    waiting: Mutex<HashMap<Digest, Waiting>>,
    /// Everything that was loaded, for as long as somebody holds it.
    held: Mutex<Vec<(Digest, Weak<ServedModel>)>>,
    loads: AtomicU64,
}

/// Filled once the bundle is loaded, with the moment since which it waits.
type Waiting = Arc<OnceCell<(Arc<ServedModel>, Instant)>>;

impl Bundles {
    pub(crate) fn new(shelf: Shelf, signatures: Policy, loader: Loader, ttl: Duration) -> Self {
        let (waiting, held, loads) = (Mutex::default(), Mutex::default(), AtomicU64::new(0));
        let under_way = Semaphore::new(LOADS_AT_ONCE);
        Self { shelf, signatures, loader, under_way, ttl, waiting, held, loads }
    }

    /// The bundle fetched, verified and loaded, with its golden rows replayed. It goes on if the caller gives up, so that one
    /// who asks again does not load it twice; nor is one loaded that somebody holds whole. After a failure the next caller tries again.
    pub(crate) async fn load(self: &Arc<Self>, digest: Digest) -> Result<Arc<ServedModel>, InferenceError> {
        let waiting: Waiting = self.with(|all| all.entry(digest).or_default().clone());
        let own = self.clone();
        let loading = async move {
            let load = || async {
                if let Some(bundle) = own.held(digest) {
                    return Ok((bundle, Instant::now()));
                }
                let bundle = own.fetch_and_load(digest).await?;
                own.loads.fetch_add(1, Ordering::Relaxed);
                Ok((bundle, Instant::now()))
            };
            waiting.get_or_try_init(load).await.map(|(bundle, _)| bundle.clone())
        };
        tokio::spawn(loading).await?
    }

    /// Loads a bundle as for a prepare and frees it again; its files stay on the disk.
    pub(crate) async fn rehearse(&self, digest: Digest) -> Result<(), InferenceError> {
        self.fetch_and_load(digest).await.map(drop)
    }

    /// How often [`Bundles::load`] has loaded one.
    pub(crate) fn loads(&self) -> u64 {
        self.loads.load(Ordering::Relaxed)
    }

    /// How many bundles are in memory.
    pub(crate) fn loaded(&self) -> usize {
        self.with_held(|all| all.len())
    }

    /// Forgets a bundle that waits.
    pub(crate) fn release(&self, digest: Digest) {
        self.with(|all| all.remove(&digest));
    }

    /// Forgets what has waited too long, and what failed to load.
    pub(crate) fn expire(&self) {
        self.with(|all| {
            all.retain(|_, waiting| match waiting.get() {
                Some((_, since)) => since.elapsed() < self.ttl,
                None => Arc::strong_count(waiting) > 1,
            });
        });
    }

    fn with<T>(&self, change: impl FnOnce(&mut HashMap<Digest, Waiting>) -> T) -> T {
        change(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A bundle that somebody holds, with all its members.
    fn held(&self, digest: Digest) -> Option<Arc<ServedModel>> {
        let found = |all: &mut Vec<(Digest, Weak<ServedModel>)>| {
            let mut same = all.iter().filter(|(known, _)| *known == digest);
            same.find_map(|(_, bundle)| bundle.upgrade().filter(|bundle| bundle.is_whole()))
        };
        self.with_held(found)
    }

    fn with_held<T>(&self, look: impl FnOnce(&mut Vec<(Digest, Weak<ServedModel>)>) -> T) -> T {
        let mut all = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(_, bundle)| bundle.strong_count() > 0);
        look(&mut all)
    }

    async fn fetch_and_load(&self, digest: Digest) -> Result<Arc<ServedModel>, InferenceError> {
        // The files of so many bundles are in memory at once, however many slots wake.
        let _turn = self.under_way.acquire().await.ok();
        let head = Fetched::fetch(&self.shelf, &self.signatures, digest).await.map_err(|error| fault(digest, error))?;
        let is_ensemble = head.manifest().is_ensemble();
        let mut upstreams = Vec::new();
        for upstream in &head.manifest().upstreams {
            let fetched = Fetched::upstream(&self.shelf, upstream).await;
            upstreams.push(match fetched.map_err(|error| fault(digest, error)) {
                // Its rule says whether an ensemble does without.
                Err(InferenceError::BundleDamaged { source, .. }) if is_ensemble => Err(chain(&source)),
                fetched => Ok(fetched?),
            });
        }
        let load = move || {
            happen_here!("load");
            let given =
                |one: Result<Fetched, String>| one.and_then(|one| one.assemble().map_err(|error| chain(&error)));
            let upstreams: Vec<_> = if is_ensemble {
                upstreams.into_iter().map(given).collect()
            } else {
                upstreams.into_iter().flatten().map(|one| one.assemble().map(Ok)).collect::<Result<_, _>>()?
            };
            let upstreams: Vec<_> = upstreams.iter().map(|one| one.as_ref().map_err(String::as_str)).collect();
            ServedModel::load_with(&head.assemble()?, &upstreams)
        };
        let loaded = self.loader.run(digest, load).await?;
        let loaded = loaded.map_err(|error| InferenceError::BundleDamaged { digest, source: error.into() })?;
        for LeftOut { member, problem, .. } in loaded.absent() {
            tracing::warn!(%digest, %member, %problem, "an ensemble is served without a member");
        }
        let loaded = Arc::new(loaded);
        self.with_held(|all| all.push((digest, Arc::downgrade(&loaded))));
        Ok(loaded)
    }
}

/// What a caller is told of a bundle that did not arrive, or of one before it.
fn fault(digest: Digest, error: FetchError<RegistryError>) -> InferenceError {
    match error {
        FetchError::File {
            source: source @ (RegistryError::Absent { .. } | RegistryError::Damaged { .. }), ..
        } => InferenceError::BundleDamaged { digest, source: BundleFault::File(source) },
        FetchError::File { source, .. } | FetchError::Signatures(source) => InferenceError::Registry(source),
        FetchError::Bundle(error) => InferenceError::BundleDamaged { digest, source: error.into() },
        FetchError::Refused(refusal) => InferenceError::BundleRefused { digest, refusal },
    }
}
