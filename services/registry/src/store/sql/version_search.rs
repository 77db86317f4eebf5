//! Searches among versions, put together from fixed pieces of SQL and bound values.

use lineal_kernel::{PageRequest, TenantId};
use sqlx::{QueryBuilder, Row};

use super::{
    Connection, DbRow, Sql,
    display::{Among, Standing},
    rows::{self, Read},
    search,
};
use crate::{
    domain::{
        display::DisplayState,
        facts,
        filter::{Clause, Compare, Value},
        version_search::{VersionField, VersionOrder, VersionSearch},
    },
    store::Result,
};

/// The rows of one page and one more, each with what it was ordered by. A metric's order has two parts: first the versions that
/// have the metric, read in its index, then all others.
pub(super) async fn find(
    tx: &mut Connection,
    tenant: &TenantId,
    search: &VersionSearch,
    page: &PageRequest,
) -> Result<Vec<DbRow>> {
    let cursor = page.after.as_deref().and_then(Cursor::read);
    let scope = Scope { tenant, search, limit: rows::limit(page) };
    let VersionOrder::Metric(key) = &search.order.by else {
        return Ok(scope
            .by_column(cursor.as_ref())
            .build()
            .persistent(search.filter.0.is_empty())
            .fetch_all(tx)
            .await?);
    };
    let field = facts::metric(key);
    let mut found = Vec::new();
    if cursor.as_ref().is_none_or(|cursor| cursor.sort.is_some()) {
        found = scope.measured(&field, cursor.as_ref()).build().persistent(false).fetch_all(&mut *tx).await?;
    }
    let missing = rows::limit(page) - i64::try_from(found.len()).unwrap_or(i64::MAX);
    if missing > 0 {
        let after = cursor.as_ref().filter(|cursor| cursor.sort.is_none());
        let rest = Scope { limit: missing, ..scope }.unmeasured(&field, after);
        found.extend({ rest }.build().persistent(false).fetch_all(tx).await?);
    }
    Ok(found)
}

/// Where the page after this row begins.
pub(super) fn cursor(row: &DbRow, by: &VersionOrder) -> Result<String> {
    let sort = match by {
        VersionOrder::Created | VersionOrder::Number => Some(row.try_get::<i64, _>("sort")?.to_string()),
        VersionOrder::Metric(_) => row.try_get::<Option<f64>, _>("sort")?.map(|value| value.to_string()),
    };
    Ok(format!("{} {} {}", sort.as_deref().unwrap_or("-"), row.number("number")?, row.text("model")?))
}

/// The row after which a page begins.
struct Cursor<'a> {
    /// What it was ordered by; `None` for a version without the metric.
    sort: Option<&'a str>,
    number: i64,
    model: &'a str,
}

impl<'a> Cursor<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let mut words = text.splitn(3, ' ');
        let sort = words.next().filter(|sort| *sort != "-");
        Some(Self { sort, number: words.next()?.parse().ok()?, model: words.next()? })
    }
}

#[derive(Clone, Copy)]
struct Scope<'a> {
    tenant: &'a TenantId,
    search: &'a VersionSearch,
    limit: i64,
}

