//! Databases: opening, migrating, and the errors every store shares.

mod claim;
mod error;
mod postgres;
mod sqlite;
mod url;
mod writers;

pub use claim::Claim;
pub use error::{OpenError, StoreError};
pub use postgres::Postgres;
pub use sqlite::Sqlite;
pub use url::DatabaseUrl;
pub use writers::Write;
