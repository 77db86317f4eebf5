//! Snapshots of datasets.

use async_trait::async_trait;
use lineal_kernel::{Name, PageRequest, TenantId};

use super::{
    DbRow, Store, audit,
    rows::{self, Read},
};
use crate::domain::{audit::AuditEntry, snapshot::Snapshot};
use crate::store::{Page, Result, SnapshotStore};

const INSERT: &str = "INSERT INTO snapshots (tenant, dataset, digest, row_count, columns, created_us) \
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant, dataset, digest) DO NOTHING";
const GET: &str = "SELECT * FROM snapshots WHERE tenant = $1 AND dataset = $2 AND digest = $3";
const LIST: &str = "SELECT * FROM snapshots WHERE tenant = $1 AND dataset = $2 \
     AND (created_us, digest) < ($3, $4) ORDER BY created_us DESC, digest DESC LIMIT $5";

#[async_trait]
impl SnapshotStore for Store {
    async fn create_snapshot(&self, tenant: &TenantId, wanted: &Snapshot, entry: &AuditEntry) -> Result<Snapshot> {
        let mut tx = self.db.begin().await?;
        let added = sqlx::query(INSERT)
            .bind(tenant.as_str())
            .bind(wanted.dataset.as_str())
            .bind(wanted.digest.to_string())
            .bind(rows::column(wanted.rows))
            .bind(rows::json(&wanted.columns)?)
            .bind(wanted.created.micros())
            .execute(&mut *tx)
            .await?;
        if added.rows_affected() > 0 {
            audit::append(&mut tx, entry, 0, &wanted.digest.to_string()).await?;
        }
        let row = sqlx::query(GET)
            .bind(tenant.as_str())
            .bind(wanted.dataset.as_str())
            .bind(wanted.digest.to_string())
            .fetch_one(&mut *tx)
            .await?;
        tx.commit().await?;
        snapshot(&row)
    }

    async fn snapshots(&self, tenant: &TenantId, dataset: &Name, page: &PageRequest) -> Result<Page<Snapshot>> {
        let (created, digest) = rows::before_pair(page);
        let found = sqlx::query(LIST)
            .bind(tenant.as_str())
            .bind(dataset.as_str())
            .bind(created)
            .bind(digest)
            .bind(rows::limit(page))
            .fetch_all(self.db.reader())
            .await?;
        let snapshots = found.iter().map(snapshot).collect::<Result<_>>()?;
        Ok(rows::page(snapshots, page, |snapshot: &Snapshot| {
            format!("{} {}", snapshot.created.micros(), snapshot.digest)
        }))
    }
}

fn snapshot(row: &DbRow) -> Result<Snapshot> {
    Ok(Snapshot {
        dataset: row.parsed("dataset")?,
        digest: row.parsed("digest")?,
        rows: row.number("row_count")?,
        columns: row.json("columns")?,
        created: row.moment("created_us")?,
    })
}
