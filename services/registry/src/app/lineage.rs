//! Where versions and predictions come from.

use std::collections::{BTreeSet, VecDeque};

use lineal_kernel::{Caller, ModelName, PageRequest, VersionNumber};

use crate::{
    Registry,
    domain::{
        error::RegistryError,
        lineage::{Edge, Relation},
        prediction::PredictionId,
        promotion::{Promotion, PromotionFilter},
        run::Run,
        version::{Version, VersionView},
    },
};

const MOST_NODES: usize = 300;

/// A walk from one version to those it comes from.
#[derive(Debug)]
pub(crate) struct Walk {
    /// Versions with their distance, nearest first.
    pub(crate) nodes: Vec<(VersionView, u32)>,
    /// Why one leads to another.
    pub(crate) edges: Vec<Edge>,
    /// More was there.
    pub(crate) truncated: bool,
}

/// What is known of a version.
#[derive(Debug)]
pub(crate) struct Explanation {
    pub(crate) version: VersionView,
    pub(crate) run: Option<Run>,
    pub(crate) promotions: Vec<Promotion>,
}

impl Registry {
    /// Walks to parents and upstreams, breadth first, each version once.
    pub(crate) async fn lineage(
        &self,
        caller: &Caller,
        model: &ModelName,
        number: VersionNumber,
        depth: u32,
    ) -> Result<Walk, RegistryError> {
        let start = self.version(caller, model, number).await?;
        let mut walk = Walk { nodes: Vec::new(), edges: Vec::new(), truncated: false };
        let mut seen = BTreeSet::from([(model.clone(), number)]);
        let mut queue = VecDeque::from([(start, 0)]);
        while let Some((view, distance)) = queue.pop_front() {
            for edge in origins(&view.version) {
                if distance == depth || walk.nodes.len() + queue.len() + 1 >= MOST_NODES {
                    walk.truncated = true;
                    break;
                }
                let to = edge.to.clone();
                walk.edges.push(edge);
                if seen.insert(to.clone()) {
                    queue.push_back((self.version(caller, &to.0, to.1).await?, distance + 1));
                }
            }
            walk.nodes.push((view, distance));
        }
        Ok(walk)
    }

    /// Gathers what is known of a version.
    pub(crate) async fn explain(
        &self,
        caller: &Caller,
        model: &ModelName,
        number: VersionNumber,
    ) -> Result<Explanation, RegistryError> {
        let version = self.version(caller, model, number).await?;
        let run = self.store.run(&caller.tenant, &version.version.lineage.run_id).await?;
        let mut promotions = Vec::new();
        let filter = PromotionFilter { model: Some(model.clone()), ..PromotionFilter::default() };
        let mut page = PageRequest { size: 500, after: None };
        loop {
            let found = self.store.promotions(&caller.tenant, &filter, &page).await?;
            let about = |promotion: &Promotion| [promotion.from_number, promotion.to_number].contains(&number.get());
            promotions.extend(found.items.into_iter().filter(about));
            match found.next {
                Some(next) => page.after = Some(next),
                None => return Ok(Explanation { version, run, promotions }),
            }
        }
    }

    /// The version that made a prediction, if it was served then.
    pub(crate) async fn trace(&self, caller: &Caller, id: &PredictionId) -> Result<VersionView, RegistryError> {
        let version = self.version(caller, &id.model, id.number).await?;
        if !self.store.reigned_at(&caller.tenant, &id.model, id.number, id.generation).await? {
            let (model, number, generation) = (id.model.clone(), id.number, id.generation);
            return Err(RegistryError::PredictionNotServed { model, number, generation });
        }
        Ok(version)
    }
}

fn origins(version: &Version) -> Vec<Edge> {
    let from = (version.model.clone(), version.number);
    let parent = VersionNumber::new(version.lineage.parent_number).ok();
    let parent = parent.map(|number| (Relation::Parent, (version.model.clone(), number)));
    let upstreams = version.upstreams.iter().cloned().map(|upstream| (Relation::Upstream, upstream));
    parent.into_iter().chain(upstreams).map(|(relation, to)| Edge { from: from.clone(), to, relation }).collect()
}
