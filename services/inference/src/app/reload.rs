//! Reload: from one generation to a later one, whole or not at all.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{Replica, loader::LOADS_AT_ONCE};
use crate::{
    InferenceError,
    domain::{Entry, Facts, Listing, Seat, ServingTable},
    error::chain,
};

impl Replica {
    /// Serves at least `generation`, if the registry has it, and returns the generation served. One reload runs at a time;
    /// a generation that is already served changes nothing. If anything fails, the old generation stays.
    pub(crate) async fn reload(&self, generation: u64) -> Result<u64, InferenceError> {
        if self.generation() >= generation {
            return Ok(self.generation());
        }
        let _turn = self.reloading.lock().await;
        if self.generation() >= generation {
            return Ok(self.generation());
        }
        let switched = self.switch().await;
        self.problem.store(switched.as_ref().err().map(|error| Arc::new(chain(error))));
        switched
    }

    /// Serves what the disk says was served last. For a start while the registry is away.
    pub(crate) async fn restore(&self) {
        let _turn = self.reloading.lock().await;
        let Some(listing) = self.cache.last_table().await.filter(|last| last.generation > self.generation()) else {
            return;
        };
        match self.load(&listing).await {
            Ok(table) => {
                tracing::info!(generation = listing.generation, "serving the last known generation");
                self.table.rcu(|current| table.after(current));
            }
            Err(error) => tracing::warn!(error = chain(&error), "the last known generation cannot be served"),
        }
    }

    async fn switch(&self) -> Result<u64, InferenceError> {
        let listing = self.registry.serving_table().await.map_err(InferenceError::Registry)?;
        // An answer that was overtaken on its way: never go back.
        if listing.generation <= self.generation() {
            return Ok(self.generation());
        }
        let table = self.load(&listing).await?;
        self.table.rcu(|current| table.after(current));
        for facts in &listing.aliases {
            self.bundles.release(facts.digest);
        }
        self.served.send_replace(());
        self.cache.keep_table(&listing).await;
        tracing::info!(generation = listing.generation, aliases = listing.aliases.len(), "reloaded");
        Ok(listing.generation)
    }

    async fn load(&self, listing: &Listing) -> Result<ServingTable, InferenceError> {
        let old = self.table.load_full();
        let (sleepers, aliases) = old.undisturbed(listing);
        let (champions, others): (Vec<_>, Vec<_>) = aliases.into_iter().partition(|facts| facts.alias.is_champion());
        let loads: Vec<_> = champions.into_iter().map(|facts| self.entry(&old, &old, facts)).collect();
        let champions: Vec<_> = stream::iter(loads).buffered(LOADS_AT_ONCE).try_collect().await?;
        let seats: Vec<_> = champions.into_iter().map(Seat::Served).chain(sleepers).collect();
        let table = ServingTable::new(listing.generation, seats.clone());
        let loads: Vec<_> = others.into_iter().map(|facts| self.seat(&old, &table, facts)).collect();
        let others: Vec<_> = stream::iter(loads).buffered(LOADS_AT_ONCE).try_collect().await?;
        Ok(ServingTable::new(listing.generation, seats.into_iter().chain(others)))
    }

    /// What an alias other than a champion points at. A version that cannot be served keeps no champion from being served.
    async fn seat(&self, old: &ServingTable, new: &ServingTable, facts: &Facts) -> Result<Seat, InferenceError> {
        match self.entry(old, new, facts).await {
            Ok(entry) => Ok(Seat::Served(entry)),
            Err(error) if error.is_of_bundle() => {
                let Facts { model, alias, version, .. } = facts;
                let problem = chain(&error);
                tracing::warn!(%model, %alias, %version, %problem, "an alias is not served");
                Ok(Seat::Unserved { facts: Box::new(facts.clone()), problem, cold: None })
            }
            Err(error) => Err(error),
        }
    }

    /// The same entry if nothing changed, the same bundle if only its place changed, else a loaded one; a bundle that predicts what
    /// the champions of `table` predict.
    async fn entry(
        &self,
        old: &ServingTable,
        table: &ServingTable,
        facts: &Facts,
    ) -> Result<Arc<Entry>, InferenceError> {
        // Whoever was barred is tried again, and who lacks a member of an ensemble.
        if let Some(entry) = old.same(facts).filter(|entry| entry.barred.is_none() && entry.model().is_whole()) {
            return Ok(entry.clone());
        }
        let bundle = match old.bundle(facts.digest).filter(|bundle| bundle.is_whole()) {
            Some(bundle) => bundle.clone(),
            None => self.bundles.load(facts.digest).await?,
        };
        table.check_task(&facts.model, &bundle)?;
        let barred = if old.trusts(facts.digest) { None } else { self.try_out(facts, bundle.clone()).await };
        let gatherer = self.gatherer(facts, &bundle).await;
        let (usage, arm) = (self.usage.of(&facts.model, facts.version), self.usage.arm(facts));
        let entry = Entry::new(facts.clone(), bundle, usage, arm, barred, self.clock.now());
        Ok(Arc::new(entry.gathering(gatherer)))
    }
}