impl Scope<'_> {
    /// In order of a column: of equal ones, the newer is the larger.
    fn by_column(&self, cursor: Option<&Cursor<'_>>) -> Sql {
        let (column, direction, beyond) = match (&self.search.order.by, self.search.order.descending) {
            (VersionOrder::Created, true) => ("v.created_us", "DESC", '<'),
            (VersionOrder::Created, false) => ("v.created_us", "ASC", '>'),
            (_, true) => ("v.number", "DESC", '<'),
            (_, false) => ("v.number", "ASC", '>'),
        };
        let mut sql = QueryBuilder::new(format!("SELECT v.*, {column} AS sort FROM versions v WHERE v.tenant = "));
        sql.push_bind(self.tenant.as_str());
        self.narrow(&mut sql);
        let sort = cursor.and_then(|cursor| Some((cursor, cursor.sort?.parse::<i64>().ok()?)));
        if let Some((cursor, sort)) = sort {
            sql.push(format!(" AND ({column}, v.number, v.model) {beyond} (")).push_bind(sort).push(", ");
            sql.push_bind(cursor.number).push(", ").push_bind(cursor.model).push(")");
        }
        sql.push(format!(" ORDER BY {column} {direction}, v.number {direction}, v.model {direction} LIMIT "));
        sql.push_bind(self.limit);
        sql
    }

    /// Versions that have a metric, in its order; of equal ones the older comes first.
    fn measured(&self, field: &str, cursor: Option<&Cursor<'_>>) -> Sql {
        let mut sql = QueryBuilder::new(
            "SELECT v.*, k.value AS sort FROM version_facts k \
             JOIN versions v ON v.tenant = k.tenant AND v.model = k.model AND v.number = k.number \
             WHERE k.value IS NOT NULL AND k.tenant = ",
        );
        sql.push_bind(self.tenant.as_str()).push(" AND k.field = ").push_bind(field.to_owned());
        if let Some(model) = &self.search.model {
            sql.push(" AND k.model = ").push_bind(model.as_str());
        }
        self.narrow(&mut sql);
        let sort = cursor.and_then(|cursor| Some((cursor, cursor.sort?.parse::<f64>().ok()?)));
        let (direction, reach, beyond) =
            if self.search.order.descending { ("DESC", "<=", '<') } else { ("ASC", ">=", '>') };
        if let Some((cursor, value)) = sort {
            // The first comparison says where the index is entered.
            sql.push(format!(" AND k.value {reach} ")).push_bind(value);
            sql.push(format!(" AND (k.value {beyond} ")).push_bind(value);
            sql.push(" OR (k.number, k.model) > (")
                .push_bind(cursor.number)
                .push(", ")
                .push_bind(cursor.model)
                .push("))");
        }
        sql.push(format!(" ORDER BY k.value {direction}, k.number, k.model LIMIT ")).push_bind(self.limit);
        sql
    }

    /// Versions that have no such metric, oldest first.
    fn unmeasured(&self, field: &str, cursor: Option<&Cursor<'_>>) -> Sql {
        let mut sql =
            QueryBuilder::new("SELECT v.*, CAST(NULL AS DOUBLE PRECISION) AS sort FROM versions v WHERE v.tenant = ");
        sql.push_bind(self.tenant.as_str());
        self.narrow(&mut sql);
        sql.push(
            " AND NOT EXISTS (SELECT 1 FROM version_facts k \
             WHERE k.tenant = v.tenant AND k.model = v.model AND k.number = v.number AND k.field = ",
        );
        sql.push_bind(field.to_owned()).push(" AND k.value IS NOT NULL)");
        if let Some(cursor) = cursor {
            sql.push(" AND (v.number, v.model) > (")
                .push_bind(cursor.number)
                .push(", ")
                .push_bind(cursor.model)
                .push(")");
        }
        sql.push(" ORDER BY v.number, v.model LIMIT ").push_bind(self.limit);
        sql
    }

    /// What every version of the search must pass.
    fn narrow(&self, sql: &mut Sql) {
        if let Some(model) = &self.search.model {
            sql.push(" AND v.model = ").push_bind(model.as_str());
        }
        for clause in &self.search.filter.0 {
            self.pass(sql, clause);
        }
    }

    fn pass(&self, sql: &mut Sql, Clause { field, compare, value }: &Clause<VersionField>) {
        let column = match field {
            VersionField::Metric(key) => return Self::carries(sql, facts::metric(key), *compare, value),
            VersionField::Tag(key) => return Self::carries(sql, facts::tag(key), *compare, value),
            VersionField::Metadata(keys) => {
                return Self::carries(sql, facts::metadata(keys.iter().cloned()), *compare, value);
            }
            VersionField::DisplayState => return self.shows(sql, *compare, value),
            VersionField::State => "v.state",
            VersionField::Family => "v.family",
            VersionField::Label => "v.label",
            VersionField::RunId => "v.run_id",
            VersionField::Digest => "v.digest",
            VersionField::Model => "v.model",
            VersionField::Number => "v.number",
            VersionField::Created => "v.created_us",
        };
        sql.push(format!(" AND {column}{}", search::operator(*compare)));
        search::bind(sql, value);
    }

    /// Asked of each version in turn: a list of all that pass may be as long as the model. The plus keeps SQLite from reading all
    /// values again for each of them.
    fn carries(sql: &mut Sql, field: String, compare: Compare, value: &Value) {
        let (kind, column) = match value {
            Value::Text(_) => ("text", "f.text"),
            Value::Flag(_) => ("flag", "f.text"),
            Value::Number(_) | Value::Whole(_) | Value::Moment(_) => ("number", "+f.value"),
        };
        sql.push(
            " AND EXISTS (SELECT 1 FROM version_facts f \
             WHERE f.tenant = v.tenant AND f.model = v.model AND f.number = v.number AND f.field = ",
        );
        sql.push_bind(field).push(format!(" AND f.kind = '{kind}' AND {column}{}", search::operator(compare)));
        search::bind(sql, value);
        sql.push(")");
    }
    fn shows(&self, sql: &mut Sql, compare: Compare, value: &Value) {
        let Value::Text(word) = value else { return };
        let Ok(state) = word.parse::<DisplayState>() else { return };
        let among = self.search.model.as_ref().map_or(Among::Any, Among::Model);
        sql.push(if compare == Compare::Equal { " AND (" } else { " AND NOT (" });
        Standing { tenant: self.tenant, among }.is(sql, state);
        sql.push(")");
    }
}
