//! Where an answer comes from.

use lineal_kernel::{Name, Timestamp};

use super::{Facts, Target};

/// The name of one answer, which says everything needed to trace it:
/// `<model>:<version>:g<generation>:<scored_time in microseconds>:<replica>:<8 hexadecimal digits>`.
///
/// No part can contain a colon. `sequence` tells answers of one replica in the same microsecond apart.
pub(crate) fn prediction_id(
    facts: &Facts,
    generation: u64,
    scored_time: Timestamp,
    replica: &Name,
    sequence: u32,
) -> String {
    let Facts { model, version, .. } = facts;
    format!("{model}:{version}:g{generation}:{}:{replica}:{sequence:08x}", scored_time.micros())
}

/// The name of what a batch wrote into its file `part`, in the same form: `b<batch>` stands in place of the generation.
pub(crate) fn batch_prediction_id(
    facts: &Facts,
    batch_id: &Name,
    scored_time: Timestamp,
    replica: &Name,
    part: u64,
) -> String {
    let Facts { model, version, .. } = facts;
    format!("{model}:{version}:b{batch_id}:{}:{replica}:{part:08x}", scored_time.micros())
}

/// Where one answer comes from.
#[derive(Debug, Clone)]
pub(crate) struct Pedigree {
    /// Names the answer.
    pub(crate) prediction_id: String,
    /// The one entry that gave it.
    pub(crate) target: Target,
    /// The process that gave it.
    pub(crate) replica: Name,
    /// When it was given.
    pub(crate) scored_time: Timestamp,
}

#[cfg(test)]
mod tests {
    use lineal_kernel::{AliasName, Digest, ModelName, Slot, Traffic, VersionNumber};

    use super::*;

    #[test]
    fn a_prediction_names_model_version_generation_moment_and_replica() {
        // F133
        let facts = Facts {
            model: ModelName::new("churn").unwrap(),
            slot: Slot::default(),
            alias: AliasName::champion(),
            version: VersionNumber::new(5).unwrap(),
            traffic: Traffic::None,
            label: "logistic-20250115-143022".into(),
            digest: Digest::of(b"bundle"),
            run_id: "run-1".into(),
            code_version: "abc".into(),
            data_digest: String::new(),
            feature_digest: String::new(),
            trained_time: None,
        };
        let id =
            prediction_id(&facts, 7, Timestamp::from_micros(1_736_951_422_000_001), &Name::new("r-0").unwrap(), 0xbeef);
        assert_eq!(id, "churn:5:g7:1736951422000001:r-0:0000beef");
    }
}
