//! Replicas and their leases.

use async_trait::async_trait;
use lineal_kernel::{Name, PageRequest, TenantId, Timestamp};

use super::{
    DbRow, Store,
    rows::{self, Read},
};
use crate::domain::replica::{Beat, Replica};
use crate::store::{Page, ReplicaStore, Result};

const LIST: &str =
    "SELECT * FROM replicas WHERE tenant = $1 AND lease_end_us > $2 AND name > $3 ORDER BY name LIMIT $4";
const REGISTER: &str = "INSERT INTO replicas (tenant, name, address, generation, problem, lease_end_us, created_us, standbys) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (tenant, name) DO UPDATE SET address = excluded.address, \
     generation = excluded.generation, problem = excluded.problem, lease_end_us = excluded.lease_end_us, \
     standbys = excluded.standbys";
const RENEW: &str = "UPDATE replicas SET generation = $3, problem = $4, lease_end_us = $5, standbys = COALESCE($7, standbys) \
     WHERE tenant = $1 AND name = $2 AND lease_end_us > $6";
/// What a replica said at its last heartbeat may be newer.
const RENEW_SERVED: &str = "UPDATE replicas SET generation = CASE WHEN generation < $3 THEN $3 ELSE generation END, \
     problem = '', lease_end_us = $4 WHERE tenant = $1 AND name = $2 AND lease_end_us > $5";
const RELEASE: &str = "UPDATE replicas SET lease_end_us = $3 WHERE tenant = $1 AND name = $2";

#[async_trait]
impl ReplicaStore for Store {
    async fn replicas(&self, tenant: &TenantId, since: Timestamp, page: &PageRequest) -> Result<Page<Replica>> {
        let found = sqlx::query(LIST)
            .bind(tenant.as_str())
            .bind(since.micros())
            .bind(rows::after(page))
            .bind(rows::limit(page))
            .fetch_all(self.db.reader())
            .await?;
        let replicas = found.iter().map(replica).collect::<Result<_>>()?;
        Ok(rows::page(replicas, page, |replica: &Replica| replica.name.to_string()))
    }

    async fn register_replica(&self, tenant: &TenantId, replica: &Replica) -> Result<()> {
        let mut tx = self.db.begin().await?;
        sqlx::query(REGISTER)
            .bind(tenant.as_str())
            .bind(replica.name.as_str())
            .bind(&replica.address)
            .bind(rows::column(replica.generation))
            .bind(&replica.problem)
            .bind(replica.lease_end.micros())
            .bind(replica.created.micros())
            .bind(rows::json(&replica.standbys)?)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    async fn renew_lease(
        &self,
        tenant: &TenantId,
        name: &Name,
        beat: &Beat,
        now: Timestamp,
        lease_end: Timestamp,
    ) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let written = sqlx::query(RENEW)
            .bind(tenant.as_str())
            .bind(name.as_str())
            .bind(rows::column(beat.generation))
            .bind(&beat.problem)
            .bind(lease_end.micros())
            .bind(now.micros())
            .bind(beat.standbys.as_ref().map(rows::json).transpose()?)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(written.rows_affected() > 0)
    }

    async fn renew_leases(
        &self,
        tenant: &TenantId,
        served: &[(Name, u64)],
        now: Timestamp,
        lease_end: Timestamp,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        for (name, generation) in served {
            sqlx::query(RENEW_SERVED)
                .bind(tenant.as_str())
                .bind(name.as_str())
                .bind(rows::column(*generation))
                .bind(lease_end.micros())
                .bind(now.micros())
                .execute(&mut *tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }

    async fn release_lease(&self, tenant: &TenantId, name: &Name, now: Timestamp) -> Result<()> {
        let mut tx = self.db.begin().await?;
        sqlx::query(RELEASE).bind(tenant.as_str()).bind(name.as_str()).bind(now.micros()).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }
}

fn replica(row: &DbRow) -> Result<Replica> {
    Ok(Replica {
        name: row.parsed("name")?,
        address: row.text("address")?,
        generation: row.number("generation")?,
        problem: row.text("problem")?,
        lease_end: row.moment("lease_end_us")?,
        created: row.moment("created_us")?,
        standbys: row.json("standbys")?,
    })
}
