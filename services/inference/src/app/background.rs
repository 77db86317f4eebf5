//! Threads that give way to those that answer.

use std::{io, thread};

/// How nice such a thread is: where answers take the whole core, it still gets a tenth of it, so that what it does comes to an end.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Starts a thread for `work`, which nobody who asks for a prediction waits for.
pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
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
