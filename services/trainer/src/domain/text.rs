//! Texts as they are stored: kernel types as JSON, and letters that no database takes.

use std::{fmt::Display, str::FromStr};

use lineal_kernel::FieldError;
use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

/// `text` without NUL, which PostgreSQL does not take. What was asked for with one is found no better with another letter.
pub(crate) fn storable(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

pub(super) fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err = FieldError>,
    D: Deserializer<'de>,
{
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

/// The same for a value that may be absent.
pub(super) mod optional {
    use super::{Deserialize, Deserializer, Display, FieldError, FromStr, Serializer};
    use serde::de::Error as _;

    #[expect(clippy::ref_option, reason = "serde hands over the field")]
    pub(in crate::domain) fn serialize<T: Display, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.collect_str(value),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::domain) fn deserialize<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
    where
        T: FromStr<Err = FieldError>,
        D: Deserializer<'de>,
    {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}

/// Moments that may be absent, in microseconds.
pub(super) mod moment {
    use lineal_kernel::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde hands over the field")]
    pub(in crate::domain) fn serialize<S: Serializer>(
        moment: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        moment.map(Timestamp::micros).serialize(serializer)
    }

    pub(in crate::domain) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::deserialize(deserializer)?.map(Timestamp::from_micros))
    }
}

/// Slots in their canonical text.
pub(super) mod slot {
    use lineal_kernel::Slot;
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(in crate::domain) fn serialize<S: Serializer>(slot: &Slot, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(slot)
    }

    pub(in crate::domain) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Slot, D::Error> {
        Slot::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
