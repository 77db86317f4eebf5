//! The end of a batch: its scores summed up, its manifest, its record.

use super::{FinishedBatch, parts::Scored};
use crate::{
    InferenceError,
    app::Replica,
    domain::{Facts, Wanted},
    failpoints::stop_here,
    folder::{BatchFolder, BatchManifest, BatchWish, Distribution, Previous},
    registry::{BatchRecord, RegistryError},
};
use lineal_data::{DataError, Spool};
use lineal_kernel::Digest;
use lineal_rpc::background;

/// What is kept of the scores' distribution.
const LEVELS: [f64; 15] = [0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0];
/// The deciles among them, which are the edges of the bins.
const DECILES: std::ops::Range<usize> = 3..12;

impl Replica {
    /// Sums up and commits.
    pub(super) async fn finish(
        &self,
        wish: &BatchWish,
        folder: &BatchFolder,
        scored: Scored,
    ) -> Result<(BatchManifest, Digest), InferenceError> {
        let before = self.registry.last_batch(&wish.model, &wish.slot).await.map_err(InferenceError::Registry)?;
        let Scored { first, parts, label_counts, mut scores, .. } = scored;
        let summed = background::run("sums", move || {
            let distribution = distribution(&mut scores)?;
            let previous = match before {
                Some((batch_id, edges)) => Some(Previous { batch_id, counts: scores.counts(&edges)? }),
                None => None,
            };
            Ok::<_, DataError>((distribution, previous))
        });
        let (distribution, previous) = summed.await??;
        stop_here!("summed_up");
        let manifest = BatchManifest {
            first,
            parts,
            label_counts,
            distribution,
            previous,
            replica: self.name().to_owned(),
            finished_us: self.clock.now().micros(),
        };
        folder.finish(manifest).await
    }

    /// Puts a finished batch on record, unless it is. `resumed` is absent if an earlier call finished it.
    pub(super) async fn settle(
        &self,
        wish: &BatchWish,
        folder: &BatchFolder,
        facts: Facts,
        (manifest, digest): (BatchManifest, Digest),
        resumed: Option<u64>,
    ) -> Result<FinishedBatch, InferenceError> {
        let output = folder.text().to_owned();
        let record = BatchRecord { manifest: &manifest, digest, output: &output, facts: &facts };
        let psi = self.registry.record_batch(&record).await.map_err(|error| match error {
            RegistryError::BatchTaken => {
                let (model, batch_id) = (wish.model.clone(), wish.batch_id.clone());
                InferenceError::BatchExists { model, batch_id, field: "output" }
            }
            other => InferenceError::Registry(other),
        })?;
        stop_here!("recorded");
        // Whoever asked for a version of their own knows that it need not be champion.
        let champion = (wish.wanted == Wanted::champion())
            .then(|| self.serving().find(wish.model.as_str(), &wish.slot, &wish.wanted).ok())
            .flatten();
        let now = champion.map(|found| found.facts().version).filter(|now| *now != facts.version);
        if let Some(champion) = now {
            tracing::info!(model = %wish.model, batch = %wish.batch_id, version = %facts.version, %champion,
                "a batch was scored by the version that it began with; the champion is another one");
        }
        Ok(FinishedBatch {
            manifest,
            digest,
            output,
            replayed: resumed.is_none(),
            resumed: resumed.unwrap_or(0),
            champion_now: now,
            psi,
            facts,
        })
    }
}

fn distribution(scores: &mut Spool) -> Result<Distribution, DataError> {
    let found = scores.quantiles(&LEVELS)?;
    let mut edges = found.get(DECILES).unwrap_or_default().to_vec();
    edges.dedup();
    let counts = scores.counts(&edges)?;
    Ok(Distribution { quantiles: LEVELS.into_iter().zip(found).collect(), mean: scores.mean(), edges, counts })
}
