//! Watching promotions: each story is read once in a process, however many watch it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_stream::try_stream;
use futures::Stream;
use lineal_db::StoreError;
use lineal_kernel::{Caller, TenantId};
use tokio::sync::watch;

use crate::{
    Registry,
    domain::{error::RegistryError, promotion::Promotion, story::PromotionEvent},
};

/// Between two looks at a story that is being watched. The promotion may be in the hands of another process, so its rows are the
/// only news there is.
const LOOK: Duration = Duration::from_millis(100);

/// Which promotion to watch.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// By its id.
    Promotion(String),
    /// By the key of the call that makes it.
    Request(String),
}

/// What a watcher is told.
#[derive(Debug)]
pub(crate) enum News {
    /// Something happened.
    Event(PromotionEvent),
    /// The last: what became of it.
    Ended(Box<Promotion>),
}

/// A story as far as it is known here.
#[derive(Debug, Default)]
struct Known {
    events: Vec<PromotionEvent>,
    ended: Option<Promotion>,
}

impl Known {
    /// What a watcher that has heard everything up to `sequence` is told next. Sequences begin at 1 and have no gap.
    fn after(&self, sequence: u64) -> (Vec<PromotionEvent>, Option<Promotion>) {
        let heard = usize::try_from(sequence).unwrap_or(usize::MAX).min(self.events.len());
        (self.events[heard..].to_vec(), self.ended.clone())
    }
}

type Key = (TenantId, String);

/// The stories that are watched in this process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stories(Arc<Mutex<HashMap<Key, watch::Sender<Known>>>>);

impl Stories {
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, watch::Sender<Known>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a story off the list, unless someone still watches it and more is to come.
    fn leave(&self, key: &Key, story: &watch::Sender<Known>) -> bool {
        let mut followed = self.lock();
        let leaves = story.receiver_count() == 0 || story.borrow().ended.is_some();
        if leaves {
            followed.remove(key);
        }
        leaves
    }
}

impl Registry {
    /// What happens in a promotion after event `sequence`, to its end. Each watcher has a place of its own in the story: a slow one
    /// delays nobody.
    pub(crate) async fn watch_promotion(
        &self,
        caller: &Caller,
        wanted: Wanted,
        sequence: u64,
    ) -> Result<impl Stream<Item = Result<News, RegistryError>> + Send + use<>, RegistryError> {
        let promotion = match wanted {
            Wanted::Promotion(id) => self.promotion(caller, &id).await?,
            Wanted::Request(id) => self
                .store
                .promotion_of_request(&caller.tenant, &id)
                .await?
                .ok_or(RegistryError::PromotionNotFound { promotion_id: id })?,
        };
        let mut story = self.follow((caller.tenant.clone(), promotion.promotion_id));
        let stopping = self.stopping.clone();
        Ok(try_stream! {
            let mut heard = sequence;
            loop {
                let (events, ended) = story.borrow_and_update().after(heard);
                for event in events {
                    heard = event.sequence;
                    yield News::Event(event);
                }
                if let Some(promotion) = ended {
                    yield News::Ended(Box::new(promotion));
                    return;
                }
                match stopping.run_until_cancelled(story.changed()).await {
                    Some(Ok(())) => {}
                    // The store is away.
                    Some(Err(_)) => Err(StoreError::Busy)?,
                    None => Err(RegistryError::ShuttingDown)?,
                }
            }
        })
    }

    /// Joins those who follow a story, or begins to follow it.
    fn follow(&self, key: Key) -> watch::Receiver<Known> {
        let mut followed = self.stories.lock();
        if let Some(story) = followed.get(&key) {
            return story.subscribe();
        }
        let (story, receiver) = watch::channel(Known::default());
        followed.insert(key.clone(), story.clone());
        tokio::spawn(self.clone().read_on(key, story));
        receiver
    }

    /// Reads a story for all its watchers, to its end or until nobody watches.
    async fn read_on(self, key: Key, story: watch::Sender<Known>) {
        let mut heard = 0;
        while !self.stories.leave(&key, &story) {
            let (promotion, events) = match self.store.story(&key.0, &key.1, heard).await {
                Ok(Some(found)) => found,
                lost => {
                    tracing::warn!(promotion_id = %key.1, ?lost, "could not read on in a promotion that is watched");
                    self.stories.lock().remove(&key);
                    return;
                }
            };
            heard = events.last().map_or(heard, |event| event.sequence);
            let under_way = promotion.under_way;
            if !under_way || !events.is_empty() {
                story.send_modify(|known| {
                    known.events.extend(events);
                    known.ended = (!under_way).then_some(promotion);
                });
            }
            if under_way {
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}
