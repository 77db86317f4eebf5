//! Versions as a walk shows them: a few columns of each, for hundreds at once, in one statement.

use std::collections::HashMap;

use lineal_db::StoreError;
use lineal_kernel::{TenantId, Timestamp};

use super::{
    Store,
    display::{Among, Standing},
    lineage, rows,
};
use crate::{
    domain::lineage::{Relative, VersionName},
    store::Result,
};

const COLUMNS: [&str; 8] = ["model", "number", "label", "family", "digest", "created_us", "taints", "display"];

/// These versions, in this order.
pub(super) async fn of(store: &Store, tenant: &TenantId, names: &[VersionName]) -> Result<Vec<Relative>> {
    let mut sql = rows::named(names.iter().map(|(model, number)| (model, *number)));
    rows::gather(&mut sql, &COLUMNS, |sql| {
        sql.push("SELECT v.model, v.number, v.label, v.family, v.digest, v.created_us, ");
        Standing { tenant, among: Among::Named }.word(sql);
        sql.push(" AS display, CASE WHEN v.run_id IN (SELECT run_id FROM runs WHERE taint IS NOT NULL AND tenant = ");
        sql.push_bind(tenant.as_str()).push(") THEN 1 ELSE 0 END AS taints FROM named n CROSS JOIN versions v ");
        sql.push("WHERE v.model = n.model AND v.number = n.number AND v.tenant = ").push_bind(tenant.as_str());
    });
    let text: String = sql.build_query_scalar().fetch_one(store.db.reader()).await?;
    let by_name = |words| relative(words).map(|relative| (relative.name.clone(), relative));
    let mut found = rows::gathered(&text).map(|words| by_name(words?)).collect::<Result<HashMap<_, _>>>()?;
    Ok(names.iter().filter_map(|name| found.remove(name)).collect())
}

fn relative([model, number, label, family, digest, created_us, taints, display]: [&str; 8]) -> Result<Relative> {
    let unreadable = |column: &str, word: &str| StoreError::corrupt(format!("`{word}` is no {column}"));
    Ok(Relative {
        name: lineage::version(model, number)?,
        label: label.to_owned(),
        family: family.to_owned(),
        digest: digest.parse().map_err(|_| unreadable("digest", digest))?,
        state: display.parse().map_err(|_| unreadable("display state", display))?,
        tainted: taints != "0",
        created: Timestamp::from_micros(created_us.parse().map_err(|_| unreadable("time", created_us))?),
    })
}
