//! The environment that a database belongs to.

use crate::fixture::Store;

pub(crate) async fn a_database_belongs_to_the_first_environment(store: &Store) {
    // F163
    assert_eq!(store.claim("uat").await.unwrap(), "uat");
    assert_eq!(store.claim("prod").await.unwrap(), "uat");
    assert_eq!(store.claim("uat").await.unwrap(), "uat");
}
