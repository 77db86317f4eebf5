//! The members before this one: fetched, and asked for their answers.

use std::collections::BTreeMap;

use lineal_bundles::{FetchError, Fetched};
use lineal_data::{Column, Frame};
use lineal_kernel::{Digest, ModelName};
use lineal_models::{Bundle, Chain, Upstream as Answers};

use super::{Execution, StepError, load::Loaded};
use crate::{
    app::{App, failure::blocking},
    domain::{JobSpec, Upstream},
    registry::RegistryError,
};

/// Everything upstream of a member; nothing for a model that stands alone.
#[derive(Debug, Clone, Default)]
pub(super) struct Upstreams {
    /// The versions it takes answers of, with their numbers.
    pub(super) references: Vec<Upstream>,
    /// What of them it takes.
    pub(super) answers: Vec<Answers>,
    /// The bundles of all members before it by their names in the chain, upstream first.
    pub(super) bundles: Vec<(String, Bundle)>,
    /// The snapshots that the versions were trained on.
    data: Vec<Digest>,
}

impl App {
    /// Fetches the versions that `spec` names, or the champions of its slot, and the members before them.
    pub(super) async fn upstreams(&self, spec: &JobSpec) -> Result<Upstreams, StepError> {
        let mut found = Upstreams::default();
        for Upstream { model, number } in &spec.upstreams {
            let number = match number {
                0 => self.registry.champion(model, &spec.slot).await?,
                number => *number,
            };
            if number == 0 {
                return Err(StepError::NoChampion { model: model.clone(), slot: spec.slot.clone() });
            }
            let version = self.registry.version(model, number).await?;
            let bundle = self.bundle(model, number, version.digest).await?;
            for named in &bundle.manifest().upstreams {
                let before = Fetched::upstream(&*self.registry, named).await;
                found.add(named.member.clone(), assembled(model, number, before).await?)?;
            }
            let classes = bundle.manifest().decision.classes();
            found.answers.push(Answers { member: model.to_string(), classes });
            found.add(model.to_string(), bundle)?;
            found.references.push(Upstream { model: model.clone(), number });
            found.data.push(version.data);
        }
        Ok(found)
    }

    /// The bundle of a version, signed as the configuration asks for.
    pub(in crate::app) async fn bundle(
        &self,
        model: &ModelName,
        number: u64,
        digest: Digest,
    ) -> Result<Bundle, StepError> {
        let fetched = Fetched::fetch(&*self.registry, &self.settings.signatures, digest).await;
        assembled(model, number, fetched).await
    }
}

/// What was fetched for a version.
async fn assembled(
    model: &ModelName,
    number: u64,
    fetched: Result<Fetched, FetchError<RegistryError>>,
) -> Result<Bundle, StepError> {
    let about = |error| StepError::Version { model: model.clone(), number, source: Box::new(error) };
    let fetched = fetched.map_err(about)?;
    let bundle = blocking(move || Ok(fetched.assemble())).await?;
    bundle.map_err(|error| about(error.into()))
}

impl Execution<'_> {
    /// Says which upstreams were trained on other rows than these; their names.
    pub(super) async fn stale(&self, upstreams: &Upstreams, loaded: &Loaded) -> Result<Vec<String>, StepError> {
        let data = loaded.snapshot.digest;
        let others = upstreams.references.iter().zip(&upstreams.data).filter(|(_, trained_on)| **trained_on != data);
        let names: Vec<_> = others.map(|(upstream, _)| format!("{}/{}", upstream.model, upstream.number)).collect();
        for name in &names {
            let message = format!("warning: {name} was trained on other rows than these; train it again on them first");
            self.note(1.0, BTreeMap::new(), &message).await?;
        }
        Ok(names)
    }
}

impl Upstreams {
    /// The classes that a member of these gives probabilities for; none where nothing is upstream.
    pub(super) fn classes(&self) -> Option<&[String]> {
        self.answers.first().map(|answers| answers.classes.as_slice())
    }

    /// The same member once, another one of the same name never.
    fn add(&mut self, member: String, bundle: Bundle) -> Result<(), StepError> {
        match self.bundles.iter().find(|(known, _)| *known == member) {
            Some((_, known)) if known.digest() != bundle.digest() => Err(StepError::Forked { member }),
            Some(_) => Ok(()),
            None if !bundle.manifest().is_member() => Err(StepError::Alone { model: member }),
            None => {
                self.bundles.push((member, bundle));
                Ok(())
            }
        }
    }

    /// `rows` with a column for each number that the members answer.
    pub(super) fn answered(&self, rows: Frame) -> Result<Frame, StepError> {
        if self.bundles.is_empty() {
            return Ok(rows);
        }
        let member = |(name, bundle): &(String, Bundle)| Ok((name.clone(), bundle.member()?));
        let members = self.bundles.iter().map(member).collect::<Result<_, StepError>>()?;
        let mut rows = rows;
        for answer in Chain::new(members)?.evaluate(&rows)? {
            for output in answer.outputs.into_iter().filter(|output| output.column.shape.is_empty()) {
                rows.push(Answers::column(&answer.member, &output.column.name), Column::Numbers(output.values))?;
            }
        }
        Ok(rows)
    }
}
