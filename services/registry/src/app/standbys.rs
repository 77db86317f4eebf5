//! Standbys: the way back of each slot, as it was found at the last check.

use lineal_kernel::Caller;

use super::checks::member_problem;
use crate::{
    Registry,
    domain::{error::RegistryError, promotion::Skipped, reign, standby::Standby},
};

impl Registry {
    /// The rollback candidate of every slot that ever had a champion.
    pub(crate) async fn standbys(&self, caller: &Caller) -> Result<Vec<Standby>, RegistryError> {
        let mut standbys = Vec::new();
        for ((model, slot), reigns) in reign::by_slot(self.store.last_reigns(&caller.tenant).await?) {
            let mut standby = Standby { model, slot, chain: Vec::new(), skipped: Vec::new() };
            for number in reign::left_healthy(&reigns) {
                let chain = self.chain(caller, &standby.model, number).await?;
                let flaw = chain.iter().find_map(|view| Some(member_problem(&chain, view, view.flaw()?)));
                let Some(reason) = flaw else {
                    standby.chain = chain;
                    break;
                };
                standby.skipped.push(Skipped { number: number.get(), reason });
            }
            standbys.push(standby);
        }
        Ok(standbys)
    }
}
