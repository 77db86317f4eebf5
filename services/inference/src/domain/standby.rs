//! Standbys: bundles that wait on the disk for a rollback.

use lineal_kernel::Timestamp;

/// What is known of one bundle that is kept ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Since when it could be loaded each time it was tried; `None` if it is not ready.
    pub(crate) ready: Option<Timestamp>,
    /// When it was tried last.
    pub(crate) checked: Timestamp,
    /// Why it is not ready; empty when all is well.
    pub(crate) problem: String,
}

impl Standing {
    /// What is known after it was tried `now`, with what came of it. `before` is what was known.
    pub(crate) fn tried(now: Timestamp, outcome: Result<(), String>, before: Option<&Self>) -> Self {
        match outcome {
            Ok(()) => {
                let ready = before.and_then(|before| before.ready).or(Some(now));
                Self { ready, checked: now, problem: String::new() }
            }
            Err(problem) => Self { ready: None, checked: now, problem },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_ready_since_its_first_success_in_a_row() {
        let at = Timestamp::from_micros;
        let first = Standing::tried(at(1), Ok(()), None);
        let second = Standing::tried(at(2), Ok(()), Some(&first));
        assert_eq!((second.ready, second.checked), (Some(at(1)), at(2)));
        let failed = Standing::tried(at(3), Err("damaged".into()), Some(&second));
        assert_eq!((failed.ready, failed.problem.as_str()), (None, "damaged"));
        assert_eq!(Standing::tried(at(4), Ok(()), Some(&failed)).ready, Some(at(4)));
    }
}
