//! What a verdict is and how it is reached, from numbers alone.

mod comparison;
mod error;
mod evidence;
mod gate;
mod policy;
mod report;

pub(crate) use comparison::{TestResult, Verdict};
pub(crate) use error::{Role, ValidatorError};
pub(crate) use evidence::{Evidence, Metrics, Rival};
pub(crate) use gate::{Gate, judge};
pub(crate) use policy::{Conditions, MetricLimit, Policy};
pub(crate) use report::{Champion, Reference, Report, ReportId, ReportPage};
