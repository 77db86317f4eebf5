//! Versions and the verdicts on them.

use async_trait::async_trait;
use lineal_db::StoreError;
use lineal_kernel::{Digest, ModelName, PageRequest, TenantId, VersionNumber};
use sqlx::Row;

use super::{
    Connection, DbRow, Store, audit, blocks, facts, lineage, models,
    rows::{self, Read},
    version_search, views,
};
use crate::domain::{
    audit::AuditEntry,
    block::{self, BlockStage},
    metadata::Metadata,
    validation::Validation,
    version::{self, CreateVersion, Version, VersionState, VersionView},
    version_search::VersionSearch,
};
use crate::store::{Page, Result, VersionStore};

const GET: &str = "SELECT * FROM versions WHERE tenant = $1 AND model = $2 AND number = $3";
const FITNESS: &str = "SELECT v.state, r.taint IS NOT NULL AS tainted \
     FROM versions v LEFT JOIN runs r ON r.tenant = v.tenant AND r.run_id = v.run_id \
     WHERE v.tenant = $1 AND v.model = $2 AND v.number = $3";
const VALIDATIONS: &str = "SELECT * FROM validations WHERE tenant = $1 AND model = $2 AND number = $3 \
     ORDER BY created_us DESC, report_id DESC";
const BY_LABEL: &str = "SELECT number FROM versions WHERE tenant = $1 AND model = $2 AND label = $3";
const BY_DIGEST: &str =
    "SELECT number FROM versions WHERE tenant = $1 AND model = $2 AND digest = $3 ORDER BY number DESC LIMIT 1";
const LABEL: &str = "SELECT label FROM versions WHERE tenant = $1 AND model = $2 AND number = $3";
const LABEL_TAKEN: &str = "SELECT 1 FROM versions WHERE tenant = $1 AND label = $2";
const INSERT: &str = "INSERT INTO versions (tenant, model, number, label, family, digest, size_bytes, state, metrics, \
     description, tags, upstreams, lineage, created_us, metadata, source, run_link, run_id, edition) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)";
const UPDATE: &str = "UPDATE versions SET description = $5, tags = $6, metadata = $7, edition = $8 \
     WHERE tenant = $1 AND model = $2 AND number = $3 AND edition = $4";
const FAIL: &str = "UPDATE versions SET state = 'failed' WHERE tenant = $1 AND model = $2 AND number = $3 \
     AND NOT EXISTS (SELECT 1 FROM aliases a WHERE a.tenant = $1 AND a.model = $2 AND a.number = $3 AND a.name = 'champion')";
const ADD_VALIDATION: &str = "INSERT INTO validations (tenant, report_id, model, number, body, created_us) \
     VALUES ($1, $2, $3, $4, $5, $6)";
const VALIDATED: &str = "UPDATE versions SET state = 'validated' \
     WHERE tenant = $1 AND model = $2 AND number = $3 AND state IN ('created', 'trained')";

#[async_trait]
impl VersionStore for Store {
    async fn version(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        number: VersionNumber,
    ) -> Result<Option<VersionView>> {
        let mut tx = self.db.snapshot().await?;
        let row = sqlx::query(GET)
            .bind(tenant.as_str())
            .bind(model.as_str())
            .bind(rows::column(number.get()))
            .fetch_optional(&mut *tx)
            .await?;
        let versions = row.iter().map(version).collect::<Result<_>>()?;
        Ok(views::of(&mut tx, tenant, versions).await?.pop())
    }

    async fn number_of_label(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        label: &str,
    ) -> Result<Option<VersionNumber>> {
        self.number(BY_LABEL, tenant, model, label).await
    }

    async fn number_of_digest(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        digest: Digest,
    ) -> Result<Option<VersionNumber>> {
        self.number(BY_DIGEST, tenant, model, &digest.to_string()).await
    }

    async fn search_versions(
        &self,
        tenant: &TenantId,
        search: &VersionSearch,
        page: &PageRequest,
    ) -> Result<Page<VersionView>> {
        let mut tx = self.db.snapshot().await?;
        let found = version_search::find(&mut tx, tenant, search, page).await?;
        let cursors =
            found.iter().map(|row| version_search::cursor(row, &search.order.by)).collect::<Result<Vec<_>>>()?;
        let found = rows::page(found.iter().zip(cursors).collect(), page, |(_, cursor)| cursor.clone());
        let versions = found.items.iter().map(|(row, _)| version(row)).collect::<Result<_>>()?;
        Ok(Page { items: views::of(&mut tx, tenant, versions).await?, next: found.next })
    }

