//! Model cards: made once a champion's move is committed, kept as artifacts. No champion waits for its card.

use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use lineal_kernel::{Caller, Digest, ModelName, VersionNumber};

use crate::{
    Registry,
    domain::{
        card::{Card, Sources},
        error::RegistryError,
        history::Tenure,
        promotion::Promotion,
    },
    store::CardRecord,
};

/// Cards that are made between two looks at what else is to be done.
const AT_ONCE: u32 = 10;
/// A promotion whose champion serves already waits no longer for its card.
const PATIENCE: Duration = Duration::from_secs(5);

/// A card as it is kept.
#[derive(Debug)]
pub(crate) struct StoredCard {
    pub(crate) record: CardRecord,
    pub(crate) facts: Bytes,
    pub(crate) text: String,
}

impl Registry {
    /// The card of a version's latest reign.
    pub(crate) async fn card(
        &self,
        caller: &Caller,
        model: &ModelName,
        number: VersionNumber,
    ) -> Result<StoredCard, RegistryError> {
        self.version(caller, model, number).await?;
        let found = self.store.card(&caller.tenant, model, number).await?;
        let record = found.ok_or_else(|| RegistryError::CardNotFound { model: model.clone(), number })?;
        let text = self.whole(record.text).await?;
        let text = String::from_utf8_lossy(&text).into_owned();
        Ok(StoredCard { facts: self.whole(record.facts).await?, text, record })
    }

    /// The card of the champion that a promotion has just made; `None` if it made none, or if the card has to wait for a later look.
    pub(crate) async fn card_of(&self, caller: &Caller, promotion: &Promotion) -> Option<Digest> {
        if promotion.to_number == 0 {
            return None;
        }
        let made = async {
            self.make_cards(caller).await?;
            Ok::<_, RegistryError>(self.store.promotion(&caller.tenant, &promotion.promotion_id).await?)
        };
        match tokio::time::timeout(PATIENCE, made).await {
            Ok(Ok(found)) => found?.card,
            Ok(Err(error)) => {
                tracing::warn!(%error, "could not make the model card; it is made later");
                None
            }
            Err(_) => {
                tracing::warn!("the artifact store takes its time with the model card; it is made later");
                None
            }
        }
    }

    /// Makes the cards that are not there yet: after a move, and of moves that a stop or a failing artifact store left without.
    pub(crate) async fn make_cards(&self, caller: &Caller) -> Result<(), RegistryError> {
        for tenure in self.store.uncarded(&caller.tenant, AT_ONCE).await? {
            self.make_card(caller, &tenure).await?;
        }
        Ok(())
    }

    /// A stop between the artifacts and their record leaves artifacts that the next attempt finds in place.
    async fn make_card(&self, caller: &Caller, tenure: &Tenure) -> Result<(), RegistryError> {
        let reign = &tenure.reign;
        let view = self.version(caller, &reign.model, reign.number).await?;
        let run = self.store.run(&caller.tenant, &view.version.lineage.run_id).await?;
        let inputs = self.inputs(view.version.digest).await;
        let environment = &*self.environment;
        let card = Card::of(Sources { environment, view: &view, tenure, run: run.as_ref(), inputs });
        let facts = serde_json::to_vec_pretty(&card).map_err(|error| RegistryError::Artifacts(Box::new(error)))?;
        let record = CardRecord {
            model: reign.model.clone(),
            slot: reign.slot.clone(),
            number: reign.number,
            generation: reign.from_generation,
            facts: self.put_whole(facts).await?,
            text: self.put_whole(card.text().into_bytes()).await?,
        };
        Ok(self.store.record_card(&caller.tenant, &record).await?)
    }

    async fn put_whole(&self, content: Vec<u8>) -> Result<Digest, RegistryError> {
        let digest = Digest::of(&content);
        self.artifacts.put(digest, stream::iter([Ok(Bytes::from(content))]).boxed()).await?;
        Ok(digest)
    }

    async fn whole(&self, digest: Digest) -> Result<Bytes, RegistryError> {
        let pieces: Vec<Bytes> = self.download(digest).await?.try_collect().await?;
        Ok(pieces.concat().into())
    }
}
