//! What the names of recipes mean.

use async_trait::async_trait;
use lineal_kernel::Timestamp;

use super::Store;
use crate::{
    domain::DefinitionKind,
    store::{DefinitionStore, Result},
};

const DEFINITION: &str = "SELECT body FROM definitions WHERE kind = $1 AND scope = $2 AND name = $3";

const DEFINE: &str = "\
     INSERT INTO definitions (kind, scope, name, body, create_time) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (kind, scope, name) DO NOTHING";

#[async_trait]
impl DefinitionStore for Store {
    async fn definition(&self, kind: DefinitionKind, scope: &str, name: &str) -> Result<Option<String>> {
        let query = sqlx::query_scalar(DEFINITION).bind(kind.as_str()).bind(scope).bind(name);
        Ok(query.fetch_optional(self.db.reader()).await?)
    }

    async fn define(
        &self,
        kind: DefinitionKind,
        scope: &str,
        name: &str,
        body: &str,
        now: Timestamp,
    ) -> Result<String> {
        let mut tx = self.db.begin().await?;
        let insert = sqlx::query(DEFINE).bind(kind.as_str()).bind(scope).bind(name).bind(body);
        insert.bind(now.micros()).execute(&mut *tx).await?;
        let select = sqlx::query_scalar(DEFINITION).bind(kind.as_str()).bind(scope).bind(name);
        let body = select.fetch_one(&mut *tx).await?;
        tx.commit().await?;
        Ok(body)
    }
}
