//! Loading apart from everything else: on a thread of its own, within a time, whatever the model does.

use std::{
    any::Any,
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lineal_kernel::Digest;
use lineal_rpc::background;
use tokio::{
    sync::{Semaphore, oneshot},
    time::timeout,
};

use crate::InferenceError;

/// Bundles that are loaded at the same time.
pub(super) const LOADS_AT_ONCE: usize = 4;

/// Loads bundles. A load that is over its time cannot be stopped: its thread is left to itself, and nothing else is loaded
/// until it ends. It does not keep the process from ending, as a thread of the runtime would.
pub(super) struct Loader {
    deadline: Duration,
    turns: Arc<Semaphore>,
    overdue: Arc<Mutex<BTreeSet<Digest>>>,
}

impl Loader {
    pub(super) fn new(deadline: Duration) -> Self {
        Self { deadline, turns: Arc::new(Semaphore::new(LOADS_AT_ONCE)), overdue: Arc::default() }
    }

    /// What `load` makes of the bundle `digest`.
    ///
    /// # Errors
    /// [`InferenceError::LoadTimedOut`], [`InferenceError::LoadPanicked`], [`InferenceError::LoaderBusy`].
    pub(super) async fn run<T: Send + 'static>(
        &self,
        digest: Digest,
        load: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, InferenceError> {
        let busy = |overdue: &MutexGuard<'_, BTreeSet<Digest>>| overdue.first().copied();
        if let Some(overdue) = busy(&lock(&self.overdue)) {
            return Err(InferenceError::LoaderBusy { overdue });
        }
        let turn = timeout(self.deadline, self.turns.clone().acquire_owned()).await;
        if let Some(overdue) = busy(&lock(&self.overdue)) {
            return Err(InferenceError::LoaderBusy { overdue });
        }
        let late = InferenceError::LoadTimedOut { digest, deadline: self.deadline };
        let Ok(turn) = turn else { return Err(late) };
        let (answer, mut heard) = oneshot::channel();
        let work = move || {
            let _turn = turn;
            // Nobody may be waiting any more.
            let _ = answer.send(catch_unwind(AssertUnwindSafe(load)));
        };
        let panicked = |problem| InferenceError::LoadPanicked { digest, problem };
        background::spawn("load", work).map_err(|error| panicked(error.to_string()))?;
        match timeout(self.deadline, &mut heard).await {
            Ok(Ok(loaded)) => loaded.map_err(|panic| panicked(text(panic.as_ref()))),
            Ok(Err(ended)) => Err(panicked(ended.to_string())),
            Err(_) => {
                lock(&self.overdue).insert(digest);
                let overdue = self.overdue.clone();
                tokio::spawn(async move {
                    let _ = heard.await;
                    lock(&overdue).remove(&digest);
                });
                Err(late)
            }
        }
    }
}

fn lock(overdue: &Mutex<BTreeSet<Digest>>) -> MutexGuard<'_, BTreeSet<Digest>> {
    overdue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a panic said.
fn text(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<&str>().map(ToString::to_string);
    said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no reason was given".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        let loader = Loader::new(Duration::from_mins(1));
        let digest = Digest::of(b"panics");
        for _ in 0..2 * LOADS_AT_ONCE {
            let ended = loader.run(digest, || -> () { panic!("index out of bounds") }).await;
            assert!(
                matches!(&ended, Err(InferenceError::LoadPanicked { problem, .. }) if problem == "index out of bounds")
            );
        }
        assert_eq!(loader.run(digest, || 7).await.unwrap(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_load_without_an_end_is_answered_and_nothing_else_is_loaded_until_it_ends() {
        let loader = Loader::new(Duration::from_secs(45));
        let (hangs, other) = (Digest::of(b"hangs"), Digest::of(b"other"));
        let (end, ended) = mpsc::channel::<()>();
        let hanging = loader.run(hangs, move || ended.recv().is_err()).await;
        assert!(matches!(hanging, Err(InferenceError::LoadTimedOut { digest, .. }) if digest == hangs));
        for digest in [hangs, other] {
            let refused = loader.run(digest, || false).await;
            assert!(matches!(refused, Err(InferenceError::LoaderBusy { overdue }) if overdue == hangs));
        }
        drop(end);
        while !lock(&loader.overdue).is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(loader.turns.available_permits(), LOADS_AT_ONCE);
    }
}
