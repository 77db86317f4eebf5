//! Trial: a version shows that it answers fast enough before it takes a part of the traffic.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lineal_models::ServedModel;

use super::Replica;
use crate::{CanaryCheck, domain::Facts, error::chain};

impl Replica {
    /// Why the version must not answer a part of the slot's requests; `None` if it may, or is not to.
    pub(super) async fn try_out(&self, facts: &Facts, bundle: Arc<ServedModel>) -> Option<String> {
        facts.traffic.split()?;
        let check = self.config.canary_check;
        let replay = move || {
            let begun = Instant::now();
            bundle.replay().map(|_| begun.elapsed()).map_err(|error| chain(&error))
        };
        let tried = tokio::task::spawn_blocking(move || trial(check, replay)).await;
        let barred = tried.unwrap_or_else(|error| Err(error.to_string())).err();
        if let Some(problem) = &barred {
            let Facts { model, alias, version, .. } = facts;
            tracing::warn!(%model, %alias, %version, problem, "the version takes no traffic");
        }
        barred
    }
}

/// Asks for answers until enough of them were fast, or too many slow: of a hundred one may be slower than the 99th percentile. `answer`
/// says how long it took.
fn trial(check: CanaryCheck, mut answer: impl FnMut() -> Result<Duration, String>) -> Result<(), String> {
    let CanaryCheck { requests, max_p99 } = check;
    let allowed = requests / 100;
    let mut slow = 0;
    for request in 1..=requests {
        slow += u32::from(answer()? > max_p99);
        if slow > allowed {
            return Err(format!(
                "{slow} of {request} answers to its golden rows took more than {max_p99:?}, the limit of \
                 inference.canary_check for 99 of 100"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_answer_of_a_hundred_may_be_slow() {
        // X3
        let limit = Duration::from_millis(50);
        let check = |requests| CanaryCheck { requests, max_p99: limit };
        let tried = |requests, slow: u32| {
            let mut asked = 0;
            let tried = trial(check(requests), || {
                asked += 1;
                Ok(if asked <= slow { limit + Duration::from_nanos(1) } else { limit })
            });
            (tried.is_ok(), asked)
        };
        assert_eq!(tried(100, 1), (true, 100));
        assert_eq!(tried(100, 2), (false, 2), "more answers cannot make it good");
        assert_eq!(tried(99, 1), (false, 1));
        assert_eq!(tried(200, 2), (true, 200));
        assert_eq!(tried(0, 1), (true, 0), "no request, no check");
        let failed = trial(check(100), || Err("golden row 3 scores 0.5, expected 0.4".to_owned()));
        assert_eq!(failed, Err("golden row 3 scores 0.5, expected 0.4".to_owned()));
    }
}
