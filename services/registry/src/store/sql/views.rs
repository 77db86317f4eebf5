//! Versions with everything that points at them or speaks of them: so many queries a page, however many versions it has.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
};

use lineal_kernel::{ModelName, TenantId, VersionNumber};
use sqlx::QueryBuilder;

use super::{
    Connection, DbRow, Sql, aliases, checks, promotions,
    rows::{self, Read},
    runs, versions,
};
use crate::{
    domain::{
        lineage::VersionName,
        validation::Validation,
        version::{RunSummary, Version, VersionView},
    },
    store::Result,
};

/// Tables that speak of versions, and their orders.
pub(super) const ALIASES: [&str; 2] = ["aliases", "slot, name"];
pub(super) const REIGNS: [&str; 2] = ["reigns", "from_generation DESC"];
const VALIDATIONS: [&str; 2] = ["validations", "created_us DESC, report_id DESC"];

/// Rows of `table` that speak of versions, by version.
pub(super) async fn about<'a, T>(
    tx: &mut Connection,
    tenant: &TenantId,
    versions: impl IntoIterator<Item = (&'a ModelName, VersionNumber)>,
    [table, order]: [&str; 2],
    read: impl Fn(&DbRow) -> Result<T>,
) -> Result<HashMap<VersionName, Vec<T>>> {
    let mut sql = rows::named(versions);
    sql.push(format!("SELECT t.* FROM named n CROSS JOIN {table} t WHERE t.model = n.model AND t.number = n.number"));
    sql.push(" AND t.tenant = ").push_bind(tenant.as_str()).push(format!(" ORDER BY {order}"));
    grouped(&sql.build().fetch_all(tx).await?, place, read)
}

/// Views of `versions` in their order, read in the same transaction.
pub(super) async fn of(tx: &mut Connection, tenant: &TenantId, versions: Vec<Version>) -> Result<Vec<VersionView>> {
    if versions.is_empty() {
        return Ok(Vec::new());
    }
    let names = || versions.iter().map(|version| (&version.model, version.number));
    let mut aliases = about(tx, tenant, names(), ALIASES, aliases::alias).await?;
    let mut reigns = about(tx, tenant, names(), REIGNS, promotions::reign).await?;
    let mut validations = about(tx, tenant, names(), VALIDATIONS, validation).await?;
    let runs = summaries(tx, tenant, &versions).await?;
    let checks = checks::of(tx, tenant, versions.iter().map(|version| version.digest)).await?;
    let view = |version: Version| {
        let name = (version.model.clone(), version.number);
        VersionView {
            aliases: aliases.remove(&name).unwrap_or_default(),
            reigns: reigns.remove(&name).unwrap_or_default(),
            validations: latest(validations.remove(&name).unwrap_or_default()),
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
    let ids: BTreeSet<&str> = versions.iter().map(|version| version.lineage.run_id.as_str()).collect();
    let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
    let mut sql: Sql = QueryBuilder::new("SELECT run_id, name, taint FROM runs WHERE tenant = ");
    sql.push_bind(tenant.as_str()).push(" AND run_id");
    rows::among(&mut sql, &ids);
    let found = sql.build().fetch_all(&mut *tx).await?;
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

fn place(row: &DbRow) -> Result<VersionName> {
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
