//! A folder of this machine or of an object store, in which files appear whole.

use std::{fs::File, path::PathBuf, sync::Arc};

use bytes::Bytes;
use futures::TryStreamExt as _;
use lineal_kernel::FieldError;
use lineal_rpc::leftovers;
use object_store::{
    Error, ObjectStore, ObjectStoreExt as _, PutMode, PutPayload, local::LocalFileSystem, parse_url_opts, path::Path,
};
use url::Url;

/// Where files lie. Clones are the same place.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    store: Arc<dyn ObjectStore>,
    path: Path,
    /// How it was named, without a slash at the end.
    text: String,
    /// The same place for this machine's file system, if it is there.
    local: Option<PathBuf>,
}

impl Place {
    /// The place that `text` names: a path, or a url whose scheme says which kind of store it is. Keys of object stores are taken from
    /// the environment.
    pub(crate) fn parse(text: &str) -> Result<Self, FieldError> {
        let bad = |problem: String| FieldError::new("", problem);
        if text.is_empty() || text.contains('\0') {
            return Err(bad("expected a path or the url of an object store".to_owned()));
        }
        let named = text.trim_end_matches('/').to_owned();
        if !text.contains("://") {
            let local = std::path::absolute(text).map_err(|error| bad(error.to_string()))?;
            return Self::local(local, named).map_err(|error| bad(error.to_string()));
        }
        let url = Url::parse(text).map_err(|error| bad(format!("`{text}` is not a url: {error}")))?;
        if let Ok(local) = url.to_file_path()
            && url.scheme() == "file"
        {
            return Self::local(local, named).map_err(|error| bad(error.to_string()));
        }
        // The client asks the process for its cryptography; whoever answered first is heard.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let environment =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let (store, path) = parse_url_opts(&url, environment).map_err(|error| {
            bad(format!("`{text}` is no place for files, give a path or the url of an object store: {error}"))
        })?;
        Ok(Self { store: store.into(), path, text: named, local: None })
    }

    fn local(folder: PathBuf, text: String) -> Result<Self, Error> {
        let store = Arc::new(LocalFileSystem::new().with_fsync(true));
        Ok(Self { store, path: Path::from_absolute_path(&folder)?, text, local: Some(folder) })
    }

    /// A place inside this one.
    pub(crate) fn child(&self, name: &str) -> Self {
        Self {
            store: self.store.clone(),
            path: self.path.clone().join(name),
            text: format!("{}/{name}", self.text),
            local: self.local.as_ref().map(|folder| folder.join(name)),
        }
    }

    /// As it was named.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The file `name`, if it is here.
    pub(crate) async fn get(&self, name: &str) -> Result<Option<Bytes>, Error> {
        match self.store.get(&self.path.clone().join(name)).await {
            Ok(found) => found.bytes().await.map(Some),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the file `name`, which appears whole, unless it is here already; returns whether it was written.
    pub(crate) async fn put_new(&self, name: &str, content: Bytes) -> Result<bool, Error> {
        let path = self.path.clone().join(name);
        match self.store.put_opts(&path, PutPayload::from_bytes(content), PutMode::Create.into()).await {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes the file `name`, which appears whole, in place of one of this name.
    pub(crate) async fn put(&self, name: &str, content: Bytes) -> Result<(), Error> {
        self.store.put(&self.path.clone().join(name), PutPayload::from_bytes(content)).await.map(drop)
    }

    /// The file at this place for reading from any position: the file itself, or a copy without a name in `spool`.
    pub(crate) async fn open(&self, spool: &std::path::Path) -> Result<File, Error> {
        let generic = |source: std::io::Error| Error::Generic { store: "file", source: source.into() };
        if let Some(file) = &self.local {
            // Opening a pipe waits for whoever writes into it, and this thread with it.
            if !std::fs::metadata(file).map_err(generic)?.is_file() {
                return Err(generic(std::io::Error::other("it is no regular file")));
            }
            return File::open(file).map_err(generic);
        }
        let mut pieces = self.store.get(&self.path).await?.into_stream();
        let mut copy = tempfile::tempfile_in(spool).map_err(generic)?;
        while let Some(piece) = pieces.try_next().await? {
            std::io::Write::write_all(&mut copy, &piece).map_err(generic)?;
        }
        Ok(copy)
    }

    /// Takes away what writes that were cut off left here and in folders below, of files whose names begin with `beginning`. Only this
    /// machine's file system keeps such things; readers never see them as files of the place.
    pub(crate) fn sweep(&self, beginning: &str) -> std::io::Result<usize> {
        let Some(folder) = &self.local else { return Ok(0) };
        leftovers::sweep(folder, &|name, _| Ok(name.starts_with(beginning)))
    }

    /// What a process leaves that dies while it writes: a part of the content under another name.
    #[cfg(feature = "failpoints")]
    pub(crate) fn leave_half(&self, name: &str, content: &[u8]) {
        if let Some(folder) = &self.local {
            let _ = std::fs::write(folder.join(format!("{name}#1")), &content[..content.len() / 2]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_written_once_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        for text in [folder.path().display().to_string(), format!("file://{}/", folder.path().display())] {
            let place = Place::parse(&text).unwrap().child("churn").child("b-1");
            assert!(place.text().ends_with("/churn/b-1"), "{}", place.text());
            assert_eq!(place.get("manifest").await.unwrap(), None);
            assert!(place.put_new("manifest", Bytes::from_static(b"one")).await.unwrap());
            assert!(!place.put_new("manifest", Bytes::from_static(b"two")).await.unwrap());
            assert_eq!(place.get("manifest").await.unwrap().unwrap(), "one");
            place.put("manifest", Bytes::from_static(b"three")).await.unwrap();
            assert_eq!(place.get("manifest").await.unwrap().unwrap(), "three");
            std::fs::remove_dir_all(folder.path().join("churn")).unwrap();
        }
    }

    #[tokio::test]
    async fn only_what_a_cut_off_write_left_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("day=1")).unwrap();
        for name in ["part-0#1", "part-0", "part-0#x", "day=1/part-1#12", "day=1/other#1"] {
            std::fs::write(folder.path().join(name), b"half").unwrap();
        }
        let place = Place::parse(&folder.path().display().to_string()).unwrap();
        assert_eq!(place.sweep("part-").unwrap(), 2);
        for (name, stays) in [("part-0#1", false), ("part-0", true), ("part-0#x", true), ("day=1/other#1", true)] {
            assert_eq!(folder.path().join(name).exists(), stays, "{name}");
        }
        assert_eq!(place.child("nothing").sweep("").unwrap(), 0);
    }

    #[tokio::test]
    async fn only_a_regular_file_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [pipe.as_path(), folder.path(), std::path::Path::new("/dev/zero")] {
            let error = Place::parse(path.to_str().unwrap()).unwrap().open(folder.path()).await.unwrap_err();
            assert!(error.to_string().contains("it is no regular file"), "{error}");
        }
    }

    #[test]
    fn what_names_no_place_is_refused() {
        for text in ["", "ftp://host/rows", "://", "a\0b"] {
            assert!(Place::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(Place::parse("s3://bucket/rows/").unwrap().text(), "s3://bucket/rows");
    }
}
