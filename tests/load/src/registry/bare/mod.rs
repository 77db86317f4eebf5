//! The bare statements of each operation, sent from this process with the settings of the registry: what no service can beat by
//! much, for it has to send them too.

pub(super) mod postgres;
mod seed;
pub(super) mod sqlite;

use std::sync::{Arc, atomic::Ordering};

use super::{
    contents::Contents,
    operations::{Operation, Turns},
};
use crate::load::Asks;

/// Statements on one database.
#[derive(Clone)]
pub(super) enum Bare {
    Sqlite(sqlite::Bare),
    Postgres(postgres::Bare),
}

impl Bare {
    /// Fills the tables behind what the registry itself has put there. The registry must not run.
    pub(super) async fn seed(&self) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(bare) => bare.seed().await?,
            Self::Postgres(bare) => bare.seed().await?,
        }
        Ok(())
    }

    /// `count` clients of the pools.
    pub(super) fn clients(
        &self,
        operation: Operation,
        contents: &Arc<Contents>,
        count: usize,
        turns: &Turns,
    ) -> Vec<Statements> {
        let statements = |client| Statements {
            bare: self.clone(),
            operation,
            contents: Arc::clone(contents),
            client,
            turns: Arc::clone(turns),
        };
        (0..count).map(statements).collect()
    }

    /// Closes the pools.
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(bare) => bare.close().await,
            Self::Postgres(bare) => bare.close().await,
        }
    }
}

/// One client that sends the statements of an operation.
pub(super) struct Statements {
    bare: Bare,
    operation: Operation,
    contents: Arc<Contents>,
    client: usize,
    turns: Turns,
}

impl Asks for Statements {
    async fn ask(&mut self) -> anyhow::Result<()> {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        let run_id = &self.contents.runs[self.client % self.contents.runs.len()];
        match &self.bare {
            Bare::Sqlite(bare) => bare.run(self.operation, run_id, turn).await?,
            Bare::Postgres(bare) => bare.run(self.operation, run_id, turn).await?,
        }
        Ok(())
    }
}
