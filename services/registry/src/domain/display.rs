//! The one word that people see of a version.

use std::str::FromStr;

use super::{
    alias::Alias,
    check::Check,
    reign::{EndedBy, Reign},
    version::VersionState,
};

/// The alias of versions that are tried on a part of the traffic.
pub const CANARY: &str = "canary";

/// Words for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisplayState {
    /// Champion of a slot.
    Production,
    /// Was champion, left healthy, and its artifact is whole.
    RollbackCandidate,
    /// Was champion.
    Archived,
    /// Will never serve, or never again.
    Failed,
    /// Behind the alias `canary` of a slot.
    Canary,
    /// Everything else.
    Staging,
}

impl DisplayState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Production, Self::RollbackCandidate, Self::Archived, Self::Failed, Self::Canary, Self::Staging];
    /// The word of each.
    pub const WORDS: [&str; 6] = {
        let all = Self::ALL;
        [all[0].word(), all[1].word(), all[2].word(), all[3].word(), all[4].word(), all[5].word()]
    };

    /// What a version in this state shows, by what points at it, its times as champion, latest first, and the last check of its files.
    pub fn of(state: VersionState, aliases: &[Alias], reigns: &[Reign], check: Option<&Check>) -> Self {
        if aliases.iter().any(|alias| alias.name.is_champion()) {
            return Self::Production;
        }
        if state == VersionState::Failed {
            return Self::Failed;
        }
        if aliases.iter().any(|alias| alias.name.as_str() == CANARY) {
            return Self::Canary;
        }
        match reigns.first().and_then(|reign| reign.ended_by) {
            // A champion that gave way to a better one left healthy; one that was rolled back or demoted did not.
            Some(EndedBy::Promote) if check.is_none_or(Check::passed) => Self::RollbackCandidate,
            Some(_) => Self::Archived,
            None => Self::Staging,
        }
    }

    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            Self::Production => "production",
            Self::RollbackCandidate => "rollback_candidate",
            Self::Archived => "archived",
            Self::Failed => "failed",
            Self::Staging => "staging",
        }
    }
}

impl FromStr for DisplayState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|state| state.word() == text);
        known.ok_or_else(|| format!("`{text}` is none of {}", Self::WORDS.join(", ")))
    }
}