    async fn create_version(
        &self,
        tenant: &TenantId,
        wanted: &CreateVersion,
        size_bytes: u64,
        entry: &AuditEntry,
    ) -> Result<Version> {
        let mut tx = self.db.begin().await?;
        let number = models::next_number(&mut tx, tenant, &wanted.model, entry.created).await?;
        let created = Version {
            model: wanted.model.clone(),
            number,
            label: free_label(&mut tx, tenant, wanted, number, entry).await?,
            family: wanted.family.clone(),
            digest: wanted.digest,
            size_bytes,
            state: VersionState::Trained,
            metrics: wanted.metrics.clone(),
            description: wanted.description.clone(),
            tags: wanted.tags.clone(),
            upstreams: wanted.upstreams.clone(),
            lineage: wanted.lineage.clone(),
            metadata: wanted.metadata.clone(),
            source: wanted.source.clone(),
            run_link: wanted.run_link.clone(),
            created: entry.created,
            edition: 1,
        };
        insert(&mut tx, tenant, &created).await?;
        lineage::insert(&mut tx, tenant, &created).await?;
        facts::insert(&mut tx, tenant, &created).await?;
        let found = block::training(&created);
        blocks::put(&mut tx, tenant, (&created.model, number), BlockStage::Training, &found, entry.created).await?;
        let entry = AuditEntry { number: number.get(), ..entry.clone() };
        audit::append(&mut tx, &entry, 0, &number.to_string()).await?;
        tx.commit().await?;
        Ok(created)
    }

    async fn update_version(&self, tenant: &TenantId, version: &Version, base: u64, entry: &AuditEntry) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let written = sqlx::query(UPDATE)
            .bind(tenant.as_str())
            .bind(version.model.as_str())
            .bind(rows::column(version.number.get()))
            .bind(rows::column(base))
            .bind(&version.description)
            .bind(rows::json(&version.tags)?)
            .bind(version.metadata.json())
            .bind(rows::column(version.edition))
            .execute(&mut *tx)
            .await?;
        if written.rows_affected() == 0 {
            return Err(StoreError::Conflict);
        }
        facts::replace(&mut tx, tenant, version).await?;
        audit::append(&mut tx, entry, 0, &version.number.to_string()).await?;
        Ok(tx.commit().await?)
    }

    async fn fail_version(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        number: VersionNumber,
        entry: &AuditEntry,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let written = sqlx::query(FAIL)
            .bind(tenant.as_str())
            .bind(model.as_str())
            .bind(rows::column(number.get()))
            .execute(&mut *tx)
            .await?;
        if written.rows_affected() == 0 {
            return Err(StoreError::Conflict);
        }
        audit::append(&mut tx, entry, 0, &number.to_string()).await?;
        Ok(tx.commit().await?)
    }

    async fn record_validation(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        number: VersionNumber,
        validation: &Validation,
        entry: &AuditEntry,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        sqlx::query(ADD_VALIDATION)
            .bind(tenant.as_str())
            .bind(&validation.report_id)
            .bind(model.as_str())
            .bind(rows::column(number.get()))
            .bind(rows::json(validation)?)
            .bind(entry.created.micros())
            .execute(&mut *tx)
            .await?;
        if validation.passed {
            sqlx::query(VALIDATED)
                .bind(tenant.as_str())
                .bind(model.as_str())
                .bind(rows::column(number.get()))
                .execute(&mut *tx)
                .await?;
        }
        let found = block::validation(validation);
        blocks::put(&mut tx, tenant, (model, number), BlockStage::Validation, &found, entry.created).await?;
        audit::append(&mut tx, entry, 0, &validation.report_id).await?;
        Ok(tx.commit().await?)
    }
}

impl Store {
    async fn number(
        &self,
        query: &'static str,
        tenant: &TenantId,
        model: &ModelName,
        key: &str,
    ) -> Result<Option<VersionNumber>> {
        let row = sqlx::query(query)
            .bind(tenant.as_str())
            .bind(model.as_str())
            .bind(key)
            .fetch_optional(self.db.reader())
            .await?;
        row.map(|row| number(&row)).transpose()
    }
}

