//! Rest: slots that nobody asks fall asleep, each as a whole, and wake as one.

use std::{collections::HashSet, sync::Arc, time::Duration};

use lineal_kernel::{Digest, ModelName, Slot, Timestamp};
use lineal_models::ServedModel;

use super::{Cold, Entry, Facts, Listing, Seat, ServingTable};

/// A bundle that was to wake: loaded, or why it cannot be.
pub(crate) type Woken = (Digest, Result<Arc<ServedModel>, String>);

impl Entry {
    /// Since when nobody has asked it.
    fn idle_since(&self) -> Timestamp {
        self.usage.counts().last_use.map_or(self.since, |used| used.max(self.since))
    }
}

impl ServingTable {
    /// The slots that are awake and have not been asked for `period`.
    pub(crate) fn idle(&self, now: Timestamp, period: Duration) -> HashSet<(ModelName, Slot)> {
        let mut slots: HashSet<_> = self.all().filter_map(Seat::entry).map(|entry| place(&entry.facts)).collect();
        for entry in self.all().filter_map(Seat::entry).filter(|entry| now.since(entry.idle_since()) < period) {
            slots.remove(&place(&entry.facts));
        }
        slots.into_iter().map(|(model, slot)| (model.clone(), slot.clone())).collect()
    }

    /// The same generation with these slots asleep.
    pub(crate) fn asleep(&self, slots: &HashSet<(ModelName, Slot)>) -> Self {
        let sleeps = |facts: &Facts| slots.contains(&(facts.model.clone(), facts.slot.clone()));
        self.map(|seat| match seat {
            Seat::Served(entry) if sleeps(&entry.facts) => Seat::Cold(Arc::new(Cold::of(entry))),
            Seat::Unserved { facts, cold: Some(cold), .. } if sleeps(facts) => Seat::Cold(cold.clone()),
            other => other.clone(),
        })
    }

    /// What sleeps in a slot; nothing if the slot is awake.
    pub(crate) fn sleepers(&self, model: &ModelName, slot: &Slot) -> Vec<Arc<Cold>> {
        self.slot(model.as_str(), slot).iter().filter_map(Seat::cold).cloned().collect()
    }

    /// Whether something sleeps in a slot, and `bundles` are all of it.
    pub(crate) fn wakes_with(&self, model: &ModelName, slot: &Slot, bundles: &[Woken]) -> bool {
        let sleepers = self.sleepers(model, slot);
        let is_there = |cold: &Arc<Cold>| bundles.iter().any(|(digest, _)| *digest == cold.facts.digest);
        !sleepers.is_empty() && sleepers.iter().all(is_there)
    }

    /// The same generation with a slot awake whose bundles were loaded by `now`. What is served by now is left alone, and so is a slot in
    /// which more sleeps: a reload changed it meanwhile, and it wakes whole or not at all.
    pub(crate) fn awake(&self, model: &ModelName, slot: &Slot, bundles: &[Woken], now: Timestamp) -> Self {
        if !self.wakes_with(model, slot, bundles) {
            return self.map(Seat::clone);
        }
        let wake = |cold: &Arc<Cold>| match bundles.iter().find(|(digest, _)| *digest == cold.facts.digest) {
            Some((_, Ok(bundle))) => Seat::Served(Arc::new(cold.entry(bundle.clone(), now))),
            Some((_, Err(problem))) => {
                let (facts, problem) = (Box::new(cold.facts.clone()), problem.clone());
                Seat::Unserved { facts, problem, cold: Some(cold.clone()) }
            }
            None => Seat::Cold(cold.clone()),
        };
        self.map(|seat| match seat {
            Seat::Cold(cold) if place(&cold.facts) == (model, slot) => wake(cold),
            other => other.clone(),
        })
    }

    /// What of `listing` sleeps on, and what is to be loaded: a slot wakes if anything in it is new or is to be tried again.
    pub(crate) fn undisturbed<'a>(&self, listing: &'a Listing) -> (Vec<Seat>, Vec<&'a Facts>) {
        let same = |facts: &Facts| {
            let seats = self.slot(facts.model.as_str(), &facts.slot).iter();
            let mut asleep = seats.filter(|seat| seat.cold().is_some_and(|cold| cold.barred.is_none()));
            asleep.find(|seat| seat.facts() == facts)
        };
        let aliases = || listing.aliases.iter();
        let disturbed: HashSet<_> = aliases().filter(|facts| same(facts).is_none()).map(place).collect();
        let (load, sleep): (Vec<_>, Vec<_>) = aliases().partition(|facts| disturbed.contains(&place(facts)));
        (sleep.into_iter().filter_map(same).cloned().collect(), load)
    }

    /// The same generation with those sleepers awake that woke in `current` while this table was made.
    pub(crate) fn after(&self, current: &Self) -> Self {
        self.map(|seat| match seat {
            Seat::Cold(cold) => {
                let mut now = current.slot(cold.facts.model.as_str(), &cold.facts.slot).iter();
                now.find(|now| *now.facts() == cold.facts).unwrap_or(seat).clone()
            }
            other => other.clone(),
        })
    }

    fn map(&self, change: impl Fn(&Seat) -> Seat) -> Self {
        Self::new(self.generation(), self.all().map(change))
    }
}

fn place(facts: &Facts) -> (&ModelName, &Slot) {
    (&facts.model, &facts.slot)
}
