//! What several contracts of this service say in the same way.

use std::sync::atomic::Ordering;

use lineal_kernel::Share;
use lineal_models::LeftOut;
use lineal_proto::lineal::inference::v1 as pb;
use lineal_rpc::timestamp;

use crate::{
    domain::{Counters, Counts, Entry, Facts, Pedigree, Seat},
    prediction_log::LogCounts,
};

pub(super) fn pedigree(pedigree: Pedigree) -> pb::Pedigree {
    let Pedigree { prediction_id, target, replica, scored_time } = pedigree;
    let Entry { facts, digest, .. } = &*target.entry;
    pb::Pedigree {
        prediction_id,
        model: facts.model.to_string(),
        version: facts.version.get(),
        label: facts.label.clone(),
        run_id: facts.run_id.clone(),
        digest: digest.clone(),
        data_digest: facts.data_digest.clone(),
        feature_digest: facts.feature_digest.clone(),
        git_sha: facts.code_version.clone(),
        generation: target.generation,
        replica: replica.to_string(),
        trained_time: facts.trained_time.map(timestamp),
        scored_time: Some(timestamp(scored_time)),
        alias: facts.alias.to_string(),
    }
}

pub(super) fn left_out(left_out: LeftOut) -> pb::LeftOut {
    let LeftOut { member, rows, problem } = left_out;
    pb::LeftOut { member, rows: rows.into_iter().map(|row| row as u64).collect(), problem }
}

pub(super) fn log(counts: &LogCounts) -> pb::PredictionLogState {
    pb::PredictionLogState {
        logged_rows: counts.logged.load(Ordering::Relaxed),
        dropped_rows: counts.dropped.load(Ordering::Relaxed),
        queued_rows: counts.queued.load(Ordering::Relaxed) as u64,
        files: counts.files.load(Ordering::Relaxed),
    }
}

pub(super) fn served(seat: &Seat) -> pb::Served {
    let Facts { model, slot, version, alias, digest, traffic, .. } = seat.facts();
    let counts = seat.usage().map_or_else(Counts::default, Counters::counts);
    pb::Served {
        model: model.to_string(),
        slot: slot.labels().clone(),
        version: version.get(),
        digest: digest.to_string(),
        requests: counts.requests,
        errors: counts.errors,
        rows: counts.rows,
        inference_micros: counts.micros(),
        alias: alias.to_string(),
        problem: seat.problem().unwrap_or_default().to_owned(),
        split_per_mille: traffic.split().map_or(0, Share::per_mille),
        mirror_per_mille: traffic.mirror().map_or(0, Share::per_mille),
        barred: seat.barred().unwrap_or_default().to_owned(),
        arm: seat.arm().map(|behind| arm(&behind.usage.counts())),
        left_out: seat
            .entry()
            .map(|entry| entry.model().absent())
            .unwrap_or_default()
            .into_iter()
            .map(left_out)
            .collect(),
        cold: seat.cold().is_some(),
    }
}

fn arm(counts: &Counts) -> pb::Arm {
    pb::Arm { requests: counts.requests, errors: counts.errors, rows: counts.rows, inference_micros: counts.micros() }
}
