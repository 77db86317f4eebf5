//! Databases for a registry under test.

/// Where the registry of a test keeps its tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

impl Database {
    /// The registry's `database_url`: empty for a file in its data folder, or a schema of its own in the PostgreSQL that
    /// `tests/with-postgres` started. Without one the test fails: a backend that is skipped by accident keeps no promise.
    #[allow(clippy::disallowed_methods, reason = "the tests' own setting")]
    pub(crate) fn url(self) -> String {
        if self == Self::Sqlite {
            return String::new();
        }
        let server = std::env::var("LINEAL_TEST_POSTGRES").unwrap_or_default();
        assert!(
            !server.is_empty(),
            "LINEAL_TEST_POSTGRES names no server; run `make test`, or tests/with-postgres COMMAND"
        );
        format!("{server}?schema=test_{}", uuid::Uuid::now_v7().simple())
    }
}
