//! Files of a folder or of object storage.

use std::{collections::BTreeMap, fs::File, io::Write as _, path::PathBuf};

use futures::TryStreamExt as _;
use lineal_kernel::Hasher;
use object_store::{ObjectStore, ObjectStoreExt as _, local::LocalFileSystem, path::Path};
use url::Url;

use super::{Fetched, Trouble};

/// Longest time for one file; the client would give up after seconds.
const PATIENCE: &str = "1 hour";

/// Writes the file at `path` below `url` to `file`, piece by piece.
pub(super) async fn fetch(
    url: &Url,
    settings: &BTreeMap<String, String>,
    path: &str,
    mut file: File,
) -> Result<Fetched, Trouble> {
    let (store, place) = open(url, settings, path)?;
    let mut pieces = store.get(&place).await?.into_stream();
    let (mut hasher, mut bytes) = (Hasher::default(), 0);
    while let Some(piece) = pieces.try_next().await? {
        hasher.update(&piece);
        bytes += piece.len() as u64;
        file.write_all(&piece).map_err(Trouble::Scratch)?;
    }
    Ok(Fetched { file, digest: hasher.finish(), bytes, rows: None })
}

/// The store, and where the file is in it.
fn open(url: &Url, settings: &BTreeMap<String, String>, path: &str) -> Result<(Box<dyn ObjectStore>, Path), Trouble> {
    if url.scheme() == "file" {
        let folder = url.to_file_path().unwrap_or_else(|()| PathBuf::from(url.path()));
        return Ok((Box::new(LocalFileSystem::new_with_prefix(folder)?), parsed(path)?));
    }
    let plain = (url.scheme() == "http").then_some(("allow_http", "true"));
    let given = settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let settings = [("timeout", PATIENCE)].into_iter().chain(plain).chain(given);
    // The client asks the process for its cryptography; whoever answered first is heard.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (store, folder) = object_store::parse_url_opts(url, settings)?;
    let place = folder.parts().chain(parsed(path)?.parts()).collect();
    Ok((store, place))
}

fn parsed(path: &str) -> Result<Path, Trouble> {
    Path::parse(path).map_err(|error| Trouble::Refused(error.to_string()))
}

/// What the store said is for the log: it may repeat the address.
impl From<object_store::Error> for Trouble {
    fn from(error: object_store::Error) -> Self {
        use object_store::Error as E;
        match error {
            E::NotFound { .. } => Self::Refused("it has no such file".to_owned()),
            E::PermissionDenied { .. } | E::Unauthenticated { .. } => {
                Self::Refused("its credentials do not open this file".to_owned())
            }
            error => {
                tracing::warn!(%error, "a source failed");
                Self::Unavailable("its storage failed, the trainer's log says how".to_owned())
            }
        }
    }
}
