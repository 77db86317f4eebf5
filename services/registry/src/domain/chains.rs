//! Chains: versions that use each other's answers, and move as one.

use lineal_kernel::{ModelName, VersionNumber};
use serde::{Deserialize, Serialize};

use super::{
    alias::ServingEntry,
    error::RegistryError,
    version::{Version, VersionView},
};

/// Versions in the longest chain, its last member included; longer ones are a mistake.
pub const LONGEST: usize = 16;

/// What a move does to one upstream member of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The member's model.
    pub model: String,
    /// Its champion before; 0 for none.
    pub from_number: u64,
    /// Its champion afterwards.
    pub to_number: u64,
}

/// A champion and the versions whose answers it uses.
#[derive(Debug, Clone)]
pub struct Link {
    /// The champion's model.
    pub model: ModelName,
    /// Its number.
    pub number: VersionNumber,
    /// What it uses and must reign with it.
    pub upstreams: Vec<(ModelName, VersionNumber)>,
}

impl From<&Version> for Link {
    fn from(version: &Version) -> Self {
        Self { model: version.model.clone(), number: version.number, upstreams: version.companions().to_vec() }
    }
}

impl From<&ServingEntry> for Link {
    fn from(entry: &ServingEntry) -> Self {
        Self::from(&entry.version)
    }
}

/// Checks that a version can become champion with what it uses: `members`, upstream first.
pub fn complete(head: &VersionView, members: &[VersionView]) -> Result<(), RegistryError> {
    for (i, member) in members.iter().enumerate() {
        member.unfailed()?;
        if head.version.pins_upstreams() {
            continue;
        }
        let model = member.version.model.clone();
        let twice = members[..i].iter().chain([head]).any(|other| other.version.model == model);
        if twice {
            return Err(RegistryError::ChainForked { model });
        }
    }
    Ok(())
}

/// Checks that every champion of a slot uses champions of that slot.
pub fn intact(champions: &[Link]) -> Result<(), RegistryError> {
    for link in champions {
        for (model, number) in &link.upstreams {
            let holds = champions.iter().any(|other| other.model == *model && other.number == *number);
            if !holds {
                return Err(RegistryError::ChainBroken {
                    model: link.model.clone(),
                    number: link.number,
                    upstream: model.clone(),
                    upstream_number: *number,
                });
            }
        }
    }
    Ok(())
}

/// The champions of a slot after a move.
pub fn after(champions: Vec<Link>, moved: Vec<Link>, emptied: Option<&ModelName>) -> Vec<Link> {
    let stays = |link: &Link| Some(&link.model) != emptied && moved.iter().all(|new| new.model != link.model);
    let mut all: Vec<Link> = champions.into_iter().filter(stays).collect();
    all.extend(moved);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(model: &str, number: u64, upstreams: &[(&str, u64)]) -> Link {
        let named = |model: &str, number| (ModelName::new(model).unwrap(), VersionNumber::new(number).unwrap());
        let (model, number) = named(model, number);
        Link { model, number, upstreams: upstreams.iter().map(|(model, number)| named(model, *number)).collect() }
    }

    #[test]
    fn champions_use_champions() {
        // F16
        let chain = [
            link("poisson", 1, &[]),
            link("blending", 1, &[("poisson", 1)]),
            link("calibration", 1, &[("blending", 1)]),
        ];
        assert!(intact(&chain).is_ok());

        let torn = after(chain.to_vec(), vec![link("poisson", 2, &[])], None);
        assert!(matches!(
            intact(&torn),
            Err(RegistryError::ChainBroken { model, upstream, .. })
                if model.as_str() == "blending" && upstream.as_str() == "poisson"
        ));
        let whole = vec![link("poisson", 2, &[]), link("blending", 2, &[("poisson", 2)])];
        let half = after(chain.to_vec(), whole.clone(), None);
        assert!(intact(&half).is_err(), "calibration 1 uses blending 1");
        let all = after(chain.to_vec(), [whole, vec![link("calibration", 2, &[("blending", 2)])]].concat(), None);
        assert!(intact(&all).is_ok());

        let emptied = after(chain.to_vec(), Vec::new(), Some(&ModelName::new("poisson").unwrap()));
        assert!(intact(&emptied).is_err());
        let head_gone = after(chain.to_vec(), Vec::new(), Some(&ModelName::new("calibration").unwrap()));
        assert!(intact(&head_gone).is_ok());
    }
}
