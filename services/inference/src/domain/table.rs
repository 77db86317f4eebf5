//! The serving table: what one generation serves.

use std::{collections::HashMap, sync::Arc};

use lineal_kernel::{Digest, ModelName, Slot};
use lineal_models::ServedModel;

use super::{Entry, Facts, Found, Place, Seat, Target, Wanted};
use crate::InferenceError;

/// Every alias of one generation, loaded or asleep. Never changed: a new generation is a new table, and so is one in which a slot has
/// fallen asleep or woken.
#[derive(Debug, Default)]
pub(crate) struct ServingTable {
    generation: u64,
    /// By model and slot, the champion first.
    models: HashMap<String, HashMap<Slot, Vec<Seat>>>,
}

impl ServingTable {
    /// The table of `generation`.
    pub(crate) fn new(generation: u64, seats: impl IntoIterator<Item = Seat>) -> Self {
        let mut models: HashMap<String, HashMap<Slot, Vec<Seat>>> = HashMap::new();
        for seat in seats {
            let Facts { model, slot, .. } = seat.facts();
            models.entry(model.to_string()).or_default().entry(slot.clone()).or_default().push(seat);
        }
        for seats in models.values_mut().flat_map(HashMap::values_mut) {
            seats.sort_by(|a, b| order(a).cmp(&order(b)));
        }
        Self { generation, models }
    }

    /// The generation that this table is.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// All aliases in order of model and slot, the champion first.
    pub(crate) fn seats(&self) -> Vec<&Seat> {
        let mut seats: Vec<_> = self.all().collect();
        seats.sort_by_key(|seat| (&seat.facts().model, &seat.facts().slot, order(seat)));
        seats
    }

    /// The aliases of one slot, the champion first; none if nobody serves the slot.
    pub(crate) fn slot(&self, model: &str, slot: &Slot) -> &[Seat] {
        self.models.get(model).and_then(|slots| slots.get(slot)).map_or(&[], Vec::as_slice)
    }

    /// The entry that serves exactly these facts.
    pub(crate) fn same(&self, facts: &Facts) -> Option<&Arc<Entry>> {
        self.slot(facts.model.as_str(), &facts.slot).iter().filter_map(Seat::entry).find(|entry| entry.facts == *facts)
    }

    /// Whether the bundle with this digest answers a part of some slot's requests.
    pub(crate) fn trusts(&self, digest: Digest) -> bool {
        self.all().any(|seat| seat.facts().digest == digest && seat.takes_traffic())
    }

    /// The bundle with this digest, behind whatever alias it is served.
    pub(crate) fn bundle(&self, digest: Digest) -> Option<&Arc<ServedModel>> {
        self.all().filter_map(Seat::entry).find(|entry| entry.facts.digest == digest).map(|entry| &entry.bundle)
    }

    /// That `bundle` predicts what the model's champions predict now, in whatever slot.
    pub(crate) fn check_task(&self, model: &ModelName, bundle: &ServedModel) -> Result<(), InferenceError> {
        let seats = self.models.get(model.as_str()).into_iter().flat_map(HashMap::values).flatten();
        let champions = seats.filter(|seat| seat.facts().alias.is_champion());
        let mut tasks = champions.filter_map(|seat| match seat {
            Seat::Served(entry) => Some(entry.bundle.task()),
            Seat::Cold(cold) => Some(cold.task),
            Seat::Unserved { .. } => None,
        });
        match tasks.find(|task| *task != bundle.task()) {
            Some(task) => Err(InferenceError::TaskChanged {
                model: model.clone(),
                served: task.name(),
                found: bundle.task().name(),
            }),
            None => Ok(()),
        }
    }

    /// What answers a request. No slot and no alias stands in for another.
    pub(crate) fn find(&self, model: &str, slot: &Slot, wanted: &Wanted) -> Result<Found, InferenceError> {
        let seats = self.slot(model, slot);
        let met = |seat: &&Seat| wanted.is_met_by(&seat.facts().alias, seat.facts().version);
        match seats.iter().find(met) {
            Some(Seat::Served(entry)) => Ok(Found::Awake(self.target(entry, *wanted == Wanted::Any))),
            Some(Seat::Cold(cold)) => Ok(Found::Asleep(cold.clone())),
            Some(Seat::Unserved { facts, problem, .. }) => Err(InferenceError::VersionNotLoaded {
                model: facts.model.clone(),
                version: facts.version,
                problem: problem.clone(),
            }),
            None => Err(absent(model, slot, wanted, seats)),
        }
    }

    /// What answers a request that asks for no version: the alias whose share covers its place, if its version can; else the champion.
    /// A slot without shares asks for no place.
    pub(crate) fn route(
        &self,
        model: &str,
        slot: &Slot,
        place: impl FnOnce() -> Place,
    ) -> Result<Found, InferenceError> {
        let champion = self.find(model, slot, &Wanted::Any)?;
        let arms = || self.slot(model, slot).iter().filter(|seat| seat.facts().traffic.split().is_some());
        if arms().next().is_none() {
            return Ok(champion);
        }
        let shares = arms().filter_map(|seat| seat.facts().traffic.split());
        let arm = place().covered_by(shares).and_then(|arm| arms().nth(arm)).filter(|seat| seat.takes_traffic());
        Ok(match arm {
            Some(Seat::Served(entry)) => Found::Awake(self.target(entry, true)),
            Some(Seat::Cold(cold)) => Found::Asleep(cold.clone()),
            Some(Seat::Unserved { .. }) | None => champion,
        })
    }

    fn target(&self, entry: &Arc<Entry>, routed: bool) -> Target {
        Target { entry: entry.clone(), generation: self.generation, routed }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Seat> {
        self.models.values().flat_map(HashMap::values).flatten()
    }
}

fn order(seat: &Seat) -> (bool, &str) {
    let alias = &seat.facts().alias;
    (!alias.is_champion(), alias.as_str())
}

fn absent(model: &str, slot: &Slot, wanted: &Wanted, seats: &[Seat]) -> InferenceError {
    match seats.first() {
        Some(seat) if !wanted.is_champion() => {
            let served: Vec<_> =
                seats.iter().filter(|seat| seat.problem().is_none()).map(Seat::facts).map(said).collect();
            InferenceError::VersionNotServed {
                model: seat.facts().model.clone(),
                asked: wanted.to_string(),
                served: served.join(", "),
            }
        }
        _ => InferenceError::ModelNotServed { model: model.chars().take(64).collect(), slot: slot.clone() },
    }
}

fn said(facts: &Facts) -> String {
    format!("{} (@{})", facts.version, facts.alias)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_table_serves_nothing() {
        let found = ServingTable::default().find("churn", &Slot::default(), &Wanted::champion());
        assert!(matches!(found, Err(InferenceError::ModelNotServed { model, .. }) if model == "churn"));
    }
}
