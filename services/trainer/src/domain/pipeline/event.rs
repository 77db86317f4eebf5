//! What happens in a run.

use lineal_kernel::Timestamp;

use super::{PipelineRunState, PipelineStep};

/// One entry of a run's log.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PipelineEvent {
    /// 1, 2, 3, ... within the run, without a gap.
    pub(crate) sequence: u64,
    pub(crate) create_time: Timestamp,
    /// Who caused it.
    pub(crate) actor: String,
    /// The run's state after it.
    pub(crate) state: PipelineRunState,
    /// The step it is about, as it is then.
    pub(crate) step: Option<PipelineStep>,
    /// For people.
    pub(crate) message: String,
}
