//! Versions with everything that points at them or speaks of them: so many queries a page, however many versions it has.

use std::{collections::HashMap, hash::Hash};

use lineal_kernel::{ModelName, TenantId, VersionNumber};
use sqlx::QueryBuilder;

use super::{
    Connection, DbRow, Sql, aliases, checks, promotions,
    rows::{self, Read},
    runs, versions,
};
use crate::{
    domain::{
        validation::Validation,
        version::{RunSummary, Version, VersionView},
    },
    store::Result,
};

type Place = (ModelName, VersionNumber);

/// Views of `versions` in their order, read in the same transaction.
pub(super) async fn of(tx: &mut Connection, tenant: &TenantId, versions: Vec<Version>) -> Result<Vec<VersionView>> {
    if versions.is_empty() {
        return Ok(Vec::new());
    }
    let about = |table: &str, order: &str| {
        let mut sql: Sql = QueryBuilder::new("SELECT t.* FROM (");
        sql.push_values(&versions, |mut row, version| {
            row.push_bind(version.model.as_str()).push_bind(rows::column(version.number.get()));
        });
        // Both databases call the columns of a list of values so.
        sql.push(format!(") v JOIN {table} t ON t.model = v.column1 AND t.number = v.column2 WHERE t.tenant = "));
        sql.push_bind(tenant.as_str()).push(format!(" ORDER BY {order}"));
        sql
    };
    let found =
        about("aliases", "slot, name").build().persistent(rows::is_usual(versions.len())).fetch_all(&mut *tx).await?;
    let mut aliases = grouped(&found, place, aliases::alias)?;
    let found = about("reigns", "from_generation DESC")
        .build()
        .persistent(rows::is_usual(versions.len()))
        .fetch_all(&mut *tx)
        .await?;
    let mut reigns = grouped(&found, place, promotions::reign)?;
    let found = about("validations", "created_us DESC, report_id DESC")
        .build()
        .persistent(rows::is_usual(versions.len()))
        .fetch_all(&mut *tx)
        .await?;
    let mut validations = grouped(&found, place, validation)?;
    let runs = summaries(tx, tenant, &versions).await?;
    let checks = checks::of(tx, tenant, &versions).await?;
    let view = |version: Version| {
        let place = (version.model.clone(), version.number);
        VersionView {
            aliases: aliases.remove(&place).unwrap_or_default(),
            reigns: reigns.remove(&place).unwrap_or_default(),
            validations: latest(validations.remove(&place).unwrap_or_default()),
            run: runs.get(&version.lineage.run_id).cloned(),
            check: checks.get(&version.digest).cloned(),
            version,
        }
    };
    Ok(versions.into_iter().map(view).collect())
}

/// The runs that made `versions`, by id.
async fn summaries(
    tx: &mut Connection,
    tenant: &TenantId,
    versions: &[Version],
) -> Result<HashMap<String, RunSummary>> {
    let ids: Vec<String> = versions.iter().map(|version| version.lineage.run_id.clone()).collect();
    let mut sql: Sql = QueryBuilder::new("SELECT run_id, name, taint FROM runs WHERE tenant = ");
    sql.push_bind(tenant.as_str()).push(" AND run_id");
    rows::among(&mut sql, &ids);
    let found = sql.build().persistent(rows::is_usual(versions.len())).fetch_all(&mut *tx).await?;
    let mut tags = runs::words(tx, "run_tags", tenant, &ids).await?;
    let summary = |row: &DbRow| {
        let run_id = row.text("run_id")?;
        let tags = tags.remove(&run_id).unwrap_or_default();
        Ok((run_id.clone(), RunSummary { run_id, name: row.text("name")?, tags, taint: runs::taint(row)? }))
    };
    found.iter().map(summary).collect()
}

/// What `read` makes of each row, by `key`, in the order of the rows.
pub(super) fn grouped<K: Eq + Hash, T>(
    found: &[DbRow],
    key: impl Fn(&DbRow) -> Result<K>,
    read: impl Fn(&DbRow) -> Result<T>,
) -> Result<HashMap<K, Vec<T>>> {
    let mut groups: HashMap<K, Vec<T>> = HashMap::new();
    for row in found {
        groups.entry(key(row)?).or_default().push(read(row)?);
    }
    Ok(groups)
}

fn place(row: &DbRow) -> Result<Place> {
    Ok((row.parsed("model")?, versions::number(row)?))
}

pub(super) fn validation(row: &DbRow) -> Result<Validation> {
    Ok(Validation { created: Some(row.moment("created_us")?), ..row.json("body")? })
}

/// The latest verdict of each slot, latest first.
pub(super) fn latest(validations: Vec<Validation>) -> Vec<Validation> {
    let mut latest: Vec<Validation> = Vec::new();
    for validation in validations {
        if latest.iter().all(|later| later.slot != validation.slot) {
            latest.push(validation);
        }
    }
    latest
}
