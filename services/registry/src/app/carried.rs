//! The promotions in the hands of this process.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Ids of the promotions that this process is carrying out. What is under way in the store and in nobody's hands, nobody will end
/// but the reconciler.
#[derive(Debug, Clone, Default)]
pub(crate) struct Carried(Arc<Mutex<HashSet<String>>>);

impl Carried {
    /// Takes a promotion in hand until the answer is dropped, also by a panic.
    pub(super) fn hold(&self, promotion_id: &str) -> Hold {
        self.lock().insert(promotion_id.to_owned());
        Hold { carried: self.clone(), promotion_id: promotion_id.to_owned() }
    }

    /// Whether this process is carrying it out.
    pub(super) fn holds(&self, promotion_id: &str) -> bool {
        self.lock().contains(promotion_id)
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A promotion in hand.
#[derive(Debug)]
pub(super) struct Hold {
    carried: Carried,
    promotion_id: String,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.carried.lock().remove(&self.promotion_id);
    }
}
