//! Searches among runs, put together from fixed pieces of SQL and bound values.

use lineal_kernel::{PageRequest, TenantId};
use sqlx::{QueryBuilder, Row};

use super::{
    DbRow, Sql,
    rows::{self, Read},
};
use crate::{
    domain::{
        filter::{Clause, Compare, Value},
        search::{RunField, RunOrder, Search},
    },
    store::Result,
};

/// As many characters of a value as its index holds.
const INDEXED: usize = 200;

/// One page of a search, and one row more.
pub(super) fn select(tenant: &TenantId, search: &Search, page: &PageRequest) -> Sql {
    let sort = sort(&search.order.by);
    let mut sql = QueryBuilder::new(format!(
        "SELECT r.*, e.name AS experiment, {sort} AS sort FROM runs r \
         JOIN experiments e ON e.tenant = r.tenant AND e.experiment_id = r.experiment_id"
    ));
    join(&mut sql, &search.order.by);
    sql.push(" WHERE r.tenant = ").push_bind(tenant.as_str());
    if !search.experiments.is_empty() {
        sql.push(" AND r.experiment_id");
        rows::among(&mut sql, &search.experiments);
    }
    if !search.statuses.is_empty() {
        sql.push(" AND r.status");
        rows::among(&mut sql, &search.statuses.iter().map(ToString::to_string).collect::<Vec<_>>());
    }
    if let Some(stage) = search.stage {
        sql.push(" AND r.stage = ").push_bind(stage.to_string());
    }
    for clause in &search.filter.0 {
        pass(&mut sql, tenant, clause);
    }
    if let Some(cursor) = &page.after {
        seek(&mut sql, search, cursor);
    }
    let direction = if search.order.descending { "DESC" } else { "ASC" };
    // A start is never absent, and an index serves its order only if nothing is said of NULLs.
    let nulls = if search.order.by == RunOrder::StartTime { "" } else { " NULLS LAST" };
    sql.push(format!(" ORDER BY {sort} {direction}{nulls}, r.run_id DESC LIMIT ")).push_bind(rows::limit(page));
    sql
}

/// Where the page after this row begins: its id, and what it was ordered by if it has that.
pub(super) fn cursor(row: &DbRow, by: &RunOrder) -> Result<String> {
    let sort = match by {
        RunOrder::StartTime | RunOrder::EndTime => row.try_get::<Option<i64>, _>("sort")?.map(|time| time.to_string()),
        RunOrder::Metric(_) => row.try_get::<Option<f64>, _>("sort")?.map(|value| value.to_string()),
        RunOrder::Parameter(_) => row.try_get::<Option<String>, _>("sort")?,
    };
    let run_id = row.text("run_id")?;
    Ok(sort.map_or_else(|| run_id.clone(), |sort| format!("{run_id} {sort}")))
}

fn sort(by: &RunOrder) -> &'static str {
    match by {
        RunOrder::StartTime => "r.started_us",
        RunOrder::EndTime => "r.ended_us",
        // Absent for a metric that is not finite.
        RunOrder::Metric(_) => "k.value",
        RunOrder::Parameter(_) => "substr(k.value, 1, 200)",
    }
}

fn join(sql: &mut Sql, by: &RunOrder) {
    let (table, key) = match by {
        RunOrder::StartTime | RunOrder::EndTime => return,
        RunOrder::Metric(key) => ("run_latest_metrics", key),
        RunOrder::Parameter(key) => ("run_params", key),
    };
    sql.push(format!(" LEFT JOIN {table} k ON k.tenant = r.tenant AND k.run_id = r.run_id AND k.key = "));
    sql.push_bind(key.as_str());
}

/// Goes on after the row that `cursor` names.
fn seek(sql: &mut Sql, search: &Search, cursor: &str) {
    let sort = sort(&search.order.by);
    let (run_id, value) = cursor.split_once(' ').map_or((cursor, None), |(run_id, value)| (run_id, Some(value)));
    let Some(value) = value else {
        sql.push(format!(" AND {sort} IS NULL AND r.run_id < ")).push_bind(run_id);
        return;
    };
    let beyond = if search.order.descending { '<' } else { '>' };
    for piece in [format!(" AND ({sort} {beyond} "), format!(" OR ({sort} = ")] {
        sql.push(piece);
        match &search.order.by {
            RunOrder::StartTime | RunOrder::EndTime => sql.push_bind(value.parse::<i64>().ok()),
            RunOrder::Metric(_) => sql.push_bind(value.parse::<f64>().ok()),
            RunOrder::Parameter(_) => sql.push_bind(value),
        };
    }
    sql.push(" AND r.run_id < ").push_bind(run_id).push(format!(") OR {sort} IS NULL)"));
}

fn pass(sql: &mut Sql, tenant: &TenantId, Clause { field, compare, value }: &Clause<RunField>) {
    let column = match field {
        RunField::Metric(key) => return carries(sql, tenant, ("run_latest_metrics", key), *compare, value),
        RunField::Parameter(key) => return carries(sql, tenant, ("run_params", key), *compare, value),
        RunField::Tag(key) => return carries(sql, tenant, ("run_tags", key), *compare, value),
        RunField::Name => "r.name",
        RunField::Status => "r.status",
        RunField::Parent => "r.parent_run_id",
        RunField::Model => "r.model",
    };
    sql.push(format!(" AND {column}{}", operator(*compare)));
    bind(sql, value);
}

/// Compares with what a run carries under `key`.
fn carries(sql: &mut Sql, tenant: &TenantId, (table, key): (&'static str, &str), compare: Compare, wanted: &Value) {
    sql.push(format!(" AND r.run_id IN (SELECT run_id FROM {table} WHERE tenant = ")).push_bind(tenant.as_str());
    sql.push(" AND key = ").push_bind(key.to_owned());
    if let Value::Text(wanted) = wanted {
        text(sql, compare == Compare::Equal, wanted);
    } else {
        sql.push(format!(" AND value{}", operator(compare)));
        bind(sql, wanted);
    }
    sql.push(")");
}

/// Compares a long text, of which an index holds the beginning.
fn text(sql: &mut Sql, equal: bool, wanted: &str) {
    sql.push(if equal { " AND value = " } else { " AND value <> " }).push_bind(wanted.to_owned());
    if equal {
        let beginning: String = wanted.chars().take(INDEXED).collect();
        sql.push(" AND substr(value, 1, 200) = ").push_bind(beginning);
    }
}

/// The right side of a comparison, in the type of its column.
pub(super) fn bind(sql: &mut Sql, value: &Value) {
    match value {
        Value::Number(number) => sql.push_bind(*number),
        Value::Whole(number) => sql.push_bind(*number),
        Value::Moment(moment) => sql.push_bind(moment.micros()),
        Value::Text(text) => sql.push_bind(text.clone()),
        Value::Flag(flag) => sql.push_bind(flag.to_string()),
    };
}

pub(super) fn operator(compare: Compare) -> &'static str {
    match compare {
        Compare::Equal => " = ",
        Compare::NotEqual => " <> ",
        Compare::Less => " < ",
        Compare::LessOrEqual => " <= ",
        Compare::Greater => " > ",
        Compare::GreaterOrEqual => " >= ",
    }
}
