//! Judging a version.

use lineal_db::StoreError;
use lineal_kernel::{Caller, Digest, ModelName, RequestId, Slot, VersionNumber};

use super::{
    App,
    fetch::Contender,
    measure::{Case, Measured, Opponent},
};
use crate::{
    domain::{Champion, Conditions, Policy, Reference, Report, ReportId, Rival, Role, ValidatorError, judge},
    registry::{Pointer, Version},
};

/// Judge this version for this slot.
#[derive(Debug, Clone)]
pub(crate) struct Validate {
    pub(crate) model: ModelName,
    pub(crate) slot: Slot,
    pub(crate) number: VersionNumber,
    /// `None` for those of the model's settings.
    pub(crate) conditions: Option<Conditions>,
    pub(crate) request_id: RequestId,
}

/// What the registry says before anything is fetched.
struct Facts {
    version: Version,
    champion: Option<Pointer>,
    reference: Digest,
}

impl Validate {
    /// The stored answer to this very request; the same key on another request is a mistake of the caller.
    fn answered_by(&self, report: Report) -> Result<Report, ValidatorError> {
        let same = (&report.model, &report.slot, report.number) == (&self.model, &self.slot, self.number);
        // Without conditions of its own, the request took what the settings said then.
        let judged = match (&self.conditions, report.settings) {
            (Some(conditions), None) => conditions.became(&report.policy),
            (None, None) => Conditions::default().became(&report.policy),
            (conditions, Some(_)) => conditions.is_none(),
        };
        if same && judged {
            Ok(report)
        } else {
            Err(ValidatorError::RequestIdReused { request_id: self.request_id.clone() })
        }
    }
}

impl App {
    /// Judges once per request: a request that failed after its report was stored is taken up there, and a repeated one
    /// gets the first report.
    pub(crate) async fn validate(&self, caller: &Caller, command: Validate) -> Result<Report, ValidatorError> {
        let report = match self.store.answer(caller, &command.request_id).await? {
            Some(report) => command.answered_by(report)?,
            None => self.judge(caller, &command).await?,
        };
        self.registry.record(&report).await?;
        Ok(report)
    }

    async fn judge(&self, caller: &Caller, command: &Validate) -> Result<Report, ValidatorError> {
        let facts = self.facts(command).await?;
        let (case, settings) = self.case(command, &facts).await?;
        let (reference, policy) = (facts.reference, case.policy.clone());
        let measured = tokio::task::spawn_blocking(move || case.measure()).await??;
        let report = self.report_on(caller, command, &facts, (policy, settings), measured);
        tracing::info!(model = %report.model, number = %report.number, %reference, passed = report.passed(), "judged");
        match self.store.insert(&report, &command.request_id).await {
            Ok(()) => Ok(report),
            // The same request came in twice at once: the first report counts.
            Err(StoreError::Conflict) => {
                let first = self.store.answer(caller, &command.request_id).await?;
                command.answered_by(first.ok_or(StoreError::Conflict)?)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn facts(&self, command: &Validate) -> Result<Facts, ValidatorError> {
        let Validate { model, slot, number, .. } = command;
        let version = self.registry.version(model, *number).await?;
        let version =
            version.ok_or_else(|| ValidatorError::VersionNotFound { model: model.clone(), number: *number })?;
        let reference = version.reference.ok_or_else(|| unusable(command, "the version's lineage names none"))?;
        Ok(Facts { version, champion: self.registry.champion(model, slot).await?, reference })
    }

    /// What is to be measured, and the settings that the policy comes from.
    async fn case(&self, command: &Validate, facts: &Facts) -> Result<(Case, Option<Digest>), ValidatorError> {
        let Validate { model, number, .. } = command;
        let contender = |role, number, digest| Contender { role, model: model.clone(), number, digest };
        let candidate = self.bundle(contender(Role::Candidate, *number, facts.version.digest)).await?;
        let (policy, settings) = self.policy(command, candidate.manifest().task).await?;
        let trained_with = candidate.manifest().split.reference;
        if trained_with != facts.reference {
            let problem = format!("its lineage names {}, its bundle {trained_with}", facts.reference);
            return Err(unusable(command, &problem));
        }
        let opponent = match facts.champion {
            None => Opponent::Nobody(Rival::Absent),
            Some(champion) if champion.number == *number => Opponent::Nobody(Rival::Itself),
            Some(_) if policy.skip_comparison => Opponent::Nobody(Rival::Skipped),
            Some(champion) => {
                let champion = contender(Role::Champion, champion.number, champion.digest);
                Opponent::Champion(Box::new(self.bundle(champion).await?))
            }
        };
        let reference = self.reference(model, *number, facts.reference).await?;
        Ok((Case { policy, candidate, opponent, reference, reference_digest: facts.reference }, settings))
    }

    fn report_on(
        &self,
        caller: &Caller,
        command: &Validate,
        facts: &Facts,
        (policy, settings): (Policy, Option<Digest>),
        measured: Measured,
    ) -> Report {
        let Measured { candidate, rival } = measured;
        let now = self.clock.now();
        Report {
            id: ReportId::fresh(now),
            tenant: caller.tenant.clone(),
            model: command.model.clone(),
            slot: command.slot.clone(),
            number: command.number,
            digest: facts.version.digest,
            champion: facts.champion.map(|Pointer { number, digest }| Champion {
                number,
                digest,
                metrics: rival.metrics().cloned().unwrap_or_default(),
                test: rival.test().cloned(),
            }),
            reference: Reference { digest: facts.reference, rows: candidate.rows as u64 },
            gates: judge(&policy, &candidate, &rival),
            metrics: candidate.metrics,
            policy,
            settings,
            actor: caller.actor.clone(),
            create_time: now,
        }
    }
}

fn unusable(command: &Validate, problem: &str) -> ValidatorError {
    ValidatorError::ReferenceUnusable {
        model: command.model.clone(),
        number: command.number,
        problem: problem.to_owned(),
    }
}
