//! Steps between versions, and what runs made.

use std::{borrow::Cow, sync::Arc};

use lineal_db::{DatabaseUrl, Postgres, Sqlite};
use lineal_registry::{
    domain::{
        lineage::{Direction, Lineage, Relation, VersionName},
        version::{CreateVersion, Version},
    },
    store::{PostgresStore, SqliteStore},
};
use sqlx::migrate::Migrator;

use crate::fixture::{Store, entry, model, number, postgres_url, register, tenant, version};

async fn made(store: &Store, name: &str, parent_number: u64, upstreams: &[VersionName]) -> Version {
    let plain = version(name);
    let lineage = Lineage { parent_number, ..plain.lineage.clone() };
    let wish = CreateVersion { upstreams: upstreams.to_vec(), lineage, ..plain };
    store.create_version(&tenant(), &wish, 42, &entry("create_version")).await.unwrap()
}

pub(crate) async fn steps_are_found_from_both_ends(store: &Store) {
    // F18
    let poisson = |n| (model("poisson"), number(n));
    made(store, "poisson", 0, &[]).await;
    made(store, "poisson", 1, &[]).await;
    made(store, "blending", 0, &[poisson(2), poisson(1)]).await;
    let blending = (model("blending"), number(1));
    let edges = async |from: &[VersionName], direction, limit| {
        let edges = store.edges(&tenant(), from, direction, limit).await.unwrap();
        edges.into_iter().map(|edge| (edge.from, edge.to, edge.relation)).collect::<Vec<_>>()
    };
    let steps = [
        (blending.clone(), poisson(2), Relation::Upstream),
        (blending.clone(), poisson(1), Relation::Upstream),
        (poisson(2), poisson(1), Relation::Parent),
    ];
    assert_eq!(edges(&[poisson(2), blending.clone()], Direction::Ancestors, 10).await, steps);
    assert_eq!(edges(&[poisson(2), blending.clone()], Direction::Ancestors, 2).await, steps[..2]);
    assert_eq!(edges(&[poisson(1)], Direction::Descendants, 10).await, [steps[1].clone(), steps[2].clone()]);
    assert_eq!(edges(&[], Direction::Ancestors, 10).await, []);

    let named = [poisson(1), (model("nobody"), number(1)), blending];
    let views = store.versions_named(&tenant(), &named).await.unwrap();
    let names: Vec<_> = views.iter().map(|view| (view.version.model.as_str(), view.version.number.get())).collect();
    assert_eq!(names, [("poisson", 1), ("blending", 1)]);
}

pub(crate) async fn a_run_finds_what_it_made(store: &Store) {
    // F32
    register(store, "poisson").await;
    register(store, "blending").await;
    let made = store.versions_of_run(&tenant(), "run-1").await.unwrap();
    assert_eq!(made, [(model("blending"), number(1)), (model("poisson"), number(1))]);
    assert_eq!(store.versions_of_run(&tenant(), "run-2").await.unwrap(), []);
}

/// A schema from before versions had edges.
fn before(all: &Migrator) -> Migrator {
    let migrations = all.iter().filter(|migration| migration.version <= 3).cloned().collect();
    Migrator { migrations: Cow::Owned(migrations), ..Migrator::DEFAULT }
}

macro_rules! fill {
    ($database:expr) => {{
        let database = $database;
        let mut tx = database.begin().await.unwrap();
        let model = "INSERT INTO models (tenant, name, description, latest_version, created_us) \
             VALUES ('default', 'churn', '', 2, 1)";
        sqlx::query(model).execute(&mut *tx).await.unwrap();
        for (number, parent, upstreams) in [(1_i64, 0_u64, "[]"), (2, 1, r#"[["churn",1]]"#)] {
            let lineage = Lineage { parent_number: parent, ..version("churn").lineage };
            sqlx::query(
                "INSERT INTO versions (tenant, model, number, label, family, digest, size_bytes, state, metrics, \
                 description, tags, upstreams, lineage, created_us) \
                 VALUES ('default', 'churn', $1, $2, 'poisson', '', 1, 'trained', '{}', '', '{}', $3, $4, 1)",
            )
            .bind(number)
            .bind(format!("poisson-{number}"))
            .bind(upstreams)
            .bind(serde_json::to_string(&lineage).unwrap())
            .execute(&mut *tx)
            .await
            .unwrap();
        }
        tx.commit().await.unwrap();
        database.close().await;
    }};
}

async fn check(store: Store) {
    let churn = |n| (model("churn"), number(n));
    let edges = store.edges(&tenant(), &[churn(2)], Direction::Ancestors, 10).await.unwrap();
    let relations: Vec<_> = edges.iter().map(|edge| edge.relation).collect();
    assert_eq!(relations, [Relation::Parent, Relation::Upstream]);
    assert!(edges.iter().all(|edge| edge.to == churn(1)));
    assert_eq!(store.edges(&tenant(), &[churn(1)], Direction::Ancestors, 10).await.unwrap(), []);
    assert_eq!(store.versions_of_run(&tenant(), "run-1").await.unwrap(), [churn(1), churn(2)]);
    assert_eq!(store.claim("prod").await.unwrap(), "prod");
    store.close().await;
}

#[tokio::test]
async fn versions_of_earlier_schemas_get_their_steps_in_sqlite() {
    // F43, F163
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(folder.path().join("registry.db"));
    fill!(Sqlite::open(&url, &before(&sqlx::migrate!("./migrations/sqlite"))).await.unwrap());
    check(Arc::new(SqliteStore::open(&url).await.unwrap())).await;
}

#[tokio::test]
async fn versions_of_earlier_schemas_get_their_steps_in_postgres() {
    // F43, F163
    let url = postgres_url();
    fill!(Postgres::open(&url, &before(&sqlx::migrate!("./migrations/postgres"))).await.unwrap());
    check(Arc::new(PostgresStore::open(&url).await.unwrap())).await;
}
