//! Who was champion when.

use lineal_kernel::{Caller, FieldError, ModelName, PageRequest, Slot, Timestamp};

use crate::{
    Registry,
    domain::{
        error::RegistryError,
        history::{Occupant, Tenure},
    },
    store::Page,
};

impl Registry {
    /// Who held a slot at a moment, or holds it now.
    pub(crate) async fn champion_at(
        &self,
        caller: &Caller,
        model: &ModelName,
        slot: &Slot,
        moment: Option<Timestamp>,
    ) -> Result<Occupant, RegistryError> {
        let now = self.clock.now();
        let moment = moment.unwrap_or(now);
        if moment > now {
            return Err(FieldError::new("time", format!("{moment} is still to come")).into());
        }
        self.model(caller, model).await?;
        Ok(self.store.occupant(&caller.tenant, model, slot, moment).await?)
    }

    /// The champions of a slot, latest reign first.
    pub(crate) async fn reigns(
        &self,
        caller: &Caller,
        model: &ModelName,
        slot: &Slot,
        page: &PageRequest,
    ) -> Result<Page<Tenure>, RegistryError> {
        self.model(caller, model).await?;
        Ok(self.store.tenures(&caller.tenant, model, slot, page).await?)
    }
}
