//! What can go wrong between a service and its database.

use std::path::PathBuf;

/// Why a store could not do what it was asked. Nothing was changed, except where the caller saw a time-out.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// What the change was decided on is no longer so.
    #[error("someone else changed it first")]
    Conflict,
    /// The database is away or did not get to it in time; trying again can help.
    #[error("the database is busy or away")]
    Busy,
    /// The database failed, or holds what this program did not write.
    #[error("the database failed")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// A stored value that this program cannot have written.
    pub fn corrupt(what: impl Into<String>) -> Self {
        Self::Backend(what.into().into())
    }

    /// For each of those who waited for the same commit.
    pub(crate) fn shared(error: &sqlx::Error) -> Self {
        if is_busy(error) { Self::Busy } else { Self::Backend(format!("the commit failed: {error}").into()) }
    }
}

/// SQLite: busy or locked. PostgreSQL: serialization failure, deadlock, lock not available, too many connections, shutting
/// down, starting up, frozen in a transaction.
const BUSY: [&str; 11] = ["5", "6", "261", "517", "40001", "40P01", "55P03", "53300", "57P01", "57P03", "25P03"];

fn is_busy(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut | sqlx::Error::Io(_) | sqlx::Error::Tls(_) => true,
        sqlx::Error::Database(inner) => inner.code().is_some_and(|code| BUSY.contains(&code.as_ref())),
        _ => false,
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let conflict = error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation);
        match (is_busy(&error), conflict) {
            (true, _) => Self::Busy,
            (_, true) => Self::Conflict,
            _ => Self::Backend(Box::new(error)),
        }
    }
}

/// A database that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another kind of database than this service can use.
    #[error(
        "`{url}` is not a database this service can use; give sqlite://PATH, for registry and trainer also postgres://..., or nothing"
    )]
    Unsupported {
        /// The address without its password.
        url: String,
    },
    /// A schema name that is none.
    #[error("`{schema}` is no schema name; use lowercase letters, digits and '_'")]
    Schema {
        /// As given.
        schema: String,
    },
    /// The folder of the file cannot be made.
    #[error("cannot create the folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process uses the file.
    #[error("{} is in use by another process; stop that one, or give this one another folder", path.display())]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// The file that keeps other processes away cannot be made or locked.
    #[error("cannot lock {}", path.display())]
    Lock {
        /// The lock's file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database refused.
    #[error("cannot open {database}")]
    Connect {
        /// The database without its password.
        database: String,
        /// Why.
        source: sqlx::Error,
    },
    /// The schema is newer than this program, was changed, or a migration failed.
    #[error("cannot bring the schema of {database} up to date; if a newer release wrote it, use that release")]
    Migrate {
        /// The database without its password.
        database: String,
        /// Why.
        source: sqlx::migrate::MigrateError,
    },
}
