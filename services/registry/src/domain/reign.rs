//! Reigns: who was champion of a slot from when to when.

use std::str::FromStr;

use lineal_kernel::{ModelName, Slot, Timestamp, VersionNumber};

/// One time as champion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reign {
    /// The model.
    pub model: ModelName,
    /// The slot.
    pub slot: Slot,
    /// The champion.
    pub number: VersionNumber,
    /// The generation that began it.
    pub from_generation: u64,
    /// The generation that ended it; `None` while it lasts.
    pub to_generation: Option<u64>,
    /// What ended it; `None` while it lasts.
    pub ended_by: Option<EndedBy>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
}

/// What ended a reign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedBy {
    /// A better version.
    Promote,
    /// Something was wrong with it.
    Rollback,
    /// The slot was emptied.
    Demote,
}

impl EndedBy {
    /// The stored word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Promote => "promote",
            Self::Rollback => "rollback",
            Self::Demote => "demote",
        }
    }
}

impl FromStr for EndedBy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "promote" => Ok(Self::Promote),
            "rollback" => Ok(Self::Rollback),
            "demote" => Ok(Self::Demote),
            _ => Err(format!("`{text}` ends no reign")),
        }
    }
}
