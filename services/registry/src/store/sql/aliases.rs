//! Aliases and what replicas serve.

use async_trait::async_trait;
use lineal_db::StoreError;
use lineal_kernel::{AliasName, ModelName, PageRequest, Share, Slot, TenantId, Traffic, VersionNumber};
use sqlx::Row;

use super::{
    Connection, DbRow, Store, audit,
    rows::{self, Read},
    versions,
};
use crate::domain::{
    alias::{Alias, AliasChange, ResolvedAlias, ServingEntry, ServingTable},
    audit::AuditEntry,
};
use crate::store::{AliasStore, Page, Result};

const GET: &str = "SELECT * FROM aliases WHERE tenant = $1 AND model = $2 AND slot = $3 AND name = $4";
const RESOLVE: &str = "SELECT a.*, v.digest, v.run_id FROM aliases a \
     JOIN versions v ON v.tenant = a.tenant AND v.model = a.model AND v.number = a.number \
     WHERE a.tenant = $1 AND a.model = $2 AND a.slot = $3 AND a.name = $4";
const LIST: &str = "SELECT a.*, v.digest, v.run_id FROM aliases a \
     JOIN versions v ON v.tenant = a.tenant AND v.model = a.model AND v.number = a.number \
     WHERE a.tenant = $1 AND a.model = $2 AND a.slot || ' ' || a.name > $3 \
     ORDER BY a.slot || ' ' || a.name LIMIT $4";
const INSERT: &str = "INSERT INTO aliases (tenant, model, slot, name, number, generation, revision, updated_us, traffic, per_mille) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const UPDATE: &str = "UPDATE aliases SET number = $5, generation = $6, revision = $7, updated_us = $8, traffic = $9, \
     per_mille = $10 WHERE tenant = $1 AND model = $2 AND slot = $3 AND name = $4 AND revision = $11";
const SPLIT_AMONG_OTHERS: &str = "SELECT CAST(COALESCE(SUM(per_mille), 0) AS BIGINT) FROM aliases \
     WHERE tenant = $1 AND model = $2 AND slot = $3 AND name <> $4 AND traffic = 'split'";
const NEXT_GENERATION: &str = "INSERT INTO generations (tenant, generation) VALUES ($1, 1) \
     ON CONFLICT (tenant) DO UPDATE SET generation = generations.generation + 1 RETURNING generation";
const GENERATION: &str = "SELECT COALESCE(MAX(generation), 0) FROM generations WHERE tenant = $1";
const SERVED: &str = "SELECT a.slot, a.name, a.generation, a.revision, a.updated_us, a.traffic, a.per_mille, v.* FROM aliases a \
     JOIN versions v ON v.tenant = a.tenant AND v.model = a.model AND v.number = a.number \
     WHERE a.tenant = $1 ORDER BY a.model, a.slot, a.name";

/// The kinds of traffic, as they are stored.
const SPLIT: &str = "split";
const MIRROR: &str = "mirror";

/// Reads one alias inside a transaction.
pub(super) async fn get(
    tx: &mut Connection,
    tenant: &TenantId,
    model: &ModelName,
    slot: &Slot,
    name: &AliasName,
) -> Result<Option<Alias>> {
    let row = sqlx::query(GET)
        .bind(tenant.as_str())
        .bind(model.as_str())
        .bind(slot.to_string())
        .bind(name.as_str())
        .fetch_optional(tx)
        .await?;
    row.as_ref().map(alias).transpose()
}

/// Writes an alias that is still at `base_revision` (0: does not exist); `Conflict` otherwise.
pub(super) async fn put(tx: &mut Connection, tenant: &TenantId, alias: &Alias, base_revision: u64) -> Result<()> {
    let (kind, per_mille) = match alias.traffic {
        Traffic::None => ("", 0),
        Traffic::Split(share) => (SPLIT, share.per_mille()),
        Traffic::Mirror(share) => (MIRROR, share.per_mille()),
    };
    let write = sqlx::query(if base_revision == 0 { INSERT } else { UPDATE })
        .bind(tenant.as_str())
        .bind(alias.model.as_str())
        .bind(alias.slot.to_string())
        .bind(alias.name.as_str())
        .bind(rows::column(alias.number.get()))
        .bind(rows::column(alias.generation))
        .bind(rows::column(alias.revision))
        .bind(alias.updated.micros())
        .bind(kind)
        .bind(i64::from(per_mille));
    let write = if base_revision == 0 { write } else { write.bind(rows::column(base_revision)) };
    if write.execute(tx).await?.rows_affected() == 0 {
        return Err(StoreError::Conflict);
    }
    Ok(())
}

/// What the slot's aliases answer beside this one.
async fn split_among_others(tx: &mut Connection, tenant: &TenantId, alias: &Alias) -> Result<Share> {
    let found: i64 = sqlx::query_scalar(SPLIT_AMONG_OTHERS)
        .bind(tenant.as_str())
        .bind(alias.model.as_str())
        .bind(alias.slot.to_string())
        .bind(alias.name.as_str())
        .fetch_one(tx)
        .await?;
    share(found)
}

