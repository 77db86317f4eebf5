//! Versions as a walk shows them: a few columns of each, for hundreds at once.

use std::collections::HashMap;

use lineal_kernel::{Digest, TenantId};
use sqlx::Row;

use super::{
    DbRow, Store, aliases, checks, lineage, promotions,
    rows::{self, Read},
    views,
};
use crate::{
    domain::{
        lineage::{Relative, VersionName},
        version::{DisplayState, VersionState},
    },
    store::Result,
};

/// These versions, in this order.
pub(super) async fn of(store: &Store, tenant: &TenantId, names: &[VersionName]) -> Result<Vec<Relative>> {
    let mut tx = store.db.snapshot().await?;
    let each = || names.iter().map(|(model, number)| (model, *number));
    let mut sql = rows::named(each());
    sql.push(
        "SELECT v.model, v.number, v.label, v.family, v.digest, v.state, v.created_us, r.taint IS NOT NULL AS tainted \
         FROM named n CROSS JOIN versions v LEFT JOIN runs r ON r.tenant = v.tenant AND r.run_id = v.run_id \
         WHERE v.model = n.model AND v.number = n.number AND v.tenant = ",
    );
    let found = sql.push_bind(tenant.as_str()).build().fetch_all(&mut *tx).await?;
    let aliases = views::about(&mut tx, tenant, each(), views::ALIASES, aliases::alias).await?;
    let reigns = views::about(&mut tx, tenant, each(), views::REIGNS, promotions::reign).await?;
    let bundles = found.iter().map(|row| row.parsed("digest")).collect::<Result<Vec<Digest>>>()?;
    let checks = checks::of(&mut tx, tenant, bundles.iter().copied()).await?;
    let relative = |(row, digest): (&DbRow, Digest)| {
        let name = lineage::name(row, "model", "number")?;
        let points = aliases.get(&name).map_or(&[][..], Vec::as_slice);
        let reigns = reigns.get(&name).map_or(&[][..], Vec::as_slice);
        let state = row.parsed::<VersionState>("state")?;
        let relative = Relative {
            label: row.text("label")?,
            family: row.text("family")?,
            digest,
            state: DisplayState::of(state, points, reigns, checks.get(&digest)),
            tainted: row.try_get("tainted")?,
            created: row.moment("created_us")?,
            name,
        };
        Ok((relative.name.clone(), relative))
    };
    let mut found = found.iter().zip(bundles).map(relative).collect::<Result<HashMap<_, _>>>()?;
    Ok(names.iter().filter_map(|name| found.remove(name)).collect())
}
