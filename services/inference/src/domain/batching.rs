//! Requests that are scored together: which of them, and when somebody has to see to it.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use lineal_kernel::ModelName;

/// How requests for one model are scored together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batching {
    /// Most rows that are scored together. Requests of as many or more are scored alone, and with 1 all are.
    pub max_rows: usize,
    /// How long a request may wait for others; with none it waits only until the model is free.
    pub max_delay: Duration,
}

/// The same for all models of a replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DynamicBatching {
    /// Of models that are not named.
    pub default: Batching,
    /// Of others.
    pub models: BTreeMap<ModelName, Batching>,
}

impl Default for Batching {
    /// Up to 64 rows, which costs nobody a wait.
    fn default() -> Self {
        Self { max_rows: 64, max_delay: Duration::ZERO }
    }
}

impl DynamicBatching {
    /// How requests for `model` are.
    pub(crate) fn of(&self, model: &ModelName) -> Batching {
        self.models.get(model).copied().unwrap_or(self.default)
    }
}

impl Default for DynamicBatching {
    /// As [`Batching::default`] for every model.
    fn default() -> Self {
        Self { default: Batching::default(), models: BTreeMap::new() }
    }
}

/// A request in a queue.
pub(crate) trait Waits {
    /// How many rows it has.
    fn rows(&self) -> usize;

    /// Whether nobody waits for its answer any more.
    fn is_gone(&self) -> bool;
}

/// Requests that wait for a run of their model. Whoever is told that a run is due sees to it: waits for company, takes
/// what is there, and says when it was scored.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    waiting: VecDeque<T>,
    max_rows: usize,
    /// Runs that may go on at once.
    max_runs: usize,
    /// Runs that go on.
    runs: usize,
    /// Whether somebody waits for company.
    gathering: bool,
}

impl<T: Waits> Queue<T> {
    /// For so many rows in each of so many runs.
    pub(crate) fn new(max_rows: usize, max_runs: usize) -> Self {
        Self { waiting: VecDeque::new(), max_rows, max_runs, runs: 0, gathering: false }
    }

    /// Lines up; whether a run is due.
    pub(crate) fn join(&mut self, one: T) -> bool {
        self.waiting.push_back(one);
        self.is_due()
    }

    /// The request that somebody waits longest for.
    pub(crate) fn first(&self) -> Option<&T> {
        self.waiting.iter().find(|one| !one.is_gone())
    }

    /// How many rows somebody waits for, up to those of a full run: at every join the rest of a long queue would be counted for nothing.
    pub(crate) fn rows(&self) -> usize {
        let mut rows = 0;
        for one in self.waiting.iter().filter(|one| !one.is_gone()) {
            rows += one.rows();
            if rows >= self.max_rows {
                return self.max_rows;
            }
        }
        rows
    }

    /// Whether there are enough rows for a run, or more.
    pub(crate) fn is_full(&self) -> bool {
        self.rows() >= self.max_rows
    }

    /// The requests of one run, in the order of their arrival, and whether another run is due. Those that nobody waits for are
    /// dropped. If there is any, the run has begun.
    pub(crate) fn take(&mut self) -> (Vec<T>, bool) {
        self.waiting.retain(|one| !one.is_gone());
        let mut rows = 0;
        let fits = |one: &&T| {
            rows += one.rows();
            rows <= self.max_rows
        };
        // One that is too large for any run is not kept out for ever.
        let count = self.waiting.iter().take_while(fits).count().max(1).min(self.waiting.len());
        let taken: Vec<_> = self.waiting.drain(..count).collect();
        self.gathering = false;
        self.runs += usize::from(!taken.is_empty());
        (taken, self.is_due())
    }

    /// A run ended; whether another one is due.
    pub(crate) fn end(&mut self) -> bool {
        self.runs -= 1;
        self.is_due()
    }

    fn is_due(&mut self) -> bool {
        let due = !self.waiting.is_empty() && !self.gathering && self.runs < self.max_runs;
        self.gathering |= due;
        due
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use super::*;

    /// A request of so many rows.
    #[derive(Debug, Clone)]
    struct Request {
        rows: usize,
        gone: Rc<Cell<bool>>,
    }

    impl Waits for Request {
        fn rows(&self) -> usize {
            self.rows
        }

        fn is_gone(&self) -> bool {
            self.gone.get()
        }
    }

    fn request(rows: usize) -> Request {
        Request { rows, gone: Rc::default() }
    }

    fn rows((taken, due): &(Vec<Request>, bool)) -> (Vec<usize>, bool) {
        (taken.iter().map(Waits::rows).collect(), *due)
    }

    #[test]
    fn what_arrives_while_the_model_is_busy_is_one_run() {
        let mut queue = Queue::new(8, 1);
        assert!(queue.join(request(1)), "the first has its run seen to");
        assert!(!queue.join(request(2)), "somebody sees to it");
        assert_eq!(rows(&queue.take()), (vec![1, 2], false));
        assert!(!queue.join(request(3)) && !queue.join(request(4)), "the model is busy");
        assert!(queue.end(), "it is free, and requests wait");
        assert_eq!(rows(&queue.take()), (vec![3, 4], false));
        assert!(!queue.end(), "nobody waits");
        assert!(queue.join(request(5)));
    }

    #[test]
    fn as_many_runs_go_on_as_the_model_has_sessions_and_one_gathers() {
        let mut queue = Queue::new(8, 2);
        assert!(queue.join(request(1)));
        assert_eq!(rows(&queue.take()), (vec![1], false));
        assert!(queue.join(request(2)), "the other session is free");
        assert!(!queue.join(request(3)), "this one goes with it");
        assert_eq!(rows(&queue.take()), (vec![2, 3], false));
        assert!(!queue.join(request(4)));
        assert!(queue.end() && !queue.end(), "one run is due, not two");
        assert_eq!(rows(&queue.take()), (vec![4], false));
    }

    #[test]
    fn a_run_has_as_many_rows_as_the_limit_and_the_rest_is_the_next() {
        let mut queue = Queue::new(8, 2);
        for count in [3, 4, 2, 7, 9] {
            queue.join(request(count));
        }
        assert!(queue.is_full());
        assert_eq!(rows(&queue.take()), (vec![3, 4], true), "the next run is due at once");
        assert_eq!(rows(&queue.take()), (vec![2], false), "both sessions are busy");
        assert!(queue.end());
        assert_eq!(rows(&queue.take()), (vec![7], false));
        assert!(queue.end());
        assert_eq!(rows(&queue.take()), (vec![9], false), "no request is too large for ever");
    }

    #[test]
    fn whoever_is_gone_takes_no_room_and_is_not_taken() {
        let mut queue = Queue::new(8, 1);
        let leaves = request(7);
        queue.join(leaves.clone());
        queue.join(request(2));
        assert!(queue.is_full());
        leaves.gone.set(true);
        assert!(!queue.is_full());
        queue.join(request(5));
        assert_eq!(rows(&queue.take()), (vec![2, 5], false));
        assert!(!queue.end());

        let last = request(1);
        assert!(queue.join(last.clone()));
        last.gone.set(true);
        assert_eq!(rows(&queue.take()), (vec![], false));
        assert!(queue.join(request(1)), "a run of nothing has not begun");
    }
}
