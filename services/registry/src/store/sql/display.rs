//! The one place where a database decides what
//! [`VersionView::display_state`](crate::domain::version::VersionView::display_state) decides for a version in hand.

use lineal_kernel::{ModelName, TenantId};

use super::Sql;
use crate::domain::display::{CANARY, DisplayState};

const CHAMPION: &str = "champion";
const ENDED: &str = "IS NOT NULL";
const GAVE_WAY: &str = "= 'promote'";

/// What others make of versions `v`, asked of all others at once and not for each version again.
pub(super) struct Standing<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) among: Among<'a>,
}

/// Which models the versions may be of.
pub(super) enum Among<'a> {
    Any,
    Model(&'a ModelName),
    /// Those of `WITH named (model, number)`.
    Named,
}

impl Standing<'_> {
    /// A condition: versions that show `state`.
    pub(super) fn is(&self, sql: &mut Sql, state: DisplayState) {
        match state {
            DisplayState::Production => self.aliased(sql, "IN", CHAMPION),
            DisplayState::Failed => {
                sql.push("v.state = 'failed' AND ");
                self.aliased(sql, "NOT IN", CHAMPION);
            }
            DisplayState::Canary => {
                self.unfailed(sql);
                self.aliased(sql, "IN", CANARY);
            }
            DisplayState::RollbackCandidate | DisplayState::Archived | DisplayState::Staging => {
                self.unfailed(sql);
                self.aliased(sql, "NOT IN", CANARY);
                sql.push(if state == DisplayState::Staging { " AND NOT " } else { " AND " });
                match state {
                    DisplayState::RollbackCandidate => self.candidate(sql),
                    DisplayState::Archived => {
                        self.left(sql, ENDED);
                        sql.push(" AND NOT ");
                        self.candidate(sql);
                    }
                    _ => self.left(sql, ENDED),
                }
            }
        }
    }

    /// A value: the word that a version shows.
    pub(super) fn word(&self, sql: &mut Sql) {
        sql.push("CASE WHEN ");
        self.aliased(sql, "IN", CHAMPION);
        sql.push(" THEN 'production' WHEN v.state = 'failed' THEN 'failed' WHEN ");
        self.aliased(sql, "IN", CANARY);
        sql.push(" THEN 'canary' WHEN ");
        self.candidate(sql);
        sql.push(" THEN 'rollback_candidate' WHEN ");
        self.left(sql, ENDED);
        sql.push(" THEN 'archived' ELSE 'staging' END");
    }

    fn unfailed(&self, sql: &mut Sql) {
        sql.push("v.state <> 'failed' AND ");
        self.aliased(sql, "NOT IN", CHAMPION);
        sql.push(" AND ");
    }

    fn aliased(&self, sql: &mut Sql, within: &str, alias: &'static str) {
        sql.push(format!("(v.model, v.number) {within} (SELECT model, number FROM aliases"));
        self.within(sql);
        sql.push(format!(" AND name = '{alias}')"));
    }

    /// Whether it left healthy and its files are whole, as far as is known.
    fn candidate(&self, sql: &mut Sql) {
        sql.push("(");
        self.left(sql, GAVE_WAY);
        sql.push(" AND v.digest NOT IN (SELECT digest FROM bundle_checks WHERE problem <> '' AND tenant = ");
        sql.push_bind(self.tenant.as_str()).push("))");
    }

    /// Whether the last time as champion ended, and how.
    fn left(&self, sql: &mut Sql, ended_by: &str) {
        sql.push("(v.model, v.number) IN (SELECT model, number FROM reigns r");
        self.within(sql);
        sql.push(format!(
            " AND ended_by {ended_by} AND NOT EXISTS (SELECT 1 FROM reigns later WHERE later.tenant = r.tenant \
             AND later.model = r.model AND later.number = r.number AND later.from_generation > r.from_generation))"
        ));
    }

    fn within(&self, sql: &mut Sql) {
        sql.push(" WHERE tenant = ").push_bind(self.tenant.as_str());
        match self.among {
            Among::Any => {}
            Among::Model(model) => {
                sql.push(" AND model = ").push_bind(model.as_str());
            }
            Among::Named => {
                sql.push(" AND model IN (SELECT model FROM named)");
            }
        }
    }
}