/// Every alias with its version, inside a transaction.
pub(super) async fn served(tx: &mut Connection, tenant: &TenantId) -> Result<Vec<ServingEntry>> {
    let found = sqlx::query(SERVED).bind(tenant.as_str()).fetch_all(tx).await?;
    found.iter().map(|row| Ok(ServingEntry { alias: alias(row)?, version: versions::version(row)? })).collect()
}

/// Makes a new generation.
pub(super) async fn next_generation(tx: &mut Connection, tenant: &TenantId) -> Result<u64> {
    let generation: i64 = sqlx::query_scalar(NEXT_GENERATION).bind(tenant.as_str()).fetch_one(tx).await?;
    Ok(generation.unsigned_abs())
}

async fn generation(tx: &mut Connection, tenant: &TenantId) -> Result<u64> {
    let generation: i64 = sqlx::query_scalar(GENERATION).bind(tenant.as_str()).fetch_one(tx).await?;
    Ok(generation.unsigned_abs())
}

#[async_trait]
impl AliasStore for Store {
    async fn alias(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        slot: &Slot,
        name: &AliasName,
    ) -> Result<Option<Alias>> {
        let mut connection = self.db.reader().acquire().await?;
        get(&mut connection, tenant, model, slot, name).await
    }

    async fn resolved_alias(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        slot: &Slot,
        name: &AliasName,
    ) -> Result<Option<ResolvedAlias>> {
        let row = sqlx::query(RESOLVE)
            .bind(tenant.as_str())
            .bind(model.as_str())
            .bind(slot.to_string())
            .bind(name.as_str())
            .fetch_optional(self.db.reader())
            .await?;
        row.as_ref().map(resolved).transpose()
    }

    async fn aliases(&self, tenant: &TenantId, model: &ModelName, page: &PageRequest) -> Result<Page<ResolvedAlias>> {
        let found = sqlx::query(LIST)
            .bind(tenant.as_str())
            .bind(model.as_str())
            .bind(rows::after(page))
            .bind(rows::limit(page))
            .fetch_all(self.db.reader())
            .await?;
        let aliases = found.iter().map(resolved).collect::<Result<_>>()?;
        Ok(rows::page(aliases, page, |found: &ResolvedAlias| format!("{} {}", found.alias.slot, found.alias.name)))
    }

    async fn split_among_others(&self, tenant: &TenantId, alias: &Alias) -> Result<Share> {
        let mut connection = self.db.reader().acquire().await?;
        split_among_others(&mut connection, tenant, alias).await
    }

    async fn commit_alias(&self, tenant: &TenantId, change: &AliasChange, entry: &AuditEntry) -> Result<u64> {
        let mut tx = self.db.begin().await?;
        let generation = next_generation(&mut tx, tenant).await?;
        let alias = Alias { generation, ..change.alias.clone() };
        put(&mut tx, tenant, &alias, change.base_revision).await?;
        // Of the tenant's changes of aliases one goes after the other: each makes a generation.
        if let Some(part) = alias.traffic.split()
            && part > split_among_others(&mut tx, tenant, &alias).await?.rest()
        {
            return Err(StoreError::Conflict);
        }
        audit::append(&mut tx, entry, generation, &alias.number.to_string()).await?;
        tx.commit().await?;
        Ok(generation)
    }

    async fn serving_table(&self, tenant: &TenantId) -> Result<ServingTable> {
        let mut tx = self.db.snapshot().await?;
        let generation = generation(&mut tx, tenant).await?;
        Ok(ServingTable { generation, entries: served(&mut tx, tenant).await? })
    }

    async fn generation(&self, tenant: &TenantId) -> Result<u64> {
        let mut connection = self.db.reader().acquire().await?;
        generation(&mut connection, tenant).await
    }
}

fn resolved(row: &DbRow) -> Result<ResolvedAlias> {
    Ok(ResolvedAlias { alias: alias(row)?, digest: row.parsed("digest")?, run_id: row.text("run_id")? })
}

pub(super) fn alias(row: &DbRow) -> Result<Alias> {
    let number: i64 = row.try_get("number")?;
    Ok(Alias {
        model: row.parsed("model")?,
        slot: row.slot()?,
        name: AliasName::new(&row.text("name")?).map_err(|error| StoreError::corrupt(error.problem))?,
        number: VersionNumber::new(number.unsigned_abs()).map_err(|error| StoreError::corrupt(error.problem))?,
        traffic: traffic(row)?,
        generation: row.number("generation")?,
        revision: row.number("revision")?,
        updated: row.moment("updated_us")?,
    })
}

fn traffic(row: &DbRow) -> Result<Traffic> {
    let share = share(row.try_get("per_mille")?)?;
    match row.text("traffic")?.as_str() {
        "" => Ok(Traffic::None),
        SPLIT => Ok(Traffic::Split(share)),
        MIRROR => Ok(Traffic::Mirror(share)),
        other => Err(StoreError::corrupt(format!("no kind of traffic is called `{other}`"))),
    }
}

fn share(per_mille: i64) -> Result<Share> {
    let per_mille = u32::try_from(per_mille).unwrap_or(u32::MAX);
    Share::new(per_mille).map_err(|error| StoreError::corrupt(error.problem))
}
