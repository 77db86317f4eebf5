//! Reigns: who was champion of a slot from when to when.

use std::{collections::BTreeMap, str::FromStr};

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

/// Reigns by the model and slot they were in, in the order given.
pub fn by_slot(reigns: Vec<Reign>) -> BTreeMap<(ModelName, Slot), Vec<Reign>> {
    let mut slots: BTreeMap<_, Vec<Reign>> = BTreeMap::new();
    for reign in reigns {
        slots.entry((reign.model.clone(), reign.slot.clone())).or_default().push(reign);
    }
    slots
}

/// The slot's present champion.
pub fn champion(reigns: &[Reign]) -> Option<VersionNumber> {
    reigns.iter().find(|reign| reign.ended_by.is_none()).map(|reign| reign.number)
}

/// The champions that left a slot healthy, the latest to leave first, once each: versions whose last reign there ended by a
/// better one. `reigns` are those of one slot, latest first.
pub fn left_healthy(reigns: &[Reign]) -> Vec<VersionNumber> {
    let mut last: Vec<&Reign> = Vec::new();
    for reign in reigns {
        if last.iter().all(|known| known.number != reign.number) {
            last.push(reign);
        }
    }
    last.retain(|reign| reign.ended_by == Some(EndedBy::Promote));
    last.sort_by_key(|reign| std::cmp::Reverse(reign.to_generation));
    last.into_iter().map(|reign| reign.number).collect()
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
