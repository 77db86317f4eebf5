//! The replica's own disk: bundle files by digest, and the table that was served last. All of it can be fetched again.

mod last_table;

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use lineal_kernel::{Digest, Hasher};
use lineal_rpc::background;
use uuid::Uuid;

pub(crate) use last_table::StoredFacts;

use crate::domain::Listing;

const LAST_TABLE: &str = "serving.json";
/// Bytes that are read or written at once. The system may not let anyone else run on the core before it has done what it was asked,
/// which for a large file takes so long that callers notice it.
const PIECE: usize = 1 << 18;

/// A folder of files that are checked whenever they are read and never seen half-written. A folder that cannot be read or
/// written costs fetches, never answers.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// A cache in `folder`, which is made when something is kept.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The file with this digest, if it is here and undamaged.
    pub(crate) async fn get(&self, digest: Digest) -> Option<Bytes> {
        let path = self.folder.join(digest.hex());
        let (found, content) = on_disk(move || read(&path)).await?;
        if found != digest {
            tracing::warn!(%digest, "a cached file is damaged and will be fetched again");
            return None;
        }
        Some(content.into())
    }

    /// Keeps a file under its digest.
    pub(crate) async fn put(&self, digest: Digest, content: Bytes) {
        self.write(digest.hex(), content).await;
    }

    /// The signature of the bundle with this manifest that was good last. Whoever reads it checks it again.
    pub(crate) async fn signature(&self, bundle: Digest) -> Option<String> {
        let path = self.folder.join(signature_of(bundle));
        on_disk(move || fs::read_to_string(path)).await
    }

    /// Keeps a good signature for a start without the registry.
    pub(crate) async fn keep_signature(&self, bundle: Digest, signature: &str) {
        self.write(signature_of(bundle), signature.to_owned().into()).await;
    }

    /// The table that was kept last, if it is readable.
    pub(crate) async fn last_table(&self) -> Option<Listing> {
        let path = self.folder.join(LAST_TABLE);
        let content = on_disk(move || fs::read(path)).await?;
        last_table::read(&content).inspect_err(|error| tracing::warn!(%error, "the last table cannot be read")).ok()
    }

    /// Keeps what is served now for a start without the registry.
    pub(crate) async fn keep_table(&self, listing: &Listing) {
        self.write(LAST_TABLE.to_owned(), last_table::write(listing).into()).await;
    }

    async fn write(&self, name: String, content: Bytes) {
        let folder = self.folder.clone();
        on_disk(move || write_whole(&folder, &name, &content)).await;
    }
}

fn signature_of(bundle: Digest) -> String {
    format!("{}.sig", bundle.hex())
}

/// A file and its digest.
fn read(path: &Path) -> io::Result<(Digest, Vec<u8>)> {
    let mut file = File::open(path)?;
    let size = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    let (mut content, mut hasher) = (vec![0; size], Hasher::default());
    for piece in content.chunks_mut(PIECE) {
        file.read_exact(piece)?;
        hasher.update(piece);
    }
    Ok((hasher.finish(), content))
}

/// Under a name of its own first: readers see the old file or the new one.
fn write_whole(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let unfinished = folder.join(format!("{name}.{}.tmp", Uuid::new_v4()));
    let write = || {
        let mut file = File::create(&unfinished)?;
        content.chunks(PIECE).try_for_each(|piece| file.write_all(piece))
    };
    let written = write().and_then(|()| fs::rename(&unfinished, folder.join(name)));
    written.inspect_err(|_| drop(fs::remove_file(&unfinished)))
}

/// Runs `work` off the serving threads. A file that is not there is no news; anything else is logged.
async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Option<T> {
    match background::run("disk", work).await {
        Ok(Ok(done)) => Some(done),
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => None,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the cache folder does not work");
            None
        }
        Err(error) => {
            tracing::error!(%error, "work on the cache folder ended without a result");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_damaged_file_is_as_good_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("made/when/needed"));
        let content = Bytes::from_static(b"weights");
        let digest = Digest::of(&content);
        assert_eq!(cache.get(digest).await, None);
        cache.put(digest, content.clone()).await;
        assert_eq!(cache.get(digest).await, Some(content.clone()));

        fs::write(cache.folder.join(digest.hex()), b"weighty").unwrap();
        assert_eq!(cache.get(digest).await, None);
        cache.put(digest, content.clone()).await;
        assert_eq!(cache.get(digest).await, Some(content));
        assert_eq!(fs::read_dir(&cache.folder).unwrap().count(), 1, "no unfinished file stays behind");
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_costs_nothing_but_the_cache() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let cache = Cache::new(file.path().to_owned());
        let content = Bytes::from_static(b"weights");
        cache.put(Digest::of(&content), content.clone()).await;
        assert_eq!(cache.get(Digest::of(&content)).await, None);
        assert_eq!(cache.last_table().await, None);
    }
}
