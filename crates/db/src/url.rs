//! Where a service keeps its tables.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::OpenError;

/// A checked database address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// One file on this machine.
    Sqlite(PathBuf),
}

impl DatabaseUrl {
    /// Reads `sqlite://PATH`; the empty text means the file `default`.
    pub fn parse(url: &str, default: &Path) -> Result<Self, OpenError> {
        match url.split_once("://") {
            None if url.is_empty() => Ok(Self::Sqlite(default.to_owned())),
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(PathBuf::from(path))),
            Some((scheme, rest)) => {
                let shown = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
                Err(OpenError::Unsupported { url: format!("{scheme}://{shown}") })
            }
            None => Err(OpenError::Unsupported { url: url.to_owned() }),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Sqlite(path) = self;
        write!(f, "sqlite://{}", path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_sqlite_file_or_refused_without_its_password() {
        let default = Path::new("data/registry.db");
        assert_eq!(DatabaseUrl::parse("", default).ok(), Some(DatabaseUrl::Sqlite(default.to_owned())));
        let named = DatabaseUrl::parse("sqlite:///var/x.db", default).ok();
        assert_eq!(named, Some(DatabaseUrl::Sqlite("/var/x.db".into())));
        let refused =
            DatabaseUrl::parse("postgres://user:secret@db/lineal", default).map_err(|error| error.to_string());
        assert!(refused.as_ref().is_err_and(|text| text.contains("postgres://db/lineal") && !text.contains("secret")));
    }
}
