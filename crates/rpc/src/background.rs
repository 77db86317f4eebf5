//! Threads that give way to those that answer.
//!
//! A thread of a runtime's own for blocking work has the priority of those that answer: on one core it makes callers wait for as long
//! as the system lets it run at a stretch, which may be 30 ms.
//!
//! On Linux a thread inherits how nice the one is that starts it. So whatever such a thread starts gives way, too: also the threads that
//! `spawn_blocking` starts from it, which the runtime then has do other work. What needs those is spawned as a task of the runtime.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use tokio::{runtime::Handle, sync::oneshot};

/// How nice such a thread is: where answers take the whole core, it still gets a tenth of it, so that what it does comes to an end.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Work of which there is no result.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// There is no thread for it.
    #[error("no thread could be started")]
    NoThread(#[from] io::Error),
    /// It panicked.
    #[error("work on a thread of its own panicked")]
    Panicked,
}

/// What `work` makes on a thread that gives way. Requests for what is in memory wait for no such thread; one that waits for its slot to
/// wake does, since that is loaded on one.
///
/// # Errors
/// [`Lost`].
pub async fn run<T: Send + 'static>(name: &str, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Lost> {
    let (answer, heard) = oneshot::channel();
    let runtime = Handle::current();
    spawn(name, move || {
        let _entered = runtime.enter();
        if let Ok(made) = catch_unwind(AssertUnwindSafe(work)) {
            // Nobody may be waiting any more.
            let _ = answer.send(made);
        }
    })?;
    heard.await.map_err(|_| Lost::Panicked)
}

/// Starts such a thread and lets go of it.
///
/// # Errors
/// The system's, if it has none.
pub fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let give_way_and_work = || {
        give_way();
        work();
    };
    thread::Builder::new().name(name.to_owned()).spawn(give_way_and_work).map(drop)
}

/// Linux takes a niceness for the thread alone; elsewhere it would be the whole process's.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "a thread keeps its priority");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_has_its_result_and_a_panic_costs_only_its_own() {
        assert_eq!(run("adds", || 3 + 4).await.unwrap(), 7);
        assert!(matches!(run("panics", || -> u8 { panic!("index out of bounds") }).await, Err(Lost::Panicked)));
        assert_eq!(run("waits", || Handle::current().block_on(async { 7 })).await.unwrap(), 7);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn work_gives_way_to_those_who_answer() {
        let nice = || rustix::process::getpriority_process(None).unwrap();
        let own = nice();
        assert_eq!(run("gives way", nice).await.unwrap(), own.max(NICE));
        assert_eq!(nice(), own);
    }
}
