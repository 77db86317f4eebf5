//! Sleep: a slot that nobody asks gives its memory back.

use lineal_rpc::background;

use super::Replica;

impl Replica {
    /// Lets every slot fall asleep that nobody has asked for the idle period. Requests in flight are answered by what they found.
    pub(super) fn sleep_if_idle(&self) {
        let Some(period) = self.config.idle_after else { return };
        // A reload that runs takes over what is loaded; the next heartbeat looks again.
        let Ok(_turn) = self.reloading.try_lock() else { return };
        let slots = self.table.load().idle(self.clock.now(), period);
        if slots.is_empty() {
            return;
        }
        let awake = self.table.rcu(|table| table.asleep(&slots));
        for (model, slot) in &slots {
            tracing::info!(%model, %slot, "a slot falls asleep");
        }
        self.wakes.count_sleeps(slots.len());
        // To free a large model takes a while.
        if let Err(error) = background::spawn("sleep", move || drop(awake)) {
            tracing::debug!(%error, "memory was given back on a thread that serves");
        }
    }
}
