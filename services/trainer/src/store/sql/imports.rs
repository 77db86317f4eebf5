//! What was imported.

use async_trait::async_trait;
use lineal_db::StoreError;
use lineal_kernel::{Digest, FieldError, Name, RequestId, Timestamp};
use sqlx::FromRow;

use super::{
    Store,
    rows::{corrupt, json, parsed, to_json, unsigned},
};
use crate::{
    domain::{CreateImport, Import, Query, Wanted},
    store::{ImportStore, Result},
};

macro_rules! import_columns {
    () => {
        "import_id, request_id, dataset, source, query, path, format, digest, row_count, size_bytes, actor, create_time"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO imports (",
    import_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (request_id) DO NOTHING"
);
const BY_REQUEST: &str = concat!("SELECT ", import_columns!(), " FROM imports WHERE request_id = $1");
const LATEST: &str = concat!(
    "SELECT ",
    import_columns!(),
    " FROM imports WHERE dataset = $1 AND digest = $2 ORDER BY import_id DESC LIMIT 1"
);
/// The empty text stands for the end.
const IMPORTS: &str = concat!(
    "SELECT ",
    import_columns!(),
    " FROM imports WHERE dataset = $1 AND ($2 = '' OR import_id < $2) ORDER BY import_id DESC LIMIT $3"
);

/// A row of `imports`.
#[derive(FromRow)]
struct ImportRow {
    import_id: String,
    request_id: String,
    dataset: String,
    source: String,
    query: String,
    path: String,
    format: String,
    digest: String,
    row_count: Option<i64>,
    size_bytes: i64,
    actor: String,
    create_time: i64,
}

impl TryFrom<ImportRow> for Import {
    type Error = StoreError;

    fn try_from(row: ImportRow) -> Result<Self> {
        let bad = |column: &'static str| move |error: FieldError| corrupt(column, error);
        let wanted = match row.query.as_str() {
            "" => Wanted::File { path: row.path, format: json("format", &row.format)? },
            query => Wanted::Rows(Query::check(query).map_err(bad("query"))?),
        };
        let wish = CreateImport {
            dataset: Name::new(&row.dataset).map_err(bad("dataset"))?,
            source: Name::new(&row.source).map_err(bad("source"))?,
            wanted,
            request_id: RequestId::new(&row.request_id).map_err(bad("request_id"))?,
        };
        Ok(Self {
            id: row.import_id,
            wish,
            digest: parsed("digest", &row.digest)?,
            rows: row.row_count.map(|count| unsigned("row_count", count)).transpose()?,
            bytes: unsigned("size_bytes", row.size_bytes)?,
            actor: row.actor,
            create_time: Timestamp::from_micros(row.create_time),
        })
    }
}

#[async_trait]
impl ImportStore for Store {
    async fn add_import(&self, import: &Import) -> Result<Import> {
        let (query, path) = match &import.wish.wanted {
            Wanted::Rows(query) => (query.as_str(), ""),
            Wanted::File { path, .. } => ("", path.as_str()),
        };
        let mut tx = self.db.begin().await?;
        sqlx::query(INSERT)
            .bind(&import.id)
            .bind(import.wish.request_id.as_str())
            .bind(import.wish.dataset.as_str())
            .bind(import.wish.source.as_str())
            .bind(query)
            .bind(path)
            .bind(to_json(&import.format())?)
            .bind(import.digest.to_string())
            .bind(import.rows.map(|rows| rows as i64))
            .bind(import.bytes as i64)
            .bind(&import.actor)
            .bind(import.create_time.micros())
            .execute(&mut *tx)
            .await?;
        let select = sqlx::query_as::<_, ImportRow>(BY_REQUEST).bind(import.wish.request_id.as_str());
        let kept = select.fetch_one(&mut *tx).await?;
        tx.commit().await?;
        kept.try_into()
    }

    async fn import_by_request(&self, request_id: &RequestId) -> Result<Option<Import>> {
        let query = sqlx::query_as::<_, ImportRow>(BY_REQUEST).bind(request_id.as_str());
        query.fetch_optional(self.db.reader()).await?.map(TryInto::try_into).transpose()
    }

    async fn import_of(&self, dataset: &Name, digest: Digest) -> Result<Option<Import>> {
        let query = sqlx::query_as::<_, ImportRow>(LATEST).bind(dataset.as_str()).bind(digest.to_string());
        query.fetch_optional(self.db.reader()).await?.map(TryInto::try_into).transpose()
    }

    async fn imports(&self, dataset: &Name, before: Option<&str>, limit: u32) -> Result<Vec<Import>> {
        let query = sqlx::query_as::<_, ImportRow>(IMPORTS).bind(dataset.as_str()).bind(before.unwrap_or_default());
        let rows = query.bind(i64::from(limit)).fetch_all(self.db.reader()).await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }
}
