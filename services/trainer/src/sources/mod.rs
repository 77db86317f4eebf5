//! Sources of rows that the configuration names: databases, folders and object storage. Callers give the name, never an address.
//!
//! Whatever a source gives goes through a file without a name in the scratch folder, so that memory stays bounded and a process
//! that dies leaves nothing behind.

mod address;
mod objects;
mod postgres;
mod spool;
mod sqlite;

use std::{collections::BTreeMap, fs::File, path::PathBuf};

use lineal_data::DataError;
use lineal_kernel::{Digest, Name};

use crate::domain::Wanted;

use address::Place;
pub use address::{AddressError, SourceAddress};

/// The sources by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    named: BTreeMap<Name, SourceAddress>,
}

/// A file that a source gave.
pub(crate) struct Fetched {
    pub(crate) file: File,
    pub(crate) digest: Digest,
    pub(crate) bytes: u64,
    /// What is in it, if it was made of rows.
    pub(crate) rows: Option<Rows>,
}

/// The rows of a snapshot.
pub(crate) struct Rows {
    pub(crate) count: u64,
    pub(crate) columns: Vec<String>,
}

/// Why a source gave nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    /// It cannot be reached.
    #[error("source `{source_name}` cannot be reached ({message}); see that it runs")]
    Unavailable { source_name: Name, message: String },
    /// It says no.
    #[error("source `{source_name}` refused: {message}")]
    Refused { source_name: Name, message: String },
    /// It is of another kind.
    #[error("source `{source_name}` is {found}, give {expected}")]
    OtherKind { source_name: Name, found: &'static str, expected: &'static str },
    /// What it gave is no table.
    #[error(transparent)]
    Data(#[from] DataError),
    /// There is no room for it.
    #[error("the scratch folder `{}` takes no more rows: {source}; free space there and try again", folder.display())]
    Scratch { folder: PathBuf, source: std::io::Error },
}

/// What went wrong with a source, before its name is known.
enum Trouble {
    Unavailable(String),
    Refused(String),
    Data(DataError),
    Scratch(std::io::Error),
}

impl Sources {
    pub(crate) fn new(named: BTreeMap<Name, SourceAddress>) -> Self {
        Self { named }
    }

    /// Names and addresses, without what opens them.
    pub(crate) fn list(&self) -> impl Iterator<Item = (&Name, String)> {
        self.named.iter().map(|(name, address)| (name, address.to_string()))
    }

    /// Whether there is such a source.
    pub(crate) fn has(&self, name: &Name) -> bool {
        self.named.contains_key(name)
    }

    /// Fetches what is wanted into `file`, which lies in the folder `scratch`.
    pub(crate) async fn fetch(
        &self,
        name: &Name,
        wanted: &Wanted,
        file: File,
        scratch: &std::path::Path,
    ) -> Result<Fetched, SourceError> {
        let other = |found, expected| SourceError::OtherKind { source_name: name.clone(), found, expected };
        let fetched = match (self.named.get(name).map(|address| &address.0), wanted) {
            (Some(Place::Postgres(address)), Wanted::Rows(query)) => {
                spool::rows(file, |tables| postgres::read(address, query, tables)).await
            }
            (Some(Place::Sqlite(path)), Wanted::Rows(query)) => {
                spool::rows(file, |tables| sqlite::read(path, query, tables)).await
            }
            (Some(Place::Objects { url, settings }), Wanted::File { path, .. }) => {
                objects::fetch(url, settings, path, file).await
            }
            (Some(Place::Objects { .. }), Wanted::Rows(_)) => {
                return Err(other("a folder of files", "the path of a file"));
            }
            (Some(_), Wanted::File { .. }) => return Err(other("a database", "a query")),
            (None, _) => Err(Trouble::Refused("it is not configured".to_owned())),
        };
        fetched.map_err(|trouble| trouble.of(name, scratch))
    }
}

impl Trouble {
    fn of(self, name: &Name, scratch: &std::path::Path) -> SourceError {
        let source_name = name.clone();
        match self {
            Self::Unavailable(message) => SourceError::Unavailable { source_name, message },
            Self::Refused(message) => SourceError::Refused { source_name, message },
            Self::Data(DataError::Unwritten(source)) | Self::Scratch(source) => {
                SourceError::Scratch { folder: scratch.to_owned(), source }
            }
            Self::Data(error) => SourceError::Data(error),
        }
    }
}

impl From<DataError> for Trouble {
    fn from(error: DataError) -> Self {
        Self::Data(error)
    }
}

/// What a database answers is an answer; anything else may go away.
impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => Self::Refused(error.message().to_owned()),
            sqlx::Error::Io(error) => Self::Unavailable(error.to_string()),
            sqlx::Error::Tls(error) => Self::Unavailable(error.to_string()),
            // Its text may repeat the address.
            sqlx::Error::Configuration(_) => Self::Refused("its address is not understood".to_owned()),
            error => Self::Refused(error.to_string()),
        }
    }
}
