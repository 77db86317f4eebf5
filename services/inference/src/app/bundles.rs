//! ServedModel bundles on their way to being served.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use lineal_kernel::Digest;
use lineal_models::{Bundle, BundleError, LeftOut, Manifest, ServedModel};
use tokio::{
    sync::{OnceCell, Semaphore},
    time::Instant,
};

use super::{
    admission::Admission,
    loader::{LOADS_AT_ONCE, Loader},
};
use crate::{
    InferenceError,
    cache::Cache,
    error::{BundleFault, chain},
    failpoints::happen_here,
    registry::{Registry, RegistryError},
};

/// Largest manifest that is fetched, in bytes.
const MAX_MANIFEST: usize = 1 << 20;

/// Bundles that are loaded and not yet served. However many ask for one digest at the same time, it is loaded once.
pub(crate) struct Bundles {
    registry: Arc<dyn Registry>,
    cache: Cache,
    admission: Admission,
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

/// A bundle as it arrived: only the manifest has been read.
struct Fetched {
    digest: Digest,
    manifest: Manifest,
    /// Of the manifest.
    bytes: Bytes,
    files: BTreeMap<String, Bytes>,
}

impl Fetched {
    fn assemble(self) -> Result<Bundle, BundleError> {
        // Off the serving threads: a file may be copied here.
        let files = self.files.into_iter().map(|(name, content)| (name, content.into())).collect();
        Bundle::assemble(self.bytes.into(), self.digest, files)
    }
}

impl Bundles {
    pub(crate) fn new(
        registry: Arc<dyn Registry>,
        cache: Cache,
        admission: Admission,
        loader: Loader,
        ttl: Duration,
    ) -> Self {
        let (waiting, held, loads) = (Mutex::default(), Mutex::default(), AtomicU64::new(0));
        let under_way = Semaphore::new(LOADS_AT_ONCE);
        Self { registry, cache, admission, loader, under_way, ttl, waiting, held, loads }
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
        let head = self.fetch_files(digest, digest).await?;
        self.admission.admit(digest, &head.manifest).await?;
        let mut upstreams = Vec::new();
        for upstream in &head.manifest.upstreams {
            upstreams.push(match self.fetch_files(digest, upstream.digest).await {
                // Its rule says whether an ensemble does without.
                Err(InferenceError::BundleDamaged { source, .. }) if head.manifest.is_ensemble() => Err(chain(&source)),
                fetched => Ok(fetched?),
            });
        }
        let load = move || {
            happen_here!("load");
            let given =
                |one: Result<Fetched, String>| one.and_then(|one| one.assemble().map_err(|error| chain(&error)));
            let upstreams: Vec<_> = if head.manifest.is_ensemble() {
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

    /// The files of one bundle of the chain that ends in `bundle`.
    async fn fetch_files(&self, bundle: Digest, digest: Digest) -> Result<Fetched, InferenceError> {
        let bytes = self.fetch(bundle, digest, MAX_MANIFEST).await?;
        let manifest = Manifest::parse(&bytes, digest)
            .map_err(|error| InferenceError::BundleDamaged { digest: bundle, source: error.into() })?;
        let mut files = BTreeMap::new();
        for (name, file) in &manifest.files {
            let size = usize::try_from(file.size).unwrap_or(usize::MAX);
            files.insert(name.clone(), self.fetch(bundle, file.digest, size).await?);
        }
        Ok(Fetched { digest, manifest, bytes, files })
    }

    /// One file of `bundle`, from the disk or else from the artifact store.
    async fn fetch(&self, bundle: Digest, digest: Digest, limit: usize) -> Result<Bytes, InferenceError> {
        if let Some(content) = self.cache.get(digest).await {
            return Ok(content);
        }
        let content = self.registry.download(digest, limit).await.map_err(|error| match error {
            RegistryError::Absent { .. } | RegistryError::Damaged { .. } => {
                InferenceError::BundleDamaged { digest: bundle, source: BundleFault::File(error) }
            }
            other => InferenceError::Registry(other),
        })?;
        self.cache.put(digest, content.clone()).await;
        Ok(content)
    }
}
