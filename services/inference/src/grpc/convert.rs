//! What several contracts of this service say in the same way.

use lineal_proto::lineal::inference::v1 as pb;
use lineal_rpc::timestamp;

use crate::domain::{Entry, Facts, Pedigree};

pub(super) fn pedigree(pedigree: Pedigree) -> pb::Pedigree {
    let Pedigree { prediction_id, target, replica, scored_time } = pedigree;
    let facts = target.entry.facts.clone();
    pb::Pedigree {
        prediction_id,
        model: facts.model.to_string(),
        version: facts.version.get(),
        label: facts.label,
        run_id: facts.run_id,
        digest: facts.digest.to_string(),
        data_digest: facts.data_digest,
        feature_digest: facts.feature_digest,
        git_sha: facts.code_version,
        generation: target.generation,
        replica: replica.to_string(),
        trained_time: facts.trained_time.map(timestamp),
        scored_time: Some(timestamp(scored_time)),
    }
}

pub(super) fn served(entry: &Entry) -> pb::Served {
    let Facts { model, slot, version, digest, .. } = &entry.facts;
    pb::Served {
        model: model.to_string(),
        slot: slot.labels().clone(),
        version: version.get(),
        digest: digest.to_string(),
        requests: entry.requests(),
    }
}
