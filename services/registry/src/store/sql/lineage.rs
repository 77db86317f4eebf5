//! Steps between versions, and what runs made.

use std::collections::HashMap;

use async_trait::async_trait;
use lineal_db::StoreError;
use lineal_kernel::{FieldError, TenantId, VersionNumber};
use sqlx::QueryBuilder;

use super::{
    Connection, DbRow, Sql, Store, relatives,
    rows::{self, Read},
    versions, views,
};
use crate::domain::{
    lineage::{Direction, Edge, Relative, VersionName, origins},
    version::{Version, VersionView},
};
use crate::store::{LineageStore, Result};

const MADE: &str = "INSERT INTO run_versions (tenant, run_id, model, number) VALUES ($1, $2, $3, $4)";
const MADE_BY: &str = "SELECT model, number FROM run_versions WHERE tenant = $1 AND run_id = $2 ORDER BY model, number";

/// Writes where a version comes from, inside the transaction that makes it.
pub(super) async fn insert(tx: &mut Connection, tenant: &TenantId, version: &Version) -> Result<()> {
    sqlx::query(MADE)
        .bind(tenant.as_str())
        .bind(&version.lineage.run_id)
        .bind(version.model.as_str())
        .bind(rows::column(version.number.get()))
        .execute(&mut *tx)
        .await?;
    let edges = origins(version);
    if edges.is_empty() {
        return Ok(());
    }
    let first = u64::from(version.lineage.parent_number == 0);
    let mut sql: Sql = QueryBuilder::new(
        "INSERT INTO lineage_edges (tenant, from_model, from_number, position, to_model, to_number, relation) ",
    );
    sql.push_values((first..).zip(&edges), |mut row, (position, edge)| {
        row.push_bind(tenant.as_str()).push_bind(edge.from.0.as_str()).push_bind(rows::column(edge.from.1.get()));
        row.push_bind(rows::column(position)).push_bind(edge.to.0.as_str());
        row.push_bind(rows::column(edge.to.1.get())).push_bind(edge.relation.word());
    });
    sql.build().persistent(rows::is_usual(edges.len())).execute(tx).await?;
    Ok(())
}

fn named(names: &[VersionName]) -> Sql {
    rows::named(names.iter().map(|(model, number)| (model, *number)))
}

#[async_trait]
impl LineageStore for Store {
    async fn edges(
        &self,
        tenant: &TenantId,
        from: &[VersionName],
        direction: Direction,
        limit: u32,
    ) -> Result<Vec<Edge>> {
        if from.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = named(from);
        rows::gather(&mut sql, &["from_model", "from_number", "to_model", "to_number", "relation"], |sql| {
            sql.push("SELECT e.* FROM named n CROSS JOIN lineage_edges e WHERE e.tenant = ").push_bind(tenant.as_str());
            sql.push(match direction {
                Direction::Ancestors => " AND e.from_model = n.model AND e.from_number = n.number",
                Direction::Descendants => " AND e.to_model = n.model AND e.to_number = n.number",
            });
            sql.push(" ORDER BY e.from_model, e.from_number, e.position LIMIT ").push_bind(i64::from(limit));
        });
        let found: String = sql.build_query_scalar().fetch_one(self.db.reader()).await?;
        rows::gathered(&found).map(|words| edge(words?)).collect()
    }

    async fn relatives(&self, tenant: &TenantId, names: &[VersionName]) -> Result<Vec<Relative>> {
        relatives::of(self, tenant, names).await
    }

    async fn versions_named(&self, tenant: &TenantId, names: &[VersionName]) -> Result<Vec<VersionView>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let mut tx = self.db.snapshot().await?;
        let mut sql = named(names);
        sql.push("SELECT v.* FROM named n CROSS JOIN versions v WHERE v.model = n.model AND v.number = n.number");
        sql.push(" AND v.tenant = ").push_bind(tenant.as_str());
        let found = sql.build().fetch_all(&mut *tx).await?;
        let versions = found.iter().map(versions::version).collect::<Result<Vec<_>>>()?;
        let views = views::of(&mut tx, tenant, versions).await?.into_iter();
        let mut views: HashMap<VersionName, VersionView> =
            views.map(|view| ((view.version.model.clone(), view.version.number), view)).collect();
        Ok(names.iter().filter_map(|name| views.remove(name)).collect())
    }

    async fn versions_of_run(&self, tenant: &TenantId, run_id: &str) -> Result<Vec<VersionName>> {
        let found = sqlx::query(MADE_BY).bind(tenant.as_str()).bind(run_id).fetch_all(self.db.reader()).await?;
        found.iter().map(|row| name(row, "model", "number")).collect()
    }
}

/// The version that two columns name.
pub(super) fn name(row: &DbRow, model: &str, number: &str) -> Result<VersionName> {
    let number = VersionNumber::new(row.number(number)?).map_err(|error| StoreError::corrupt(error.problem))?;
    Ok((row.parsed(model)?, number))
}

/// A step by its columns.
fn edge([from, from_number, to, to_number, relation]: [&str; 5]) -> Result<Edge> {
    let relation = relation.parse().map_err(|error: String| StoreError::corrupt(error))?;
    Ok(Edge { from: version(from, from_number)?, to: version(to, to_number)?, relation })
}

/// The version that two words name.
pub(super) fn version(model: &str, number: &str) -> Result<VersionName> {
    let corrupt = |error: FieldError| StoreError::corrupt(error.problem);
    let number = number.parse().map_err(|_| StoreError::corrupt(format!("`{number}` is no number")))?;
    Ok((model.parse().map_err(corrupt)?, VersionNumber::new(number).map_err(corrupt)?))
}
