//! Databases: opening, migrating, and the errors every store shares.

mod error;
mod sqlite;
mod url;

pub use error::{OpenError, StoreError};
pub use sqlite::Sqlite;
pub use url::DatabaseUrl;
