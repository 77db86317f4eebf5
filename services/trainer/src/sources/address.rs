//! Where rows come from, as configured.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use url::Url;

/// A checked address of rows. Its passwords and keys are never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceAddress(pub(super) Place);

/// The kinds of sources.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// `postgres://USER:PASSWORD@HOST/DATABASE`.
    Postgres(String),
    /// A file of SQLite.
    Sqlite(PathBuf),
    /// A folder of this machine, or a place in object storage, with the settings of its client.
    Objects { url: Url, settings: BTreeMap<String, String> },
}

/// Why an address is none.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// The kind of source is unknown, or something is missing.
    #[error(
        "expected an address like postgres://user:password@host/database, sqlite:///data/shop.db, file:///data/rows, s3://bucket/rows, gs://bucket/rows, az://container/rows or https://host/rows"
    )]
    Unknown,
}

impl SourceAddress {
    /// Reads an address. Clients of object storage take their settings, e.g. `aws_access_key_id`, from `settings`, whose other
    /// entries they ignore.
    ///
    /// # Errors
    /// [`AddressError`], which does not repeat the address: it may hold a password.
    pub fn parse(address: &str, settings: impl IntoIterator<Item = (String, String)>) -> Result<Self, AddressError> {
        if let Some(path) = address.strip_prefix("sqlite://").filter(|path| !path.is_empty()) {
            return Ok(Self(Place::Sqlite(PathBuf::from(path))));
        }
        let url = Url::parse(address).map_err(|_| AddressError::Unknown)?;
        let host = url.host_str().is_some_and(|host| !host.is_empty());
        match url.scheme() {
            "postgres" | "postgresql" if host => Ok(Self(Place::Postgres(address.to_owned()))),
            "s3" | "gs" | "az" | "http" | "https" if host => Ok(Self(Place::Objects { url, settings: own(settings) })),
            "file" if !host => Ok(Self(Place::Objects { url, settings: BTreeMap::new() })),
            _ => Err(AddressError::Unknown),
        }
    }
}

/// The settings that are meant for clients of object storage.
fn own(settings: impl IntoIterator<Item = (String, String)>) -> BTreeMap<String, String> {
    let settings = settings.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
    settings.filter(|(name, _)| ["aws_", "google_", "azure_"].iter().any(|prefix| name.starts_with(prefix))).collect()
}

/// The address without user, password and query.
impl fmt::Display for SourceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = match &self.0 {
            Place::Sqlite(path) => return write!(f, "sqlite://{}", path.display()),
            Place::Postgres(address) => Url::parse(address).ok(),
            Place::Objects { url, .. } => Some(url.clone()),
        };
        let Some(url) = url else { return Ok(()) };
        let host = url.host_str().unwrap_or_default();
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        write!(f, "{}://{host}{port}{}", url.scheme(), url.path())
    }
}

impl fmt::Debug for SourceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceAddress({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(address: &str) -> Result<SourceAddress, AddressError> {
        let settings = [("AWS_SECRET_ACCESS_KEY", "hush"), ("HOME", "/")];
        SourceAddress::parse(address, settings.map(|(name, value)| (name.to_owned(), value.to_owned())))
    }

    #[test]
    fn an_address_is_shown_without_what_opens_it() {
        for (address, shown) in [
            ("postgres://ada:secret@db:5433/shop?options=-c%20secret", "postgres://db:5433/shop"),
            ("sqlite:///data/shop.db", "sqlite:///data/shop.db"),
            ("file:///data/rows", "file:///data/rows"),
            ("s3://lake/rows", "s3://lake/rows"),
            ("https://ada:secret@host/rows?token=secret", "https://host/rows"),
        ] {
            let parsed = parse(address).unwrap();
            assert_eq!(parsed.to_string(), shown);
            assert_eq!(format!("{parsed:?}"), format!("SourceAddress({shown})"));
        }
    }

    #[test]
    fn settings_are_those_of_object_storage_alone() {
        let SourceAddress(Place::Objects { settings, .. }) = parse("s3://lake/rows").unwrap() else { panic!() };
        assert_eq!(settings, BTreeMap::from([("aws_secret_access_key".to_owned(), "hush".to_owned())]));
    }

    #[test]
    fn anything_else_is_refused_without_repeating_it() {
        for address in
            ["", "shop.db", "sqlite://", "mysql://ada:secret@db/shop", "s3://", "ftp://host/x", "file://host/x"]
        {
            let error = parse(address).unwrap_err().to_string();
            assert!(!error.contains("secret@"), "{error}");
        }
    }
}
