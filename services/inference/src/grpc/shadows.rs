//! How shadows compare, as the contract has it.

use lineal_kernel::VersionNumber;
use lineal_proto::lineal::inference::v1 as pb;

use crate::{
    app::ArmName,
    domain::{Agreement, ShadowCounts},
};

pub(super) fn shadow(name: ArmName, counts: ShadowCounts) -> pb::Shadow {
    let (model, slot, alias, version) = name;
    pb::Shadow {
        model: model.to_string(),
        slot: slot.labels().clone(),
        alias: alias.to_string(),
        version: version.get(),
        chosen: counts.chosen,
        dropped: counts.dropped,
        failed: counts.failed,
        agreements: counts.agreements.into_iter().map(agreement).collect(),
    }
}

fn agreement((version, sums): (VersionNumber, Agreement)) -> pb::Agreement {
    pb::Agreement {
        version: version.get(),
        requests: sums.requests,
        rows: sums.rows,
        labelled_rows: sums.labelled,
        agreeing_rows: sums.agreeing,
        scores: sums.scores,
        absolute_difference: sums.difference,
        answer_micros: sums.answering.as_micros() as u64,
        shadow_micros: sums.shadowing.as_micros() as u64,
    }
}
