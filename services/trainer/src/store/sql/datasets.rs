//! What is known of datasets.

use async_trait::async_trait;
use lineal_db::StoreError;
use lineal_kernel::{Digest, Name, Timestamp};
use sqlx::FromRow;

use super::{
    Store,
    rows::{corrupt, json, parsed, to_json, unsigned},
};
use crate::{
    domain::ReportSummary,
    store::{DatasetStore, Result},
};

const INSERT_SPLIT: &str = "\
     INSERT INTO splits (dataset, name, rule, actor, create_time) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (dataset, name) DO NOTHING";
const SPLIT: &str = "SELECT rule FROM splits WHERE dataset = $1 AND name = $2";
const SPLITS: &str = "SELECT name, rule FROM splits WHERE dataset = $1 AND name > $2 ORDER BY name LIMIT $3";

const EXPECTATIONS: &str = "SELECT body FROM expectations WHERE dataset = $1 ORDER BY number DESC LIMIT 1";
/// Two at once want the same number, and one of them loses.
const INSERT_EXPECTATIONS: &str = "\
     INSERT INTO expectations (dataset, number, body, actor, create_time) \
     SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3, $4 FROM expectations WHERE dataset = $1";

macro_rules! report_columns {
    () => {
        "report_id, digest, dataset, source, snapshot, expectations, row_count, failed, create_time"
    };
}

const INSERT_REPORT: &str =
    concat!("INSERT INTO data_reports (", report_columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)");
const REPORT: &str = concat!("SELECT ", report_columns!(), " FROM data_reports WHERE report_id = $1");
const LATEST: &str = concat!(
    "SELECT ",
    report_columns!(),
    " FROM data_reports WHERE dataset = $1 AND source = $2 ORDER BY report_id DESC LIMIT 1"
);
/// The empty text stands for the end.
const REPORTS: &str = concat!(
    "SELECT ",
    report_columns!(),
    " FROM data_reports WHERE dataset = $1 AND ($2 = '' OR report_id < $2) ORDER BY report_id DESC LIMIT $3"
);

/// A row of `data_reports`.
#[derive(FromRow)]
struct ReportRow {
    report_id: String,
    digest: String,
    dataset: String,
    source: String,
    snapshot: String,
    expectations: String,
    row_count: i64,
    failed: String,
    create_time: i64,
}

impl TryFrom<ReportRow> for ReportSummary {
    type Error = StoreError;

    fn try_from(row: ReportRow) -> Result<Self> {
        Ok(Self {
            id: row.report_id,
            digest: parsed("digest", &row.digest)?,
            dataset: Name::new(&row.dataset).map_err(|error| corrupt("dataset", error))?,
            source: parsed("source", &row.source)?,
            snapshot: parsed("snapshot", &row.snapshot)?,
            expectations: parsed("expectations", &row.expectations)?,
            rows: unsigned("row_count", row.row_count)?,
            failed: json("failed", &row.failed)?,
            create_time: Timestamp::from_micros(row.create_time),
        })
    }
}

#[async_trait]
impl DatasetStore for Store {
    async fn create_split(
        &self,
        dataset: &Name,
        name: &Name,
        rule: &str,
        actor: &str,
        now: Timestamp,
    ) -> Result<String> {
        let mut tx = self.db.begin().await?;
        let insert = sqlx::query(INSERT_SPLIT).bind(dataset.as_str()).bind(name.as_str()).bind(rule).bind(actor);
        insert.bind(now.micros()).execute(&mut *tx).await?;
        let select = sqlx::query_scalar(SPLIT).bind(dataset.as_str()).bind(name.as_str());
        let rule = select.fetch_one(&mut *tx).await?;
        tx.commit().await?;
        Ok(rule)
    }

    async fn split(&self, dataset: &str, name: &str) -> Result<Option<String>> {
        Ok(sqlx::query_scalar(SPLIT).bind(dataset).bind(name).fetch_optional(self.db.reader()).await?)
    }

    async fn splits(&self, dataset: &Name, after: &str, limit: u32) -> Result<Vec<(String, String)>> {
        let query = sqlx::query_as(SPLITS).bind(dataset.as_str()).bind(after).bind(i64::from(limit));
        Ok(query.fetch_all(self.db.reader()).await?)
    }

    async fn set_expectations(&self, dataset: &Name, body: &str, actor: &str, now: Timestamp) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let known = sqlx::query_scalar::<_, String>(EXPECTATIONS).bind(dataset.as_str());
        if known.fetch_optional(&mut *tx).await?.as_deref() != Some(body) {
            let insert = sqlx::query(INSERT_EXPECTATIONS).bind(dataset.as_str()).bind(body).bind(actor);
            insert.bind(now.micros()).execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn expectations(&self, dataset: &Name) -> Result<Option<String>> {
        Ok(sqlx::query_scalar(EXPECTATIONS).bind(dataset.as_str()).fetch_optional(self.db.reader()).await?)
    }

    async fn add_report(&self, report: &ReportSummary) -> Result<()> {
        let mut tx = self.db.begin().await?;
        sqlx::query(INSERT_REPORT)
            .bind(&report.id)
            .bind(report.digest.to_string())
            .bind(report.dataset.as_str())
            .bind(report.source.to_string())
            .bind(report.snapshot.to_string())
            .bind(report.expectations.to_string())
            .bind(report.rows as i64)
            .bind(to_json(&report.failed)?)
            .bind(report.create_time.micros())
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    async fn report(&self, id: &str) -> Result<Option<ReportSummary>> {
        let row = sqlx::query_as::<_, ReportRow>(REPORT).bind(id).fetch_optional(self.db.reader()).await?;
        row.map(TryInto::try_into).transpose()
    }

    async fn latest_report(&self, dataset: &Name, source: Digest) -> Result<Option<ReportSummary>> {
        let query = sqlx::query_as::<_, ReportRow>(LATEST).bind(dataset.as_str()).bind(source.to_string());
        query.fetch_optional(self.db.reader()).await?.map(TryInto::try_into).transpose()
    }

    async fn reports(&self, dataset: &Name, before: Option<&str>, limit: u32) -> Result<Vec<ReportSummary>> {
        let query = sqlx::query_as::<_, ReportRow>(REPORTS).bind(dataset.as_str()).bind(before.unwrap_or_default());
        let rows = query.bind(i64::from(limit)).fetch_all(self.db.reader()).await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }
}
