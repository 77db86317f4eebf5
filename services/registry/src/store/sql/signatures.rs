//! Signatures of bundles.

use async_trait::async_trait;
use lineal_kernel::{Digest, PageRequest, TenantId};

use super::{
    DbRow, Store, audit,
    rows::{self, Read},
};
use crate::{
    domain::{audit::AuditEntry, signature::BundleSignature},
    store::{Page, Result, SignatureStore},
};

const INSERT: &str = "INSERT INTO signatures (tenant, digest, key_fingerprint, envelope, public_key, actor, created_us) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)";
const GET: &str = "SELECT * FROM signatures WHERE tenant = $1 AND digest = $2 AND key_fingerprint = $3";
const LIST: &str = "SELECT * FROM signatures WHERE tenant = $1 AND digest = $2 AND key_fingerprint > $3 \
     ORDER BY key_fingerprint LIMIT $4";

#[async_trait]
impl SignatureStore for Store {
    async fn attach_signature(&self, tenant: &TenantId, signature: &BundleSignature, entry: &AuditEntry) -> Result<()> {
        let mut tx = self.db.begin().await?;
        sqlx::query(INSERT)
            .bind(tenant.as_str())
            .bind(signature.digest.to_string())
            .bind(signature.key.to_string())
            .bind(&signature.envelope)
            .bind(&signature.public_key)
            .bind(&signature.actor)
            .bind(signature.created.micros())
            .execute(&mut *tx)
            .await?;
        audit::append(&mut tx, entry, 0, &signature.key.to_string()).await?;
        Ok(tx.commit().await?)
    }

    async fn signature(&self, tenant: &TenantId, digest: Digest, key: Digest) -> Result<Option<BundleSignature>> {
        let row = sqlx::query(GET)
            .bind(tenant.as_str())
            .bind(digest.to_string())
            .bind(key.to_string())
            .fetch_optional(self.db.reader())
            .await?;
        row.as_ref().map(signature).transpose()
    }

    async fn signatures(&self, tenant: &TenantId, digest: Digest, page: &PageRequest) -> Result<Page<BundleSignature>> {
        let found = sqlx::query(LIST)
            .bind(tenant.as_str())
            .bind(digest.to_string())
            .bind(rows::after(page))
            .bind(rows::limit(page))
            .fetch_all(self.db.reader())
            .await?;
        let signatures = found.iter().map(signature).collect::<Result<_>>()?;
        Ok(rows::page(signatures, page, |signature: &BundleSignature| signature.key.to_string()))
    }
}

fn signature(row: &DbRow) -> Result<BundleSignature> {
    Ok(BundleSignature {
        digest: row.parsed("digest")?,
        key: row.parsed("key_fingerprint")?,
        envelope: row.text("envelope")?,
        public_key: row.text("public_key")?,
        actor: row.text("actor")?,
        created: row.moment("created_us")?,
    })
}
