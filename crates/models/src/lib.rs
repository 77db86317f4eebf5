//! Fitting, measuring, packing and scoring models.
//!
//! A [`Family`] fits a [`Model`]; [`Model::evaluator`] scores with it; a [`Bundle`] packs it with its features for
//! serving, and a [`ServedModel`] is a bundle that has been verified and loaded; [`compute`] says how good scores are.
//!
//! A [`MemberFamily`] fits a [`Member`], which may take the answers of other members; a [`Chain`] evaluates them together.
//! The members of an ensemble ([`EnsembleParts`]) answer each by itself, and their answers are weighed.

mod bundle;
mod chain;
mod evaluators;
mod families;
mod foreign;
mod labels;
mod link;
mod members;
mod metrics;
mod model;
mod onnx;
mod task;

pub use bundle::{
    Answer, Bundle, BundleError, BundleParts, Datatype, Decision, EnsembleError, EnsembleMember, EnsembleParts,
    EnsembleProblem, EnsembleRule, FileEntry, GraphParts, LeftOut, Manifest, MemberFault, MemberParts, MostProbable,
    Rule, ScoreError, ServedModel, Signature, SignatureColumn, SplitReference, Threshold, UpstreamBundle,
};
pub use chain::{Chain, ChainError, MemberOutputs};
pub use evaluators::Evaluator;
pub use families::{
    Family, FamilyDescription, FamilyError, FitContext, FitError, HyperparameterDescription, HyperparameterError,
    HyperparameterKind, Hyperparameters, LibrarySearch, NativeError, Progress, TrainingData, Value, families,
    families_in, family,
};
pub use foreign::{ForeignError, ForeignModel, Library, TreeProblem};
pub use labels::{LabelError, check_labels};
pub use link::Link;
pub use members::{
    Blend, Blending, Calibration, Curve, DrawCalibration, Forecast, MATCH_CLASSES, Member, MemberDescription,
    MemberError, MemberFamily, MemberFamilyError, MemberFitError, MemberRows, Method, OUTCOME, Output, OutputColumn,
    Poisson, SCORES, ScoreMatrix, Team, Upstream, Upstreams, draw_probability, match_outcomes, member_families,
    member_family, member_labels, with_outcomes,
};
pub use metrics::{Direction, Metric, MetricError, PairedTest, SIGNIFICANCE, Side, compute, paired_test};
pub use model::{Comparison, Linear, Model, ModelError, Softmax, Trees};
pub use onnx::{OnnxError, OnnxGraph, find_onnxruntime};
pub use task::Task;
