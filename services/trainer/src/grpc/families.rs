//! `FamilyService`.

use async_trait::async_trait;
use lineal_models::{
    Family, HyperparameterDescription, HyperparameterKind, MemberDescription, Upstreams, member_families,
};
use lineal_proto::lineal::trainer::v1::{self as pb, family_service_server::FamilyService};
use tonic::{Request, Response, Status};

use super::{TrainerGrpc, convert};
use crate::values::value;

#[async_trait]
impl FamilyService for TrainerGrpc {
    async fn list_families(
        &self,
        _: Request<pb::ListFamiliesRequest>,
    ) -> Result<Response<pb::ListFamiliesResponse>, Status> {
        let models = self.app.families().iter().map(|known| family(*known));
        let families = models.chain(member_families().iter().map(|known| member(&known.describe()))).collect();
        Ok(Response::new(pb::ListFamiliesResponse { families }))
    }
}

fn family(family: &dyn Family) -> pb::Family {
    let description = family.describe();
    let missing = family.check_available().err();
    pb::Family {
        name: description.name.to_owned(),
        title: description.title.to_owned(),
        hyperparameters: description.hyperparameters.iter().map(hyperparameter).collect(),
        tasks: description.tasks.iter().map(|task| convert::task(*task).into()).collect(),
        kind: pb::FamilyKind::Model.into(),
        columns: Vec::new(),
        upstreams: pb::FamilyUpstreams::None.into(),
        available: missing.is_none(),
        unavailable_reason: missing.map(|missing| missing.to_string()).unwrap_or_default(),
    }
}

fn member(description: &MemberDescription) -> pb::Family {
    let upstreams = match description.upstreams {
        Upstreams::None => pb::FamilyUpstreams::None,
        Upstreams::One => pb::FamilyUpstreams::One,
        Upstreams::Several => pb::FamilyUpstreams::Several,
    };
    pb::Family {
        name: description.name.to_owned(),
        title: description.title.to_owned(),
        hyperparameters: description.hyperparameters.iter().map(hyperparameter).collect(),
        tasks: vec![pb::Task::Multiclass.into()],
        kind: pb::FamilyKind::Member.into(),
        columns: description.columns.iter().map(ToString::to_string).collect(),
        upstreams: upstreams.into(),
        available: true,
        unavailable_reason: String::new(),
    }
}

fn hyperparameter(description: &HyperparameterDescription) -> pb::Hyperparameter {
    use HyperparameterKind::{Boolean, Choice, Float, Integer};
    let (kind, range, choices): (_, _, &[&str]) = match description.kind {
        Integer { min, max, .. } => (pb::HyperparameterKind::Integer, Some((min as f64, max as f64)), &[]),
        Float { min, max, .. } => (pb::HyperparameterKind::Float, Some((min, max)), &[]),
        Boolean { .. } => (pb::HyperparameterKind::Boolean, None, &[]),
        Choice { choices, .. } => (pb::HyperparameterKind::Choice, None, choices),
    };
    pb::Hyperparameter {
        name: description.name.to_owned(),
        kind: kind.into(),
        default: Some(value(&description.kind.default_value())),
        minimum: range.map(|(minimum, _)| minimum),
        maximum: range.map(|(_, maximum)| maximum),
        choices: choices.iter().map(|&choice| choice.to_owned()).collect(),
        description: description.doc.to_owned(),
    }
}
