//! The story of a promotion: what happened in it, in order.

use std::sync::{Mutex, MutexGuard, PoisonError};

use lineal_kernel::Timestamp;
use serde::{Deserialize, Serialize};

/// One thing that happened in a promotion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromotionEvent {
    /// 1, 2, 3, ... without a gap.
    pub sequence: u64,
    /// When, in microseconds.
    pub created_us: i64,
    /// What.
    #[serde(flatten)]
    pub what: Happening,
}

/// What can happen in a promotion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Happening {
    /// It was written down.
    Began {
        /// The live replicas.
        replicas: Vec<String>,
    },
    /// A replica has loaded and verified every bundle.
    Prepared {
        /// The replica.
        replica: String,
        /// How long that took, in microseconds.
        micros: u64,
    },
    /// A replica did not prepare.
    Refused {
        /// The replica.
        replica: String,
        /// How long it took to say so, in microseconds.
        micros: u64,
        /// Why.
        problem: String,
    },
    /// The alias has moved.
    Committed {
        /// In this generation.
        generation: u64,
    },
    /// A replica serves the new generation.
    Reloaded {
        /// The replica.
        replica: String,
        /// How long that took, in microseconds.
        micros: u64,
    },
    /// A replica did not switch and follows by itself.
    Behind {
        /// The replica.
        replica: String,
        /// How long it was waited for, in microseconds.
        micros: u64,
        /// Why.
        problem: String,
    },
}

/// Numbers the events of one promotion and holds those that are not written down yet. Replicas answer at the same time, so it is
/// shared.
#[derive(Debug, Default)]
pub struct Story(Mutex<Pages>);

#[derive(Debug, Default)]
struct Pages {
    last: u64,
    news: Vec<PromotionEvent>,
}

impl Story {
    /// Adds what just happened.
    pub fn note(&self, now: Timestamp, what: Happening) {
        let mut pages = self.pages();
        pages.last += 1;
        let sequence = pages.last;
        pages.news.push(PromotionEvent { sequence, created_us: now.micros(), what });
    }

    /// What is not written down yet.
    pub fn news(&self) -> Vec<PromotionEvent> {
        self.pages().news.clone()
    }

    /// The same with one more event, which happens if the write that takes it along succeeds.
    pub fn news_with(&self, now: Timestamp, what: Happening) -> Vec<PromotionEvent> {
        let pages = self.pages();
        let mut news = pages.news.clone();
        news.push(PromotionEvent { sequence: pages.last + 1, created_us: now.micros(), what });
        news
    }

    /// Everything up to the last of `written` is in the store.
    pub fn written(&self, written: &[PromotionEvent]) {
        if let Some(last) = written.last() {
            let mut pages = self.pages();
            pages.last = pages.last.max(last.sequence);
            pages.news.retain(|event| event.sequence > last.sequence);
        }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_numbered_and_kept_until_they_are_written() {
        let story = Story::default();
        let told = |story: &Story| story.news().iter().map(|event| event.sequence).collect::<Vec<_>>();
        let now = Timestamp::from_micros(1);
        story.note(now, Happening::Began { replicas: vec!["r1".into()] });
        let first = story.news();
        story.note(now, Happening::Prepared { replica: "r1".into(), micros: 5 });
        assert_eq!(told(&story), [1, 2], "what is not written is told again");
        story.written(&first);
        let committed = story.news_with(now, Happening::Committed { generation: 0 });
        assert_eq!((committed.len(), told(&story)), (2, vec![2]), "what has not happened yet is not kept");
        story.written(&committed);
        story.note(now, Happening::Reloaded { replica: "r1".into(), micros: 5 });
        assert_eq!(told(&story), [4]);
    }

    #[test]
    fn an_event_reads_back_from_the_flat_form_in_which_it_is_stored() {
        let what = Happening::Refused { replica: "r1".into(), micros: 5, problem: "disk full".into() };
        let event = PromotionEvent { sequence: 2, created_us: 7, what };
        let text = serde_json::to_string(&event).unwrap();
        let flat = r#"{"sequence":2,"created_us":7,"kind":"refused","replica":"r1","micros":5,"problem":"disk full"}"#;
        assert_eq!(text, flat);
        assert_eq!(serde_json::from_str::<PromotionEvent>(&text).unwrap(), event);
    }
}
