//! Artifacts in a folder or in object storage.

use std::{
    fs, io,
    path::{Path as FilePath, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use futures::StreamExt;
use lineal_kernel::{Digest, Hasher, Timestamp};
use lineal_rpc::leftovers;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, local::LocalFileSystem, path::Path};

use super::{ArtifactError, ArtifactStore, Pieces};

/// Files below this size are written in one go; above it piece by piece.
const PART: usize = 8 << 20;
/// Where files lie.
const FOLDER: &str = "sha256";
/// An upload that adds nothing for so long has ended.
const QUIET: Duration = Duration::from_mins(10);

/// Any object store, with one path per digest.
#[derive(Debug, Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    folder: PathBuf,
}

impl Objects {
    /// A folder of this machine, created on the way. A file appears whole or not at all.
    pub fn folder(path: &FilePath) -> Result<Self, ArtifactError> {
        fs::create_dir_all(path).map_err(local)?;
        Ok(Self { store: Arc::new(LocalFileSystem::new_with_prefix(path)?.with_fsync(true)), folder: path.to_owned() })
    }
}

#[async_trait]
impl ArtifactStore for Objects {
    async fn put(&self, digest: Digest, mut pieces: Pieces<ArtifactError>) -> Result<u64, ArtifactError> {
        let mut upload = self.store.put_multipart(&path(digest)).await?;
        let mut hasher = Hasher::default();
        let mut part = Vec::with_capacity(PART);
        let mut size = 0;
        let sent = async {
            while let Some(piece) = pieces.next().await {
                let piece = piece?;
                hasher.update(&piece);
                size += piece.len() as u64;
                part.extend_from_slice(&piece);
                if part.len() >= PART {
                    upload.put_part(PutPayload::from(std::mem::take(&mut part))).await?;
                }
            }
            if !part.is_empty() || size == 0 {
                upload.put_part(PutPayload::from(part)).await?;
            }
            let found = hasher.finish();
            if found == digest { Ok(()) } else { Err(ArtifactError::Mismatch { expected: digest, found }) }
        };
        match sent.await {
            Ok(()) => upload.complete().await.map(|_| size).map_err(ArtifactError::from),
            Err(error) => {
                // Why it stopped matters more than a part file that stays behind.
                let _ = upload.abort().await;
                Err(error)
            }
        }
    }

    async fn size(&self, digest: Digest) -> Result<Option<u64>, ArtifactError> {
        match self.store.head(&path(digest)).await {
            Ok(found) => Ok(Some(found.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn open(&self, digest: Digest) -> Result<Option<Pieces<ArtifactError>>, ArtifactError> {
        let found = match self.store.get(&path(digest)).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut stored = found.into_stream();
        let checked = async_stream::try_stream! {
            let mut hasher = Hasher::default();
            while let Some(piece) = stored.next().await {
                let piece = piece?;
                hasher.update(&piece);
                yield piece;
            }
            if hasher.finish() != digest {
                Err(ArtifactError::Damaged { digest })?;
            }
        };
        Ok(Some(checked.boxed()))
    }

    async fn sweep(&self, now: Timestamp) -> Result<usize, ArtifactError> {
        let folder = self.folder.join(FOLDER);
        let ended = move |_: &str, file: &fs::Metadata| Ok(now.since(written(file)?) > QUIET);
        let swept = tokio::task::spawn_blocking(move || leftovers::sweep(&folder, &ended)).await;
        Ok(swept.map_err(io::Error::other).flatten().map_err(local)?)
    }
}

fn local(source: io::Error) -> object_store::Error {
    object_store::Error::Generic { store: "local", source: source.into() }
}

/// When something was added last.
fn written(file: &fs::Metadata) -> io::Result<Timestamp> {
    let since = file.modified()?.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Ok(Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX)))
}

/// `sha256/ab/abcdef...`: two digits spread the files over folders.
fn path(digest: Digest) -> Path {
    let hex = digest.hex();
    Path::from_iter([FOLDER, &hex[..2], &hex])
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::{TryStreamExt, stream};

    use super::*;

    fn pieces(parts: &[&'static [u8]]) -> Pieces<ArtifactError> {
        stream::iter(parts.iter().map(|part| Ok(Bytes::from_static(part))).collect::<Vec<_>>()).boxed()
    }

    #[tokio::test]
    async fn what_is_stored_comes_back_and_a_lie_leaves_nothing() {
        // F21
        let folder = tempfile::tempdir().unwrap();
        let store = Objects::folder(folder.path()).unwrap();
        let digest = Digest::of(b"champion");
        assert_eq!(store.put(digest, pieces(&[b"cham", b"pion"])).await.unwrap(), 8);
        let back: Vec<Bytes> = store.open(digest).await.unwrap().unwrap().try_collect().await.unwrap();
        assert_eq!(back.concat(), b"champion");

        let lie = Digest::of(b"challenger");
        assert!(matches!(store.put(lie, pieces(&[b"champion"])).await, Err(ArtifactError::Mismatch { .. })));
        assert_eq!(store.size(lie).await.unwrap(), None);
        let broken = stream::iter([Ok(Bytes::from_static(b"chall")), Err(ArtifactError::Interrupted)]).boxed();
        assert!(store.put(lie, broken).await.is_err());
        assert_eq!(store.size(lie).await.unwrap(), None);
        assert_eq!(std::fs::read_dir(folder.path().join("sha256").join(&lie.hex()[..2])).map_or(0, Iterator::count), 0);
    }

    #[tokio::test]
    async fn one_flipped_byte_is_noticed() {
        // F21
        let folder = tempfile::tempdir().unwrap();
        let store = Objects::folder(folder.path()).unwrap();
        let digest = Digest::of(b"champion");
        store.put(digest, pieces(&[b"champion"])).await.unwrap();
        let hex = digest.hex();
        std::fs::write(folder.path().join("sha256").join(&hex[..2]).join(&hex), b"chamqion").unwrap();
        let read: Result<Vec<Bytes>, _> = store.open(digest).await.unwrap().unwrap().try_collect().await;
        assert!(matches!(read, Err(ArtifactError::Damaged { .. })));
    }

    #[tokio::test]
    async fn only_what_a_dead_upload_left_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let store = Objects::folder(folder.path()).unwrap();
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        assert_eq!(store.sweep(now).await.unwrap(), 0, "of an empty store");
        let digest = Digest::of(b"champion");
        store.put(digest, pieces(&[b"champion"])).await.unwrap();
        let whole = folder.path().join(path(digest).as_ref());
        let left = |name: &str| whole.with_file_name(format!("{}#{name}", digest.hex()));
        for (file, minutes) in [(whole.clone(), 11), (left("1"), 11), (left("2"), 9)] {
            let written = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 - 60 * minutes);
            let file = fs::File::options().create(true).append(true).open(file).unwrap();
            file.set_modified(written).unwrap();
        }
        assert_eq!(store.sweep(now).await.unwrap(), 1);
        assert_eq!([whole.clone(), left("1"), left("2")].map(|file| file.exists()), [true, false, true]);
    }
}
