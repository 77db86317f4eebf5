//! The keys of the configuration, read and checked.

use std::fs;

use lineal_signing::{KeyError, Policy, PublicKey, SigningKey};

use super::{RawSigning, checked::Problems};

/// Every PEM begins with it, and no path.
const PEM: &str = "-----BEGIN";

/// Who is trusted, and the key that signs.
pub(super) fn signing(raw: &RawSigning, problems: &mut Problems) -> Option<(Policy, Option<SigningKey>)> {
    let trusted = raw.trusted_keys.iter().enumerate();
    let keys: Vec<_> = trusted
        .map(|(i, key)| problems.check(&format!("signing.trusted_keys[{i}]"), read(key, PublicKey::from_pem)))
        .collect();
    let nobody = raw.required && raw.trusted_keys.is_empty();
    let required = problems.check("signing.required", if nobody { Err("name signing.trusted_keys") } else { Ok(()) });
    let key = match raw.key.as_str() {
        "" => Some(None),
        key => problems.check("signing.key", read(key, SigningKey::from_pem)).map(Some),
    };
    required?;
    Some((Policy::new(keys.into_iter().collect::<Option<Vec<_>>>()?, raw.required), key?))
}

fn read<T>(key: &str, parse: impl Fn(&str) -> Result<T, KeyError>) -> Result<T, String> {
    if key.trim_start().starts_with(PEM) {
        return parse(key).map_err(|error| error.to_string());
    }
    let pem = fs::read_to_string(key).map_err(|error| format!("cannot read `{key}`: {error}"))?;
    parse(&pem).map_err(|error| format!("`{key}` {error}"))
}
