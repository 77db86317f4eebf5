//! Between our types and protobuf's.

use std::time::Duration;

use lineal_kernel::{FieldError, Share, Timestamp, Traffic};
use lineal_proto::{
    lineal::registry::v1::{self as pb, traffic::Part},
    pbjson_types,
};

/// A moment as protobuf has it.
pub fn timestamp(moment: Timestamp) -> pbjson_types::Timestamp {
    let micros = moment.micros();
    pbjson_types::Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: i32::try_from(micros.rem_euclid(1_000_000) * 1000).unwrap_or(0),
    }
}

/// A length of time as protobuf has it.
pub fn duration(length: Duration) -> pbjson_types::Duration {
    pbjson_types::Duration {
        seconds: i64::try_from(length.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(length.subsec_nanos()).unwrap_or(0),
    }
}

/// What an alias gets, as the registry's contract has it.
pub fn traffic(traffic: Traffic) -> Option<pb::Traffic> {
    let part = match traffic {
        Traffic::None => return None,
        Traffic::Split(share) => Part::SplitPerMille(share.per_mille()),
        Traffic::Mirror(share) => Part::MirrorPerMille(share.per_mille()),
    };
    Some(pb::Traffic { part: Some(part) })
}

/// What an alias gets, read from the registry's contract. To answer nothing is to get nothing; a mirror of nothing still takes what is
/// sent to it by name.
///
/// # Errors
/// Names a share above the whole by its path under `traffic`.
pub fn traffic_of(traffic: Option<pb::Traffic>) -> Result<Traffic, FieldError> {
    let share = |per_mille, path| Share::new(per_mille).map_err(|error: FieldError| error.under(path));
    match traffic.and_then(|traffic| traffic.part) {
        None | Some(Part::SplitPerMille(0)) => Ok(Traffic::None),
        Some(Part::SplitPerMille(part)) => share(part, "traffic.split_per_mille").map(Traffic::Split),
        Some(Part::MirrorPerMille(part)) => share(part, "traffic.mirror_per_mille").map(Traffic::Mirror),
    }
}
