//! The served table as a file.

use lineal_kernel::{AliasName, Digest, FieldError, ModelName, Share, Slot, Timestamp, Traffic, VersionNumber};
use serde::{Deserialize, Serialize};

use crate::domain::{Facts, Listing};

#[derive(Serialize, Deserialize)]
struct StoredTable {
    generation: u64,
    /// Files of earlier releases hold champions alone.
    #[serde(alias = "champions")]
    aliases: Vec<StoredFacts>,
}

/// What the registry says of one version, as a file keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredFacts {
    pub(crate) model: String,
    pub(crate) slot: String,
    #[serde(default = "champion")]
    alias: String,
    version: u64,
    label: String,
    digest: Digest,
    run_id: String,
    code_version: String,
    data_digest: String,
    feature_digest: String,
    trained_micros: Option<i64>,
    /// What the alias gets, in thousandths; files of earlier releases know of none.
    #[serde(default)]
    split: Option<u32>,
    #[serde(default)]
    mirror: Option<u32>,
}

fn champion() -> String {
    AliasName::champion().to_string()
}

/// Why a file is not a served table.
#[derive(Debug, thiserror::Error)]
pub(super) enum LastTableError {
    #[error("not the file of a served table")]
    Json(#[from] serde_json::Error),
    #[error("the file of the served table holds a bad value")]
    Value(#[from] FieldError),
}

/// The listing as JSON.
pub(super) fn write(listing: &Listing) -> Vec<u8> {
    let aliases = listing.aliases.iter().map(StoredFacts::from).collect();
    let stored = StoredTable { generation: listing.generation, aliases };
    serde_json::to_vec_pretty(&stored).unwrap_or_default()
}

/// The listing that [`write`] wrote.
pub(super) fn read(content: &[u8]) -> Result<Listing, LastTableError> {
    let stored: StoredTable = serde_json::from_slice(content)?;
    let aliases = stored.aliases.into_iter().map(Facts::try_from).collect::<Result<_, _>>()?;
    Ok(Listing { generation: stored.generation, aliases })
}

impl From<&Facts> for StoredFacts {
    fn from(facts: &Facts) -> Self {
        Self {
            model: facts.model.to_string(),
            slot: facts.slot.to_string(),
            alias: facts.alias.to_string(),
            version: facts.version.get(),
            label: facts.label.clone(),
            digest: facts.digest,
            run_id: facts.run_id.clone(),
            code_version: facts.code_version.clone(),
            data_digest: facts.data_digest.clone(),
            feature_digest: facts.feature_digest.clone(),
            trained_micros: facts.trained_time.map(Timestamp::micros),
            split: facts.traffic.split().map(Share::per_mille),
            mirror: facts.traffic.mirror().map(Share::per_mille),
        }
    }
}

impl TryFrom<StoredFacts> for Facts {
    type Error = FieldError;

    fn try_from(stored: StoredFacts) -> Result<Self, FieldError> {
        Ok(Self {
            model: ModelName::new(&stored.model)?,
            slot: Slot::parse(&stored.slot)?,
            alias: AliasName::new(&stored.alias)?,
            version: VersionNumber::new(stored.version)?,
            traffic: match (stored.split, stored.mirror) {
                (Some(share), _) => Traffic::Split(Share::new(share)?),
                (None, Some(share)) => Traffic::Mirror(Share::new(share)?),
                (None, None) => Traffic::None,
            },
            label: stored.label,
            digest: stored.digest,
            run_id: stored.run_id,
            code_version: stored.code_version,
            data_digest: stored.data_digest,
            feature_digest: stored.feature_digest,
            trained_time: stored.trained_micros.map(Timestamp::from_micros),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_survives_its_file() {
        let facts = Facts {
            model: ModelName::new("churn").unwrap(),
            slot: Slot::parse("regime=trending,symbol=BTCUSDT").unwrap(),
            alias: AliasName::new("canary").unwrap(),
            version: VersionNumber::new(5).unwrap(),
            traffic: Traffic::Split(Share::new(25).unwrap()),
            label: "logistic-20250115-143022".into(),
            digest: Digest::of(b"bundle"),
            run_id: "run-1".into(),
            code_version: "abc".into(),
            data_digest: Digest::of(b"data").to_string(),
            feature_digest: Digest::of(b"features").to_string(),
            trained_time: Some(Timestamp::from_micros(1_736_951_422_000_001)),
        };
        let listing = Listing { generation: 7, aliases: vec![facts] };
        assert_eq!(read(&write(&listing)).unwrap(), listing);
        for broken in ["", "{}", &String::from_utf8(write(&listing)).unwrap().replace("churn", "../churn")] {
            assert!(read(broken.as_bytes()).is_err(), "{broken}");
        }
    }
}