/// The next label of a family in this second, found from the label of the version before `number` on, by steps that double and then
/// halve: a second may have seen thousands, and most of them are of one model.
async fn free_label(
    tx: &mut Connection,
    tenant: &TenantId,
    wanted: &CreateVersion,
    number: VersionNumber,
    entry: &AuditEntry,
) -> Result<String> {
    let family = wanted.family.as_str();
    let before = sqlx::query_scalar::<_, String>(LABEL)
        .bind(tenant.as_str())
        .bind(wanted.model.as_str())
        .bind(rows::column(number.get() - 1))
        .fetch_optional(&mut *tx)
        .await?;
    let mut taken = before.and_then(|label| version::place(&label, family, entry.created)).unwrap_or(0);
    let mut free = taken + 1;
    while label_is_taken(tx, tenant, &version::label(family, entry.created, free)).await? {
        (taken, free) = (free, free * 2);
    }
    while free - taken > 1 {
        let middle = taken + (free - taken) / 2;
        if label_is_taken(tx, tenant, &version::label(family, entry.created, middle)).await? {
            taken = middle;
        } else {
            free = middle;
        }
    }
    Ok(version::label(family, entry.created, free))
}

async fn label_is_taken(tx: &mut Connection, tenant: &TenantId, label: &str) -> Result<bool> {
    Ok(sqlx::query(LABEL_TAKEN).bind(tenant.as_str()).bind(label).fetch_optional(tx).await?.is_some())
}

async fn insert(tx: &mut Connection, tenant: &TenantId, version: &Version) -> Result<()> {
    let upstreams: Vec<(&str, u64)> = version.upstreams.iter().map(|(model, n)| (model.as_str(), n.get())).collect();
    sqlx::query(INSERT)
        .bind(tenant.as_str())
        .bind(version.model.as_str())
        .bind(rows::column(version.number.get()))
        .bind(&version.label)
        .bind(&version.family)
        .bind(version.digest.to_string())
        .bind(rows::column(version.size_bytes))
        .bind(version.state.to_string())
        .bind(rows::json(&version.metrics)?)
        .bind(&version.description)
        .bind(rows::json(&version.tags)?)
        .bind(rows::json(&upstreams)?)
        .bind(rows::json(&version.lineage)?)
        .bind(version.created.micros())
        .bind(version.metadata.json())
        .bind(&version.source)
        .bind(&version.run_link)
        .bind(&version.lineage.run_id)
        .bind(rows::column(version.edition))
        .execute(tx)
        .await?;
    Ok(())
}

/// How far a version has come, and whether the inputs of its run are no longer what was logged.
pub(super) async fn fitness(
    tx: &mut Connection,
    tenant: &TenantId,
    model: &ModelName,
    number: VersionNumber,
) -> Result<(VersionState, bool)> {
    let row = sqlx::query(FITNESS)
        .bind(tenant.as_str())
        .bind(model.as_str())
        .bind(rows::column(number.get()))
        .fetch_one(tx)
        .await?;
    Ok((row.parsed("state")?, row.try_get("tainted")?))
}

/// The latest verdict of each slot, latest first.
pub(super) async fn validations(
    tx: &mut Connection,
    tenant: &TenantId,
    model: &ModelName,
    number: VersionNumber,
) -> Result<Vec<Validation>> {
    let found = sqlx::query(VALIDATIONS)
        .bind(tenant.as_str())
        .bind(model.as_str())
        .bind(rows::column(number.get()))
        .fetch_all(tx)
        .await?;
    Ok(views::latest(found.iter().map(views::validation).collect::<Result<_>>()?))
}

pub(super) fn number(row: &DbRow) -> Result<VersionNumber> {
    VersionNumber::new(row.number("number")?).map_err(|error| StoreError::corrupt(error.problem))
}

pub(super) fn version(row: &DbRow) -> Result<Version> {
    let upstreams: Vec<(String, u64)> = row.json("upstreams")?;
    let upstreams = upstreams.into_iter().map(|(model, number)| {
        let model = ModelName::new(&model).map_err(|error| StoreError::corrupt(error.problem))?;
        Ok((model, VersionNumber::new(number).map_err(|error| StoreError::corrupt(error.problem))?))
    });
    Ok(Version {
        model: row.parsed("model")?,
        number: number(row)?,
        label: row.text("label")?,
        family: row.text("family")?,
        digest: row.parsed("digest")?,
        size_bytes: row.number("size_bytes")?,
        state: row.parsed("state")?,
        metrics: row.json("metrics")?,
        description: row.text("description")?,
        tags: row.json("tags")?,
        upstreams: upstreams.collect::<Result<_>>()?,
        lineage: row.json("lineage")?,
        metadata: Metadata::stored(row.json("metadata")?),
        source: row.text("source")?,
        run_link: row.text("run_link")?,
        created: row.moment("created_us")?,
        edition: row.number("edition")?,
    })
}
