//! Where versions and predictions come from.

use std::collections::HashMap;

use lineal_kernel::{Caller, ModelName, PageRequest, VersionNumber};

use crate::{
    Registry,
    domain::{
        error::RegistryError,
        layout::{Place, places},
        lineage::{Direction, Edge, Relative, VersionName},
        prediction::{Origin, PredictionId},
        promotion::{Promotion, PromotionFilter},
        run::Run,
        version::VersionView,
    },
};

/// More versions than this fit no drawing.
const MOST_NODES: usize = 300;
/// Steps that are followed from one distance to the next. More can only come from versions with very many descendants.
const MOST_STEPS: u32 = 2_000;
/// Steps between the versions that were found.
const MOST_EDGES: u32 = 20_000;

/// A walk from one version along its lineage.
#[derive(Debug)]
pub(crate) struct Walk {
    /// Versions, nearest first.
    pub(crate) nodes: Vec<Node>,
    /// Every edge between them.
    pub(crate) edges: Vec<Edge>,
    /// More was there.
    pub(crate) truncated: bool,
}

/// One version of a walk.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) relative: Relative,
    pub(crate) distance: u32,
    pub(crate) place: Place,
}

/// What a walk has come to so far.
#[derive(Default)]
struct Found {
    names: Vec<VersionName>,
    /// Index and distance of each.
    known: HashMap<VersionName, (usize, u32)>,
    /// Steps from or to each, as far as the walk has looked.
    steps: Vec<Edge>,
    truncated: bool,
}

impl Found {
    /// Takes up a version that is new and still has room.
    fn add(&mut self, name: &VersionName, distance: u32) -> bool {
        if self.known.contains_key(name) {
            return false;
        }
        if self.names.len() == MOST_NODES {
            self.truncated = true;
            return false;
        }
        self.known.insert(name.clone(), (self.names.len(), distance));
        self.names.push(name.clone());
        true
    }

    fn index(&self, name: &VersionName) -> Option<usize> {
        self.known.get(name).map(|(index, _)| *index)
    }
}

/// What is known of a version.
#[derive(Debug)]
pub(crate) struct Explanation {
    pub(crate) version: VersionView,
    pub(crate) run: Option<Run>,
    pub(crate) promotions: Vec<Promotion>,
}

impl Registry {
    /// Walks along edges, breadth first, each version once, at most `depth` steps in each direction. It takes one query for each
    /// distance, however many versions there are.
    pub(crate) async fn lineage(
        &self,
        caller: &Caller,
        model: &ModelName,
        number: VersionNumber,
        depth: u32,
        directions: &[Direction],
    ) -> Result<Walk, RegistryError> {
        let mut found = Found::default();
        found.add(&(model.clone(), number), 0);
        for direction in directions {
            self.spread(caller, &mut found, *direction, depth).await?;
        }
        // Towards ancestors, the walk has seen every step between the versions that it found.
        if directions != [Direction::Ancestors] {
            found.steps = self.store.edges(&caller.tenant, &found.names, Direction::Ancestors, MOST_EDGES).await?;
            found.truncated |= found.steps.len() == MOST_EDGES as usize;
        }
        let steps = std::mem::take(&mut found.steps);
        let ends = |edge: &Edge| found.index(&edge.from).zip(found.index(&edge.to));
        let mut edges: Vec<_> = steps.into_iter().filter_map(|edge| Some((ends(&edge)?, edge))).collect();
        // Stable: what one version comes from keeps its order.
        edges.sort_by_key(|((from, _), _)| *from);
        let (ends, edges): (Vec<_>, Vec<_>) = edges.into_iter().unzip();
        let places = places(found.names.len(), &ends);
        let relatives = self.store.relatives(&caller.tenant, &found.names).await?;
        if relatives.is_empty() {
            self.model(caller, model).await?;
            return Err(RegistryError::VersionNotFound { model: model.clone(), version: number.to_string() });
        }
        let node = |relative: Relative| {
            let (index, distance) = *found.known.get(&relative.name)?;
            Some(Node { relative, distance, place: places[index] })
        };
        Ok(Walk { nodes: relatives.into_iter().filter_map(node).collect(), edges, truncated: found.truncated })
    }

    async fn spread(
        &self,
        caller: &Caller,
        found: &mut Found,
        direction: Direction,
        depth: u32,
    ) -> Result<(), RegistryError> {
        let mut frontier: Vec<VersionName> = found.names.first().cloned().into_iter().collect();
        let mut distance = 0;
        while !frontier.is_empty() {
            let edges = self.store.edges(&caller.tenant, &frontier, direction, MOST_STEPS).await?;
            found.truncated |= edges.len() == MOST_STEPS as usize;
            let mut far = edges.iter().map(|edge| direction.far_end(edge));
            if distance == depth {
                found.truncated |= far.any(|name| !found.known.contains_key(name));
                frontier.clear();
            } else {
                distance += 1;
                frontier = far.filter(|name| found.add(name, distance)).cloned().collect();
            }
            found.steps.extend(edges);
        }
        Ok(())
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
        let promotions = self.moves_of(caller, model, number).await?;
        Ok(Explanation { version, run, promotions })
    }

    /// Moves to and from a version, also those that were refused, newest first.
    pub(crate) async fn moves_of(
        &self,
        caller: &Caller,
        model: &ModelName,
        number: VersionNumber,
    ) -> Result<Vec<Promotion>, RegistryError> {
        let mut promotions = Vec::new();
        let filter = PromotionFilter { model: Some(model.clone()), ..PromotionFilter::default() };
        let mut page = PageRequest { size: 500, after: None };
        loop {
            let found = self.store.promotions(&caller.tenant, &filter, &page).await?;
            let about = |promotion: &Promotion| [promotion.from_number, promotion.to_number].contains(&number.get());
            promotions.extend(found.items.into_iter().filter(about));
            match found.next {
                Some(next) => page.after = Some(next),
                None => return Ok(promotions),
            }
        }
    }

    /// The version that made a prediction, if it was served then or scored that batch, and the generation it was found in.
    pub(crate) async fn trace(&self, caller: &Caller, id: &PredictionId) -> Result<(VersionView, u64), RegistryError> {
        let version = self.version(caller, &id.model, id.number).await?;
        match &id.origin {
            Origin::Generation(generation) => {
                let (model, number, generation) = (id.model.clone(), id.number, *generation);
                if !self.store.served_at(&caller.tenant, &model, number, generation).await? {
                    return Err(RegistryError::PredictionNotServed { model, number, generation });
                }
                Ok((version, generation))
            }
            Origin::Batch(batch_id) => {
                let batch = self.scoring_batch(caller, &id.model, batch_id).await?;
                if batch.number != id.number {
                    let (model, batch_id) = (id.model.clone(), batch_id.clone());
                    return Err(RegistryError::ScoringBatchNotFound { model, batch_id });
                }
                Ok((version, batch.scored.generation))
            }
        }
    }
}
