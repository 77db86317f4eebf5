//! Train, reference and extra rows. The reference set of a split version is made once.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use lineal_data::{DataError, Parts, Snapshot, SplitRule, Table};
use lineal_kernel::Name;

use super::{
    Execution, StepError,
    load::{Loaded, Stored},
    recipe::Recipe,
};
use crate::{
    app::failure::blocking,
    domain::{DEFAULT_FRACTION, Definition as _, SplitDefinition, named_rule},
};

/// The parts of a table, all of them in the artifact store.
pub(super) struct Split {
    pub(super) parts: Parts,
    pub(super) definition: SplitDefinition,
    pub(super) train: Stored,
    pub(super) reference: Stored,
    pub(super) extra: Option<Stored>,
    /// The named tests that have rows.
    pub(super) tests: Vec<(String, Stored)>,
    /// How long it took.
    pub(super) duration: Duration,
}

/// The parts of a table and their canonical forms.
pub(super) struct Pieces {
    pub(super) parts: Parts,
    pub(super) train: Snapshot,
    pub(super) extra: Option<Snapshot>,
    pub(super) tests: Vec<(String, Snapshot)>,
}

impl Pieces {
    /// Cuts `table`; the `reference` is fixed.
    pub(super) fn of(table: &Table, rule: &SplitRule, reference: &Table) -> Result<Self, StepError> {
        let parts = lineal_data::split(table, rule, Some(reference))?;
        let train = Snapshot::of(&parts.train)?;
        let extra = parts.extra.as_ref().map(Snapshot::of).transpose()?;
        let tests = parts.tests.iter().filter(|(_, table)| table.rows() > 0);
        let tests = tests.map(|(name, table)| Ok((name.clone(), Snapshot::of(table)?)));
        let tests = tests.collect::<Result<_, StepError>>()?;
        Ok(Self { parts, train, extra, tests })
    }
}

impl Execution<'_> {
    /// Splits by the recipe's split version, whose reference set is fixed once it exists.
    pub(super) async fn split(&self, recipe: &Recipe, loaded: &Loaded) -> Result<Split, StepError> {
        let started = Instant::now();
        let definition = match self.app.known::<SplitDefinition>(self.spec(), &recipe.split).await? {
            Some(known) => known,
            None => self.first_split(&recipe.split, loaded).await?,
        };
        definition.agrees(recipe.split.as_str(), self.spec())?;
        let reference = self.app.registry.download(definition.reference).await?;
        let (table, fixed) = (loaded.table.clone(), definition.reference);
        let rule = definition.rule(&recipe.split);
        let Pieces { parts, train, extra, tests } =
            blocking(move || Pieces::of(&table, &rule, &Snapshot::open(reference, fixed)?)).await.map_err(|error| {
                match error {
                    StepError::Data(source @ DataError::SchemaMismatch { .. }) => {
                        let (dataset, split) = (self.spec().dataset.clone(), recipe.split.clone());
                        StepError::OtherReference { dataset, split, source }
                    }
                    error => error,
                }
            })?;
        let train = self.store(train).await?;
        let extra = match extra {
            Some(extra) => Some(self.store(extra).await?),
            None => None,
        };
        let mut stored = Vec::with_capacity(tests.len());
        for (name, test) in tests {
            stored.push((name, self.store(test).await?));
        }
        let reference = Stored { digest: definition.reference, rows: parts.reference.rows() };
        let split = Split { parts, definition, train, reference, extra, tests: stored, duration: started.elapsed() };
        self.note(1.0, BTreeMap::new(), &split.to_string()).await?;
        Ok(split)
    }

    /// Makes the reference set of a new split version, unless one of its parts lacks a class: it would do so for good. If another job
    /// made one meanwhile, that one counts.
    async fn first_split(&self, name: &Name, loaded: &Loaded) -> Result<SplitDefinition, StepError> {
        let created = self.app.split_rule(&self.spec().dataset, name).await?;
        if let Some(created) = &created {
            created.agrees(name.as_str(), self.spec())?;
        }
        let by_name = created.is_some();
        let fraction = self.spec().reference_fraction.unwrap_or(DEFAULT_FRACTION);
        let (table, labels) = (loaded.table.clone(), loaded.labels.clone());
        let rule = created.unwrap_or_else(|| named_rule(name, fraction));
        let (rule, reference) = blocking(move || {
            let rule = rule.resolve(&table)?;
            let parts = lineal_data::split(&table, &rule, None)?;
            labels.numbers(&parts.train, "training")?;
            labels.numbers(&parts.reference, "reference")?;
            Ok((rule, Snapshot::of(&parts.reference)?))
        })
        .await?;
        let reference = self.store(reference).await?.digest;
        let reference_fraction = rule.reference_fraction;
        let definition = SplitDefinition { reference_fraction, reference, rule: by_name.then_some(rule) };
        Ok(self.app.define(self.spec(), name, &definition).await?)
    }
}

impl std::fmt::Display for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let extra = self.extra.as_ref().map_or(0, |extra| extra.rows);
        write!(f, "{} train rows, {} reference rows, {extra} extra rows", self.train.rows, self.reference.rows)?;
        for (name, test) in &self.tests {
            write!(f, ", {} rows for {name}", test.rows)?;
        }
        match self.parts.left_out {
            0 => Ok(()),
            rows => write!(f, ", {rows} left out"),
        }
    }
}
