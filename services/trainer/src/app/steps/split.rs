//! Train, reference and extra rows. The reference set of a split version is made once.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use lineal_data::{Parts, Snapshot, SplitRule, Table};
use lineal_kernel::{Digest, Name};

use super::{
    Execution, StepError,
    load::{Loaded, Stored},
    recipe::Recipe,
};
use crate::{
    app::failure::blocking,
    domain::{Definition as _, SplitDefinition},
};

/// The share of rows for a new reference set when nobody says.
const DEFAULT_FRACTION: f64 = 0.2;

/// The parts of a table, all of them in the artifact store.
pub(super) struct Split {
    pub(super) parts: Parts,
    pub(super) definition: SplitDefinition,
    pub(super) train: Stored,
    pub(super) reference: Stored,
    pub(super) extra: Option<Stored>,
    /// How long it took.
    pub(super) duration: Duration,
}

impl Execution<'_> {
    /// Splits by the recipe's split version, whose reference set is fixed once it exists.
    pub(super) async fn split(&self, recipe: &Recipe, loaded: &Loaded) -> Result<Split, StepError> {
        let started = Instant::now();
        let definition = match self.app.known::<SplitDefinition>(self.spec(), &recipe.split).await? {
            Some(known) => known,
            None => self.first_split(&recipe.split, &loaded.table).await?,
        };
        definition.agrees(recipe.split.as_str(), self.spec())?;
        let reference = self.app.registry.download(definition.reference).await?;
        let (table, fixed) = (loaded.table.clone(), definition.reference);
        let rule = rule(&recipe.split, definition.reference_fraction);
        let (parts, train, extra) = blocking(move || {
            let reference = Snapshot::open(reference, fixed)?;
            let parts = lineal_data::split(&table, &rule, Some(&reference))?;
            let train = Snapshot::of(&parts.train)?;
            let extra = parts.extra.as_ref().map(Snapshot::of).transpose()?;
            Ok((parts, train, extra))
        })
        .await?;
        let train = self.store(train).await?;
        let extra = match extra {
            Some(extra) => Some(self.store(extra).await?),
            None => None,
        };
        let reference = Stored { digest: definition.reference, rows: parts.reference.rows() };
        let split = Split { parts, definition, train, reference, extra, duration: started.elapsed() };
        self.note(1.0, BTreeMap::new(), &split.to_string()).await?;
        Ok(split)
    }

    /// Makes the reference set of a new split version. If another job made one meanwhile, that one counts.
    async fn first_split(&self, name: &Name, table: &Table) -> Result<SplitDefinition, StepError> {
        let reference_fraction = self.spec().reference_fraction.unwrap_or(DEFAULT_FRACTION);
        let (table, rule) = (table.clone(), rule(name, reference_fraction));
        let reference =
            blocking(move || Ok(Snapshot::of(&lineal_data::split(&table, &rule, None)?.reference)?)).await?;
        let reference = self.store(reference).await?.digest;
        Ok(self.app.define(self.spec(), name, &SplitDefinition { reference_fraction, reference }).await?)
    }
}

impl std::fmt::Display for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let extra = self.extra.as_ref().map_or(0, |extra| extra.rows);
        write!(f, "{} train rows, {} reference rows, {extra} extra rows", self.train.rows, self.reference.rows)
    }
}

/// The rule of a split version. Its name alone chooses the rows, so that a split can be repeated anywhere.
fn rule(name: &Name, reference_fraction: f64) -> SplitRule {
    SplitRule { version: name.to_string(), seed: seed(name.as_str()), reference_fraction }
}

/// The first 64 bits of the text's digest.
pub(super) fn seed(text: &str) -> u64 {
    let hex = Digest::of(text.as_bytes()).hex();
    hex.bytes().take(16).fold(0, |seed, digit| seed << 4 | u64::from(char::from(digit).to_digit(16).unwrap_or(0)))
}
