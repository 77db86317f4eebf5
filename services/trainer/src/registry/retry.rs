//! Patience with a peer that is away for a moment.

use std::time::Duration;

use lineal_rpc::{artifacts, reason_of};
use tonic::{Code, Status};

use super::RegistryError;

/// How long to wait before the second, third, ... try.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_millis(400), Duration::from_millis(1600), Duration::from_secs(3)];

/// Calls until the registry can be reached, a few times at most.
pub(super) async fn retry<T, F: Future<Output = Result<T, Status>>>(call: impl Fn() -> F) -> Result<T, RegistryError> {
    patiently(call).await.map_err(RegistryError::from)
}

/// Calls until the peer can be reached, a few times at most. Anything but UNAVAILABLE is an answer.
pub(crate) async fn patiently<T, F: Future<Output = Result<T, Status>>>(call: impl Fn() -> F) -> Result<T, Status> {
    for pause in PAUSES {
        match call().await {
            Err(status) if status.code() == Code::Unavailable => {
                tracing::warn!(message = status.message(), ?pause, "a peer is unavailable, trying again");
                tokio::time::sleep(pause).await;
            }
            answer => return answer,
        }
    }
    call().await
}

impl From<Status> for RegistryError {
    fn from(status: Status) -> Self {
        let message = status.message().to_owned();
        match reason_of(&status).as_deref() {
            Some(artifacts::FULL) => return Self::Full { message },
            Some("ARTIFACT_TOO_LARGE") => return Self::Damaged { message },
            _ => {}
        }
        match status.code() {
            // The connection may break at any point of a call, and a broken store behind the registry may come back.
            Code::Unavailable
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::Cancelled
            | Code::Unknown
            | Code::Internal => Self::Unavailable { message },
            Code::NotFound => Self::NotFound { message },
            Code::DataLoss => Self::Damaged { message },
            _ => Self::Refused { message },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use lineal_rpc::Problem;

    use super::*;

    /// How many calls are made to a registry that answers `status` for the first `times` calls, and what comes of it.
    async fn calls(status: &Status, times: usize) -> (usize, Result<(), RegistryError>) {
        let count = AtomicUsize::new(0);
        let call = || async { if count.fetch_add(1, Ordering::SeqCst) < times { Err(status.clone()) } else { Ok(()) } };
        let result = retry(call).await;
        (count.load(Ordering::SeqCst), result)
    }

    #[tokio::test(start_paused = true)]
    async fn only_an_unreachable_registry_is_called_again() {
        let away = Status::unavailable("connection refused");
        assert_eq!(calls(&away, 2).await, (3, Ok(())));
        let (count, result) = calls(&away, usize::MAX).await;
        assert_eq!(count, 5);
        assert!(matches!(result, Err(RegistryError::Unavailable { .. })));
        let large = Problem::new(Code::ResourceExhausted, "ARTIFACT_TOO_LARGE", "larger than expected").status("test");
        let (count, result) = calls(&large, usize::MAX).await;
        let message = "larger than expected".to_owned();
        assert_eq!((count, result), (1, Err(RegistryError::Damaged { message })), "it stays as large");
        let (count, result) = calls(&Status::not_found("no artifact"), usize::MAX).await;
        assert_eq!((count, result), (1, Err(RegistryError::NotFound { message: "no artifact".to_owned() })));
    }
}
