//! LightGBM, XGBoost and ONNX Runtime by their own libraries, loaded while the program runs: nothing is linked, and where
//! they are missing everything else works.
//!
//! The one crate with `unsafe`. What it shows is small and safe: [`Search`] says where the libraries may be,
//! [`LightGbm::open`] and [`XgBoost::open`] load them, and [`fit`](LightGbm::fit) takes rows and gives back the bytes of
//! a model. [`OnnxRuntime::open`] loads what runs graphs, and a [`Session`] runs one.

mod error;
mod fit;
mod library;
mod lightgbm;
mod onnx;
mod search;
mod xgboost;

pub use error::NativeError;
pub use fit::{Fit, Fitted, Flow, Follow, Round, Rows};
pub use lightgbm::{LightGbm, Predictor};
pub use onnx::{OnnxRuntime, Session, Values};
pub use search::Search;
pub use xgboost::XgBoost;
