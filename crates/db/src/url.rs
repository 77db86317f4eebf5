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
    /// A schema of its own in a PostgreSQL database.
    Postgres {
        /// `postgres://user:password@host/database`.
        url: String,
        /// The schema; created on the way.
        schema: String,
    },
}

impl DatabaseUrl {
    /// Reads `sqlite://PATH` or `postgres://USER:PASSWORD@HOST/DATABASE[?schema=NAME]`. The empty text means the file
    /// `<role>.db` in `folder`; without a name the schema is `lineal_<role>`, so that services can share a database.
    pub fn parse(url: &str, folder: &Path, role: &str) -> Result<Self, OpenError> {
        match url.split_once("://") {
            None if url.is_empty() => Ok(Self::Sqlite(folder.join(format!("{role}.db")))),
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(PathBuf::from(path))),
            Some(("postgres" | "postgresql", rest)) if !rest.is_empty() => {
                let (base, query) = url.split_once('?').unwrap_or((url, ""));
                let (named, others): (Vec<_>, Vec<_>) =
                    query.split('&').filter(|pair| !pair.is_empty()).partition(|pair| pair.starts_with("schema="));
                let schema =
                    named.first().map_or_else(|| format!("lineal_{role}"), |pair| pair["schema=".len()..].to_owned());
                if schema.is_empty()
                    || !schema.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
                {
                    return Err(OpenError::Schema { schema });
                }
                let url = if others.is_empty() { base.to_owned() } else { format!("{base}?{}", others.join("&")) };
                Ok(Self::Postgres { url, schema })
            }
            Some((scheme, rest)) => {
                Err(OpenError::Unsupported { url: format!("{scheme}://{}", without_password(rest)) })
            }
            None => Err(OpenError::Unsupported { url: url.to_owned() }),
        }
    }
}

fn without_password(rest: &str) -> &str {
    rest.rsplit_once('@').map_or(rest, |(_, host)| host)
}

/// The address without its password.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres { url, schema } => {
                let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
                let (host, _) = without_password(rest).split_once('?').unwrap_or((without_password(rest), ""));
                write!(f, "postgres://{host}?schema={schema}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<DatabaseUrl, String> {
        DatabaseUrl::parse(url, Path::new("data"), "registry").map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_is_a_file_or_a_schema() {
        assert_eq!(parse(""), Ok(DatabaseUrl::Sqlite("data/registry.db".into())));
        assert_eq!(parse("sqlite:///var/x.db"), Ok(DatabaseUrl::Sqlite("/var/x.db".into())));
        let (url, schema) = ("postgres://ana:secret@db/lineal".to_owned(), "lineal_registry".to_owned());
        assert_eq!(parse(&url), Ok(DatabaseUrl::Postgres { url: url.clone(), schema }));
        let named = parse("postgres://ana:secret@db/lineal?sslmode=require&schema=tests").unwrap();
        assert_eq!(named.to_string(), "postgres://db/lineal?schema=tests");
        let expected = "postgres://ana:secret@db/lineal?sslmode=require".to_owned();
        assert_eq!(named, DatabaseUrl::Postgres { url: expected, schema: "tests".to_owned() });
    }

    #[test]
    fn anything_else_is_refused_without_its_password() {
        let refused = parse("mysql://user:secret@db/lineal").unwrap_err();
        assert!(refused.contains("mysql://db/lineal") && !refused.contains("secret"), "{refused}");
        assert!(parse("registry.db").is_err());
        assert!(parse("postgres://db/lineal?schema=a;drop").is_err());
    }
}
