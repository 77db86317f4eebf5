//! From files to the numbers a model sees: tables, snapshots, splits, labels and features.
//!
//! A file becomes a [`Table`], a table is kept as a [`Snapshot`] and cut by a [`SplitRule`]; its columns become a
//! [`Frame`], which a [`FittedFeatures`] turns into a [`Matrix`]. A request is a [`Frame`] from the start, so training,
//! batch and online evaluation run the same code.

mod builder;
mod csv;
mod error;
mod features;
mod frame;
mod key;
mod labels;
mod matrix;
mod moment;
mod parquet;
mod report;
mod resample;
mod rows;
mod sample;
mod snapshot;
mod split;
mod spool;
mod table;
mod table_file;

pub use builder::{TableBuilder, Value};
pub use error::DataError;
pub use features::{
    Feature, FeatureKind, FeatureSet, Fill, FittedFeatures, Gap, History, Lag, LookBack, MAX_CATEGORIES, MissingRule,
    Transform,
};
pub use frame::{Column, Frame};
pub use labels::{Classes, Target};
pub use matrix::Matrix;
pub use report::{
    Check, ColumnExpectation, ColumnStatistics, DataReport, Expectations, Freshness, Histogram, NumberStatistics,
    Quantile, ValueCount,
};
pub use resample::{ResampleMethod, resample};
pub use sample::{Limit, Sample, Sampled};
pub use snapshot::{Snapshot, SnapshotWriter, Written};
pub use split::{Parts, SplitKind, SplitRule, TestPart, TimeCut, Window, split};
pub use spool::Spool;
pub use table::{ColumnType, Table};
pub use table_file::{Batches, FileFormat, TableFile, Watched};
