//! Reading reports.

use lineal_kernel::{Caller, FieldError, ModelName, PageRequest};

use super::App;
use crate::domain::{Report, ReportId, ReportPage, ValidatorError};

/// Which reports to list.
#[derive(Debug, Clone)]
pub(crate) struct ListReports {
    pub(crate) model: ModelName,
    pub(crate) page: PageRequest,
}

impl App {
    pub(crate) async fn report(&self, caller: &Caller, id: ReportId) -> Result<Report, ValidatorError> {
        self.store.report(&caller.tenant, id).await?.ok_or(ValidatorError::ReportNotFound { id })
    }

    pub(crate) async fn reports(&self, caller: &Caller, query: ListReports) -> Result<ReportPage, ValidatorError> {
        let after = query.page.after.map(|cursor| cursor.parse()).transpose();
        let after = after.map_err(|_| FieldError::new("page_token", "not a token that this service made"))?;
        Ok(self.store.reports(&caller.tenant, &query.model, query.page.size, after).await?)
    }
}
