//! Which bundles may be loaded.

use std::collections::BTreeMap;

use lineal_kernel::Digest;

use crate::{Envelope, Files, PublicKey, Refusal};

/// The keys that are trusted, and whether every bundle must be signed by one. The default trusts none and asks for none.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    keys: BTreeMap<Digest, PublicKey>,
    required: bool,
}

impl Policy {
    /// Trusts `keys`; what nobody signed is loaded unless `required`.
    pub fn new(keys: impl IntoIterator<Item = PublicKey>, required: bool) -> Self {
        Self { keys: keys.into_iter().map(|key| (key.fingerprint(), key)).collect(), required }
    }

    /// Whether signatures are looked at.
    pub fn is_active(&self) -> bool {
        self.required || !self.keys.is_empty()
    }

    /// Which of the `signatures` of a bundle with these files is by a trusted key and good; `None` for a bundle without any, unless
    /// they are required. One that is good is enough: while keys are changed, a bundle has signatures of both.
    ///
    /// # Errors
    /// [`Refusal`]: of a bad signature of a trusted key before anything else.
    pub fn admit(&self, files: &Files, signatures: &[String]) -> Result<Option<usize>, Refusal> {
        let mut refusal = None;
        for (place, signature) in signatures.iter().enumerate() {
            match self.check(files, signature) {
                Ok(()) => return Ok(Some(place)),
                Err(unknown @ Refusal::UnknownKey { .. }) => {
                    refusal.get_or_insert(unknown);
                }
                Err(bad) => refusal = Some(bad),
            }
        }
        match refusal {
            Some(refusal) => Err(refusal),
            None if self.required => Err(Refusal::Unsigned),
            None => Ok(None),
        }
    }

    fn check(&self, files: &Files, signature: &str) -> Result<(), Refusal> {
        let envelope = Envelope::parse(signature).map_err(|problem| Refusal::Unreadable { problem })?;
        let key = envelope.key();
        let trusted = self.keys.get(&key).ok_or(Refusal::UnknownKey { key })?;
        envelope.verify(trusted, files).map_err(|problem| Refusal::Invalid { key, problem })
    }
}
