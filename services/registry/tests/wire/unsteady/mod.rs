//! A store that loses a call, or the answer to one.

mod ports;

use std::sync::{Arc, Mutex, PoisonError};

use lineal_db::StoreError;
use lineal_registry::store::RegistryStore;

/// What is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The call: the store did nothing.
    Call,
    /// The answer: the store did it.
    Answer,
}

/// Which call of a store is lost.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<Plan>>);

#[derive(Debug, Default)]
struct Plan {
    /// The calls until then, and what is lost.
    next: Option<(u32, Loss)>,
    /// The method that was called.
    struck: Option<&'static str>,
}

impl Faults {
    /// Loses the `nth` call from now on, counted from 1.
    pub(crate) fn arm(&self, nth: u32, loss: Loss) {
        self.with(|plan| *plan = Plan { next: Some((nth, loss)), struck: None });
    }

    /// Loses nothing any more; returns the method whose call was lost.
    pub(crate) fn disarm(&self) -> Option<&'static str> {
        self.with(std::mem::take).struck
    }

    fn strike(&self, method: &'static str) -> Option<Loss> {
        self.with(|plan| {
            let (left, loss) = plan.next?;
            plan.next = Some((left - 1, loss)).filter(|_| left > 1);
            plan.struck = (left == 1).then_some(method);
            (left == 1).then_some(loss)
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut Plan) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A store with faults.
#[derive(Debug)]
pub(crate) struct Faulty {
    pub(crate) store: Arc<dyn RegistryStore>,
    pub(crate) faults: Faults,
}

impl Faulty {
    async fn pass<T, E: From<StoreError>>(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        match self.faults.strike(method) {
            None => call.await,
            Some(Loss::Call) => Err(StoreError::Busy.into()),
            Some(Loss::Answer) => {
                call.await?;
                Err(StoreError::Busy.into())
            }
        }
    }
}
