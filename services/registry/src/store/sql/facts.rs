//! What searches ask of versions, written beside each version in its transaction.

use lineal_kernel::TenantId;
use sqlx::QueryBuilder;

use super::{Connection, Sql, rows};
use crate::{
    domain::{
        facts::{self, FactValue},
        version::Version,
    },
    store::Result,
};

const FORGET: &str = "DELETE FROM version_facts WHERE tenant = $1 AND model = $2 AND number = $3";

/// Writes what can be asked of a version, in place of what was there.
pub(super) async fn replace(tx: &mut Connection, tenant: &TenantId, version: &Version) -> Result<()> {
    let number = rows::column(version.number.get());
    sqlx::query(FORGET).bind(tenant.as_str()).bind(version.model.as_str()).bind(number).execute(&mut *tx).await?;
    insert(tx, tenant, version).await
}

/// Writes what can be asked of a new version.
pub(super) async fn insert(tx: &mut Connection, tenant: &TenantId, version: &Version) -> Result<()> {
    let (number, found) = (rows::column(version.number.get()), facts::of(version));
    if found.is_empty() {
        return Ok(());
    }
    let mut sql: Sql =
        QueryBuilder::new("INSERT INTO version_facts (tenant, model, number, field, place, kind, value, text) ");
    sql.push_values(&found, |mut row, fact| {
        let (kind, value, text) = match &fact.value {
            FactValue::Number(value) => ("number", Some(*value), None),
            FactValue::Text(text) => ("text", None, Some(text.clone())),
            FactValue::Flag(flag) => ("flag", None, Some(flag.to_string())),
        };
        row.push_bind(tenant.as_str())
            .push_bind(version.model.as_str())
            .push_bind(number)
            .push_bind(fact.field.as_str());
        row.push_bind(i64::from(fact.place)).push_bind(kind).push_bind(value).push_bind(text);
    });
    sql.build().persistent(rows::is_usual(found.len())).execute(tx).await?;
    Ok(())
}
