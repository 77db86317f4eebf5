//! The serving table: what one generation serves.

use std::{collections::HashMap, fmt, sync::Arc};

use lineal_kernel::{AliasName, Digest, FieldError, ModelName, Slot, Timestamp, VersionNumber};
use lineal_models::ServedModel;

use super::Counters;
use crate::InferenceError;

/// What the registry says of one champion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) model: ModelName,
    pub(crate) slot: Slot,
    pub(crate) version: VersionNumber,
    /// The version's label, for people.
    pub(crate) label: String,
    /// Digest of the bundle.
    pub(crate) digest: Digest,
    pub(crate) run_id: String,
    /// Commit or release of the code that trained it.
    pub(crate) code_version: String,
    pub(crate) data_digest: String,
    pub(crate) feature_digest: String,
    pub(crate) trained_time: Option<Timestamp>,
}

/// Every champion of one generation, not yet loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) generation: u64,
    pub(crate) champions: Vec<Facts>,
}

/// One champion, loaded. It stays the same entry for as long as it is served, over all generations.
pub(crate) struct Entry {
    pub(crate) facts: Facts,
    /// The bundle's digest as text, for every answer.
    pub(crate) digest: String,
    /// When it was trained as text, for every answer; empty if nobody knows.
    pub(crate) trained_at: String,
    /// What the version did in this process, in whatever slots and generations.
    pub(crate) usage: Arc<Counters>,
    bundle: Arc<ServedModel>,
}

impl Entry {
    /// An entry that counts in `usage`.
    pub(crate) fn new(facts: Facts, bundle: Arc<ServedModel>, usage: Arc<Counters>) -> Self {
        Self {
            digest: facts.digest.to_string(),
            trained_at: facts.trained_time.map(|moment| moment.to_string()).unwrap_or_default(),
            facts,
            usage,
            bundle,
        }
    }

    /// The model that answers.
    pub(crate) fn model(&self) -> &ServedModel {
        &self.bundle
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// The entry that answers a request, and the generation it was found in. Holding it keeps the model loaded.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) entry: Arc<Entry>,
    pub(crate) generation: u64,
}

/// Which version a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Whatever the alias points at.
    Alias(AliasName),
    /// This number and no other.
    Number(VersionNumber),
}

impl Wanted {
    /// Reads a number or `@alias`; the empty text is the champion.
    pub(crate) fn parse(text: &str) -> Result<Self, FieldError> {
        let checked = match (text, text.strip_prefix('@')) {
            ("", _) => return Ok(Self::champion()),
            (_, Some(alias)) => AliasName::new(alias).map(Self::Alias),
            (number, None) => number
                .parse()
                .map_err(|_| FieldError::new("", "expected a version number, `@` and an alias, or nothing"))
                .and_then(VersionNumber::new)
                .map(Self::Number),
        };
        checked.map_err(|error| error.under("model_version"))
    }

    /// The production version.
    pub(crate) fn champion() -> Self {
        Self::Alias(AliasName::champion())
    }

    /// Only champions are served, so no other alias is ever met.
    fn is_met_by(&self, facts: &Facts) -> bool {
        match self {
            Self::Alias(alias) => alias.is_champion(),
            Self::Number(number) => *number == facts.version,
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alias(alias) => write!(f, "@{alias}"),
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// Every champion of one generation, loaded. Never changed: a new generation is a new table.
#[derive(Debug, Default)]
pub(crate) struct ServingTable {
    generation: u64,
    models: HashMap<String, HashMap<Slot, Arc<Entry>>>,
}

impl ServingTable {
    /// The table of `generation`.
    pub(crate) fn new(generation: u64, entries: impl IntoIterator<Item = Arc<Entry>>) -> Self {
        let mut models: HashMap<String, HashMap<Slot, Arc<Entry>>> = HashMap::new();
        for entry in entries {
            let Facts { model, slot, .. } = &entry.facts;
            models.entry(model.to_string()).or_default().insert(slot.clone(), entry);
        }
        Self { generation, models }
    }

    /// The generation that this table is.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// All entries in order of model and slot.
    pub(crate) fn entries(&self) -> Vec<&Arc<Entry>> {
        let mut entries: Vec<_> = self.models.values().flat_map(HashMap::values).collect();
        entries.sort_by_key(|entry| (&entry.facts.model, &entry.facts.slot));
        entries
    }

    /// The entry that serves exactly these facts.
    pub(crate) fn same(&self, facts: &Facts) -> Option<&Arc<Entry>> {
        self.models.get(facts.model.as_str())?.get(&facts.slot).filter(|entry| entry.facts == *facts)
    }

    /// The bundle with this digest, in whatever slot it is served.
    pub(crate) fn bundle(&self, digest: Digest) -> Option<&Arc<ServedModel>> {
        let mut entries = self.models.values().flat_map(HashMap::values);
        entries.find(|entry| entry.facts.digest == digest).map(|entry| &entry.bundle)
    }

    /// That `bundle` predicts what the model's champions predict now, in whatever slot.
    pub(crate) fn check_task(&self, model: &ModelName, bundle: &ServedModel) -> Result<(), InferenceError> {
        let mut served = self.models.get(model.as_str()).into_iter().flat_map(HashMap::values);
        match served.find(|entry| entry.bundle.task() != bundle.task()) {
            Some(entry) => Err(InferenceError::TaskChanged {
                model: model.clone(),
                served: entry.bundle.task().name(),
                found: bundle.task().name(),
            }),
            None => Ok(()),
        }
    }

    /// What answers a request. A slot without a champion of its own has no fallback.
    pub(crate) fn find(&self, model: &str, slot: &Slot, wanted: &Wanted) -> Result<Target, InferenceError> {
        let entry = self.models.get(model).and_then(|slots| slots.get(slot)).ok_or_else(|| {
            InferenceError::ModelNotServed { model: model.chars().take(64).collect(), slot: slot.clone() }
        })?;
        if !wanted.is_met_by(&entry.facts) {
            return Err(InferenceError::VersionNotServed {
                model: entry.facts.model.clone(),
                asked: wanted.to_string(),
                served: entry.facts.version,
            });
        }
        Ok(Target { entry: entry.clone(), generation: self.generation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_is_asked_for_by_any_of_its_names() {
        // F8, F124
        for text in ["", "@champion", "@prod", "@production", "@Champion"] {
            assert_eq!(Wanted::parse(text), Ok(Wanted::champion()), "{text}");
        }
        assert_eq!(Wanted::parse("7").map(|wanted| wanted.to_string()), Ok("7".to_owned()));
        assert_eq!(Wanted::parse("@canary").map(|wanted| wanted.to_string()), Ok("@canary".to_owned()));
    }

    #[test]
    fn anything_else_is_no_version() {
        for text in ["0", "-1", "latest", "@", "@5", "1.0", "99999999999999999999"] {
            let error = Wanted::parse(text).unwrap_err();
            assert_eq!(error.path, "model_version", "{text}");
        }
    }

    #[test]
    fn an_empty_table_serves_nothing() {
        let found = ServingTable::default().find("churn", &Slot::default(), &Wanted::champion());
        assert!(matches!(found, Err(InferenceError::ModelNotServed { model, .. }) if model == "churn"));
    }
}
