//! History: who was champion of a slot at a moment.

use lineal_kernel::Timestamp;

use super::{promotion::Promotion, reign::Reign};

/// A reign and the move that began it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tenure {
    /// From when to when.
    pub reign: Reign,
    /// Who began it and why; for a member of a chain the move of the whole chain.
    pub begun_by: Promotion,
}

/// Who held a slot at a moment.
#[derive(Debug, Clone, PartialEq)]
pub enum Occupant {
    /// This champion.
    Champion(Box<Tenure>),
    /// Nobody.
    Nobody(Vacancy),
}

/// A time without a champion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vacancy {
    /// When the last reign before it ended; `None` if there was none.
    pub since: Option<Timestamp>,
    /// When the next reign began; `None` while it lasts.
    pub until: Option<Timestamp>,
}
