//! Training a version again, beside what was recorded.

use std::sync::Arc;

use async_stream::try_stream;
use futures::Stream;

use super::{App, steps::Repetition};
use crate::domain::{ReproduceVersion, Reproduction, TrainerError, Verdict, code_differences};

impl App {
    /// Goes through the training of a version again. After each step comes what is known by then; the last one is the result.
    pub(crate) async fn reproduce(
        self: &Arc<Self>,
        command: ReproduceVersion,
    ) -> Result<impl Stream<Item = Result<Reproduction, TrainerError>> + Send + use<>, TrainerError> {
        let ReproduceVersion { model, number, threads } = command;
        let recorded = self.recorded(&model, number).await?;
        let mut known = Reproduction {
            model,
            number,
            run_id: recorded.version.run_id.clone(),
            threads: threads.unwrap_or(self.settings.threads),
            verdicts: Vec::new(),
            code_differences: code_differences(&recorded.version.environment, &self.environment()),
        };
        let app = Arc::clone(self);
        Ok(try_stream! {
            let turn = app.stopping.run_until_cancelled(app.reproductions.acquire()).await;
            let _turn = turn.and_then(Result::ok).ok_or(TrainerError::Stopping)?;
            let mut repetition = Repetition::new(&app, &recorded, known.threads);
            loop {
                let step = app.stopping.run_until_cancelled(repetition.step()).await;
                let Some((stage, found)) = step.ok_or(TrainerError::Stopping)? else { return };
                let found = match found {
                    Err(error) if error.is_elsewhere() => Err(error.told())?,
                    found => found.map_err(|error| error.chain()),
                };
                known.verdicts.push(Verdict::of(stage, &recorded.facts(stage), found));
                yield known.clone();
            }
        })
    }
}
