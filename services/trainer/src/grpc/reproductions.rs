//! `ReproductionService`.

use std::pin::Pin;

use async_trait::async_trait;
use futures::{Stream, StreamExt as _};
use lineal_kernel::{Digest, FieldError, FieldErrors, ModelName};
use lineal_proto::lineal::trainer::v1::{self as pb, reproduction_service_server::ReproductionService};
use tonic::{Request, Response, Status};

use super::{TrainerGrpc, status};
use crate::domain::{ReproduceVersion, Reproduction, Stage, Verdict};

/// More threads help no fit.
const MAX_THREADS: u32 = 256;

#[async_trait]
impl ReproductionService for TrainerGrpc {
    type ReproduceVersionStream = Pin<Box<dyn Stream<Item = Result<pb::ReproduceVersionResponse, Status>> + Send>>;

    async fn reproduce_version(
        &self,
        request: Request<pb::ReproduceVersionRequest>,
    ) -> Result<Response<Self::ReproduceVersionStream>, Status> {
        let command = command(&request.into_inner()).map_err(status::invalid)?;
        let known = self.app.reproduce(command).await.map_err(status::from_error)?;
        let answers = known.map(|known| match known {
            Ok(known) => Ok(pb::ReproduceVersionResponse { reproduction: Some(reproduction(&known)) }),
            Err(error) => Err(status::from_error(error)),
        });
        Ok(Response::new(Box::pin(answers)))
    }
}

fn command(request: &pb::ReproduceVersionRequest) -> Result<ReproduceVersion, FieldErrors> {
    let mut errors = FieldErrors::default();
    let model = errors.check(ModelName::new(&request.model).map_err(|error| error.under("model")));
    if request.number == 0 {
        errors.0.push(FieldError::new("number", "versions are numbered from 1"));
    }
    if request.threads > MAX_THREADS {
        errors.0.push(FieldError::new("threads", format!("at most {MAX_THREADS}; 0 for as many as jobs get")));
    }
    let threads = Some(request.threads as usize).filter(|threads| *threads > 0);
    errors.into_result(|| Some(ReproduceVersion { model: model?, number: request.number, threads }))
}

fn reproduction(known: &Reproduction) -> pb::Reproduction {
    pb::Reproduction {
        model: known.model.to_string(),
        number: known.number,
        run_id: known.run_id.clone(),
        threads: u32::try_from(known.threads).unwrap_or(u32::MAX),
        verdicts: known.verdicts.iter().map(verdict).collect(),
        done: known.done(),
        reproduced: known.reproduced(),
        differs_at: known.differs_at().map_or(pb::ReproductionStep::Unspecified, step).into(),
        code_differences: known.code_differences.clone(),
    }
}

fn verdict(verdict: &Verdict) -> pb::StepVerdict {
    let text = |digest: Option<Digest>| digest.map(|digest| digest.to_string()).unwrap_or_default();
    let comparisons = verdict.comparisons.iter().map(|comparison| pb::DigestComparison {
        subject: comparison.subject.clone(),
        recorded: text(comparison.recorded),
        found: text(comparison.found),
        same: comparison.same(),
    });
    pb::StepVerdict {
        step: step(verdict.stage).into(),
        same: verdict.same(),
        comparisons: comparisons.collect(),
        problem: verdict.problem.clone().unwrap_or_default(),
    }
}

fn step(stage: Stage) -> pb::ReproductionStep {
    match stage {
        Stage::Load => pb::ReproductionStep::Load,
        Stage::Split => pb::ReproductionStep::Split,
        Stage::Features => pb::ReproductionStep::Features,
        Stage::Fit => pb::ReproductionStep::Fit,
        Stage::Bundle => pb::ReproductionStep::Bundle,
    }
}
