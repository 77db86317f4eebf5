//! Chains: a version and everything whose answers it uses.

use lineal_kernel::{Caller, ModelName, Slot, VersionNumber};

use crate::{
    Registry,
    domain::{
        chains::{self, Link, Member},
        error::RegistryError,
        version::VersionView,
    },
};

/// What a move does to a slot.
#[derive(Debug)]
pub(crate) struct ChainMove {
    /// Upstream versions that become champions with it, upstream first.
    pub(crate) upstreams: Vec<VersionView>,
    /// Those that it uses wherever they stand.
    pub(crate) pinned: Vec<VersionView>,
    /// The same as written down.
    pub(crate) members: Vec<Member>,
}

impl Registry {
    /// The versions that `head` uses, directly or not, upstream first.
    pub(crate) async fn upstreams(
        &self,
        caller: &Caller,
        head: &VersionView,
    ) -> Result<Vec<VersionView>, RegistryError> {
        let mut found: Vec<VersionView> = Vec::new();
        let mut path = vec![(head.clone(), 0)];
        while let Some((view, next)) = path.pop() {
            let Some((model, number)) = view.version.upstreams.get(next).cloned() else {
                if !path.is_empty() {
                    found.push(view);
                }
                continue;
            };
            path.push((view, next + 1));
            if found.iter().any(|known| known.version.model == model && known.version.number == number) {
                continue;
            }
            if found.len() + path.len() == chains::LONGEST {
                let (model, number) = (head.version.model.clone(), head.version.number);
                return Err(RegistryError::ChainTooLong { model, number, longest: chains::LONGEST });
            }
            path.push((self.version(caller, &model, number).await?, 0));
        }
        Ok(found)
    }

    /// A version and everything that it uses, upstream first, itself last.
    pub(crate) async fn chain(
        &self,
        caller: &Caller,
        model: &ModelName,
        number: VersionNumber,
    ) -> Result<Vec<VersionView>, RegistryError> {
        let head = self.version(caller, model, number).await?;
        let mut chain = self.upstreams(caller, &head).await?;
        chain.push(head);
        Ok(chain)
    }

    /// What making `head` champion (or emptying the slot, without one) does to the chain around it; refused if a champion would
    /// be left that uses no champion.
    pub(crate) async fn chain_move(
        &self,
        caller: &Caller,
        model: &ModelName,
        slot: &Slot,
        head: Option<&VersionView>,
    ) -> Result<ChainMove, RegistryError> {
        let (mut upstreams, mut pinned) = (Vec::new(), Vec::new());
        if let Some(head) = head {
            upstreams = self.upstreams(caller, head).await?;
            chains::complete(head, &upstreams)?;
            if head.version.pins_upstreams() {
                pinned = std::mem::take(&mut upstreams);
            }
        }
        let table = self.store.serving_table(&caller.tenant).await?;
        let champions: Vec<Link> =
            table.entries.iter().filter(|entry| entry.alias.reigns_in(slot)).map(Link::from).collect();
        let upstreams: Vec<_> = upstreams.into_iter().filter(|member| !reigns(&champions, member)).collect();
        let members = upstreams.iter().map(|member| Member {
            model: member.version.model.to_string(),
            from_number: champion_of(&champions, &member.version.model),
            to_number: member.version.number.get(),
        });
        let members = members.collect();
        let moved = upstreams.iter().chain(head).map(|view| Link::from(&view.version)).collect();
        chains::intact(&chains::after(champions, moved, head.is_none().then_some(model)))?;
        Ok(ChainMove { upstreams, pinned, members })
    }
}

fn reigns(champions: &[Link], member: &VersionView) -> bool {
    champions.iter().any(|link| link.model == member.version.model && link.number == member.version.number)
}

fn champion_of(champions: &[Link], model: &ModelName) -> u64 {
    champions.iter().find(|link| link.model == *model).map_or(0, |link| link.number.get())
}
