//! The environment that the database belongs to.

use async_trait::async_trait;

use super::Store;
use crate::store::{EnvironmentStore, Result};

const CLAIM: &str = "INSERT INTO environment (one, name) VALUES (1, $1) ON CONFLICT (one) DO NOTHING";
const OWNER: &str = "SELECT name FROM environment";

#[async_trait]
impl EnvironmentStore for Store {
    async fn claim(&self, environment: &str) -> Result<String> {
        let mut tx = self.db.begin().await?;
        sqlx::query(CLAIM).bind(environment).execute(&mut *tx).await?;
        let owner = sqlx::query_scalar(OWNER).fetch_one(&mut *tx).await?;
        tx.commit().await?;
        Ok(owner)
    }
}
