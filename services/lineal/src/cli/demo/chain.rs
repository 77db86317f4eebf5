//! A chain of champions as the registry knows it, and its answers worked out from its bundles alone.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use lineal_bundles::Fetched;
use lineal_data::Frame;
use lineal_models::{Bundle, ServedModel};
use lineal_proto::lineal::registry::v1::{
    GetChainRequest, GetServingTableRequest, Version, alias_service_client::AliasServiceClient,
    version_service_client::VersionServiceClient,
};
use lineal_rpc::Peer;
use lineal_signing::Policy;

use super::stream::Answer;
use crate::cli::{
    format,
    output::{Style, Table, cell, verdict},
};

/// The members that serve together.
pub(super) struct Chain {
    /// The generation of the serving table it was read from.
    pub(super) generation: u64,
    /// Upstream first.
    pub(super) members: Vec<Version>,
    /// Every model and number that is champion in that generation.
    champions: BTreeSet<(String, u64)>,
    /// What each member answers to the row, in bits.
    scores: BTreeMap<String, Vec<u64>>,
}

impl Chain {
    /// The chain that ends in the champion of `head`, and what its members say of `row`.
    pub(super) async fn of(registry: &Peer, head: &str, row: &Frame) -> anyhow::Result<Self> {
        let mut aliases = AliasServiceClient::new(registry.clone());
        let table = aliases.get_serving_table(GetServingTableRequest::default()).await?.into_inner();
        let champion = table.entries.iter().find(|entry| entry.model == head).context("the chain has no champion")?;
        let request = GetChainRequest { model: head.to_owned(), number: champion.number };
        let members = VersionServiceClient::new(registry.clone()).get_chain(request).await?.into_inner().members;
        let mut bundles: Vec<Bundle> = vec![];
        let mut scores = BTreeMap::new();
        for member in &members {
            let bundle = Fetched::fetch(registry, &Policy::default(), member.digest.parse()?).await?.assemble()?;
            let before = |one: &&Bundle| bundle.manifest().upstreams.iter().any(|known| known.digest == one.digest());
            let before: Vec<_> = bundles.iter().filter(before).cloned().collect();
            let answer = ServedModel::load_chain(&bundle, &before)?.score(row)?;
            scores.insert(member.model.clone(), answer.into_iter().map(f64::to_bits).collect());
            bundles.push(bundle);
        }
        let champions = table.entries.into_iter().map(|entry| (entry.model, entry.number)).collect();
        Ok(Self { generation: table.generation, members, champions, scores })
    }

    /// Whether an answer is that of the member of this chain, to the last bit.
    pub(super) fn gave(&self, answer: &Answer) -> bool {
        let member = self.members.iter().find(|member| member.model == answer.model);
        answer.generation == self.generation
            && member.is_some_and(|member| member.number == answer.version)
            && self.scores.get(&answer.model) == Some(&answer.scores)
    }

    /// Whether every member is champion and uses champions only.
    pub(super) fn is_whole(&self) -> bool {
        self.members.iter().all(|member| self.is_champion(&member.model, member.number) && self.uses_champions(member))
    }

    /// The members with what each one uses, upstream first.
    pub(super) fn table(&self, style: Style) -> String {
        let mut table = Table::new(style, &["CHAMPION", "BUNDLE", "SNAPSHOT", "USES", "USES CHAMPIONS ONLY"]);
        for member in &self.members {
            let uses = member.upstreams.iter().map(|used| format!("{} {}", used.model, used.number));
            table.add([
                cell(format!("{} {}", member.model, member.number)),
                cell(format::digest(&member.digest)),
                cell(member.lineage.as_ref().map(|lineage| format::digest(&lineage.data_digest)).unwrap_or_default()),
                cell(uses.collect::<Vec<_>>().join(", ")),
                verdict(self.uses_champions(member), "yes", "no"),
            ]);
        }
        table.render()
    }

    fn uses_champions(&self, member: &Version) -> bool {
        member.upstreams.iter().all(|used| self.is_champion(&used.model, used.number))
    }

    fn is_champion(&self, model: &str, number: u64) -> bool {
        self.champions.contains(&(model.to_owned(), number))
    }
}

#[cfg(test)]
mod tests {
    use lineal_proto::lineal::registry::v1::VersionReference;

    use super::*;

    fn chain() -> Chain {
        let member = |model: &str, number, upstream: Option<(&str, u64)>| Version {
            model: model.to_owned(),
            number,
            upstreams: upstream
                .map(|(model, number)| VersionReference { model: model.to_owned(), number })
                .into_iter()
                .collect(),
            ..Version::default()
        };
        Chain {
            generation: 2,
            members: vec![member("goals", 3, None), member("forecast", 2, Some(("goals", 3)))],
            champions: [("goals".to_owned(), 3), ("forecast".to_owned(), 2)].into(),
            scores: [("goals".to_owned(), vec![1, 2]), ("forecast".to_owned(), vec![3, 4])].into(),
        }
    }

    #[test]
    fn an_answer_of_another_chain_is_told_from_one_of_this() {
        let own = Answer { generation: 2, model: "forecast".to_owned(), version: 2, scores: vec![3, 4] };
        assert!(chain().gave(&own));
        for other in [
            Answer { generation: 1, ..own.clone() },
            Answer { version: 1, ..own.clone() },
            Answer { scores: vec![3, 5], ..own.clone() },
            Answer { model: "goals".to_owned(), ..own.clone() },
        ] {
            assert!(!chain().gave(&other), "{other:?}");
        }
    }

    #[test]
    fn a_chain_is_whole_if_its_members_are_champions_and_use_champions() {
        assert!(chain().is_whole());
        let mut stale = chain();
        stale.members[1].upstreams[0].number = 2;
        assert!(!stale.is_whole());
        let mut left = chain();
        left.champions.remove(&("forecast".to_owned(), 2));
        assert!(!left.is_whole());
        assert_eq!(
            stale.table(Style::default()),
            "CHAMPION    BUNDLE  SNAPSHOT  USES     USES CHAMPIONS ONLY\n\
             goals 3                                yes\n\
             forecast 2                    goals 2  no\n"
        );
    }
}
