//! The sole right to a SQLite file.

use std::fs::{self, File, TryLockError};

use crate::{DatabaseUrl, OpenError};

/// The sole right of a process to a SQLite file; it ends when this is dropped, and with the process at the latest.
#[derive(Debug)]
pub struct Claim {
    _lock: File,
}

impl DatabaseUrl {
    /// Claims the file for this process: everything left in it by another one counts as left behind. `None` for PostgreSQL, which
    /// several processes may use.
    ///
    /// # Errors
    /// [`OpenError::InUse`] while another process has it; [`OpenError::Folder`], [`OpenError::Lock`].
    pub fn claim(&self) -> Result<Option<Claim>, OpenError> {
        let Self::Sqlite(path) = self else { return Ok(None) };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|source| OpenError::Folder { path: folder.to_owned(), source })?;
        }
        // A file of its own: closing any handle of the database would end SQLite's own locks.
        let lock = path.with_added_extension("lock");
        let failed = |source| OpenError::Lock { path: lock.clone(), source };
        let file = File::options().create(true).truncate(false).write(true).open(&lock).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Claim { _lock: file })),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}
