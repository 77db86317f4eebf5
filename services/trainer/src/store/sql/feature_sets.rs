//! Feature sets.

use async_trait::async_trait;
use lineal_db::StoreError;
use lineal_kernel::{ModelName, Name, Timestamp};
use sqlx::FromRow;

use super::{
    Store,
    rows::{corrupt, json, to_json},
};
use crate::{
    domain::NamedFeatures,
    store::{FeatureSetStore, Result},
};

const INSERT: &str = "\
     INSERT INTO definitions (kind, scope, name, body, actor, create_time) VALUES ('features', $1, $2, $3, $4, $5) \
     ON CONFLICT (kind, scope, name) DO UPDATE SET actor = excluded.actor \
     WHERE definitions.actor = '' AND definitions.body = excluded.body";

macro_rules! select {
    ($condition:literal) => {
        concat!("SELECT scope, body, actor, create_time FROM definitions WHERE kind = 'features' AND ", $condition)
    };
}

const ONE: &str = select!("scope = $1 AND name = $2");
const SEVERAL: &str = select!("scope = $1 AND name > $2 ORDER BY name LIMIT $3");
const CREATED: &str = "SELECT COUNT(*) FROM definitions WHERE kind = 'features' AND scope = $1 AND actor <> ''";

/// A row of `definitions`.
#[derive(FromRow)]
struct FeaturesRow {
    scope: String,
    body: String,
    actor: String,
    create_time: i64,
}

impl TryFrom<FeaturesRow> for NamedFeatures {
    type Error = StoreError;

    fn try_from(row: FeaturesRow) -> Result<Self> {
        Ok(Self {
            model: ModelName::new(&row.scope).map_err(|error| corrupt("scope", error))?,
            set: json("body", &row.body)?,
            actor: row.actor,
            create_time: Timestamp::from_micros(row.create_time),
        })
    }
}

#[async_trait]
impl FeatureSetStore for Store {
    async fn create_feature_set(&self, features: &NamedFeatures) -> Result<NamedFeatures> {
        let (model, name) = (features.model.as_str(), &features.set.version);
        let mut tx = self.db.begin().await?;
        let insert = sqlx::query(INSERT).bind(model).bind(name).bind(to_json(&features.set)?).bind(&features.actor);
        insert.bind(features.create_time.micros()).execute(&mut *tx).await?;
        let known = sqlx::query_as::<_, FeaturesRow>(ONE).bind(model).bind(name).fetch_one(&mut *tx).await?;
        tx.commit().await?;
        known.try_into()
    }

    async fn feature_set(&self, model: &ModelName, name: &Name) -> Result<Option<NamedFeatures>> {
        let query = sqlx::query_as::<_, FeaturesRow>(ONE).bind(model.as_str()).bind(name.as_str());
        query.fetch_optional(self.db.reader()).await?.map(TryInto::try_into).transpose()
    }

    async fn feature_sets(&self, model: &ModelName, after: &str, limit: u32) -> Result<Vec<NamedFeatures>> {
        let query = sqlx::query_as::<_, FeaturesRow>(SEVERAL).bind(model.as_str()).bind(after).bind(i64::from(limit));
        query.fetch_all(self.db.reader()).await?.into_iter().map(TryInto::try_into).collect()
    }

    async fn has_feature_sets(&self, model: &ModelName) -> Result<bool> {
        let query = sqlx::query_scalar::<_, i64>(CREATED).bind(model.as_str());
        Ok(query.fetch_one(self.db.reader()).await? > 0)
    }
}
