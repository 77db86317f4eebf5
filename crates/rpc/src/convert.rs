//! Between our time and protobuf's.

use std::time::Duration;

use lineal_kernel::Timestamp;
use lineal_proto::pbjson_types;

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
