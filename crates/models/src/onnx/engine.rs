//! Graphs ready to run.

use std::{
    num::NonZero,
    ops::Range,
    sync::{
        Mutex, OnceLock, PoisonError, TryLockError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::available_parallelism,
};

use lineal_data::{Column, Frame};
use lineal_native::{NativeError, OnnxRuntime, Search, Session};

use super::{
    OnnxError, OnnxGraph,
    values::{find, values},
};
use crate::{ScoreError, SignatureColumn};

/// Most sessions of one model, and most bytes of its file in all of them.
const MAX_SESSIONS: usize = 8;
const MAX_BYTES: usize = 256 << 20;

/// Where the engine may be.
static SEARCH: OnceLock<Search> = OnceLock::new();
/// The engine; a process can load only one.
static ENGINE: OnceLock<OnnxRuntime> = OnceLock::new();
/// Held while it is being loaded.
static LOADING: Mutex<()> = Mutex::new(());

/// Says where the library of ONNX Runtime may be, which is loaded once a graph needs it. The first word stands for the whole
/// process; without one the system's loader is asked.
pub fn find_onnxruntime(search: Search) {
    SEARCH.get_or_init(|| search);
}

fn engine() -> Result<&'static OnnxRuntime, NativeError> {
    let _turn = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(engine) = ENGINE.get() {
        return Ok(engine);
    }
    let engine = OnnxRuntime::open(SEARCH.get().unwrap_or(&Search::default()))?;
    Ok(ENGINE.get_or_init(|| engine))
}

/// A graph with sessions to run it, as many as there are threads that may want one.
pub(crate) struct OnnxModel {
    graph: OnnxGraph,
    sessions: Vec<Mutex<Session>>,
    /// Whom to wait for when all are at work.
    next: AtomicUsize,
}

impl OnnxModel {
    /// Looks through a file and makes it ready to run. May take seconds.
    pub(crate) fn load(bytes: &[u8]) -> Result<Self, OnnxError> {
        let graph = OnnxGraph::read(bytes)?;
        let engine = engine()?;
        let threads = available_parallelism().map_or(1, NonZero::get);
        let count = threads.min(MAX_SESSIONS).min(MAX_BYTES / bytes.len().max(1)).max(1);
        let sessions = (0..count).map(|_| Ok(Mutex::new(engine.session(bytes)?)));
        Ok(Self { graph, sessions: sessions.collect::<Result<_, NativeError>>()?, next: AtomicUsize::new(0) })
    }

    pub(crate) fn graph(&self) -> &OnnxGraph {
        &self.graph
    }

    /// How many runs may go on at once; `None` if each takes a single row.
    pub(crate) fn runs_at_once(&self) -> Option<usize> {
        (!self.graph.single_rows).then_some(self.sessions.len())
    }

    /// Whether a run that begins now need not wait for another one.
    pub(crate) fn is_free(&self) -> bool {
        self.sessions.iter().any(|session| !matches!(session.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// What the graph says of each row of `frame`, row after row; `columns` are as many as [`OnnxGraph::columns`] gives.
    pub(crate) fn evaluate(&self, columns: &[SignatureColumn], frame: &Frame) -> Result<Vec<f64>, ScoreError> {
        let found = find(columns, frame)?;
        let step = if self.graph.single_rows { 1 } else { frame.rows().max(1) };
        let mut scores = Vec::with_capacity(frame.rows() * self.graph.scores);
        for first in (0..frame.rows()).step_by(step) {
            let rows = first..frame.rows().min(first + step);
            scores.extend(self.run(columns, &found, rows)?);
        }
        Ok(scores)
    }

    fn run(&self, wanted: &[SignatureColumn], columns: &[&Column], rows: Range<usize>) -> Result<Vec<f64>, ScoreError> {
        let (mut first, count) = (0, rows.len());
        let mut inputs = Vec::with_capacity(self.graph.inputs.len());
        for input in &self.graph.inputs {
            let own = first..first + input.columns.unwrap_or(1);
            let values = values(input.kind, &wanted[own.clone()], &columns[own.clone()], rows.clone())?;
            inputs.push((input.name.as_str(), values, input.columns));
            first = own.end;
        }
        let run = |session: &mut Session| session.run(count, inputs, &self.graph.output);
        let scores = self.with_session(run).map_err(OnnxError::from)?;
        let expected = count * self.graph.scores;
        if scores.len() != expected {
            return Err(OnnxError::Answers { found: scores.len(), rows: count, expected }.into());
        }
        Ok(scores)
    }

    /// Works with a session that nobody else has now.
    fn with_session<T>(&self, work: impl FnOnce(&mut Session) -> T) -> T {
        for session in &self.sessions {
            match session.try_lock() {
                Ok(mut session) => return work(&mut session),
                Err(TryLockError::Poisoned(poisoned)) => return work(&mut poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.sessions.len();
        work(&mut self.sessions[turn].lock().unwrap_or_else(PoisonError::into_inner))
    }
}
