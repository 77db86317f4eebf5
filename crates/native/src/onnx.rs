//! ONNX Runtime.

use std::path::{Path, PathBuf};

use ort::{
    environment::Environment,
    session::{SessionInputValue, builder::GraphOptimizationLevel},
    value::Tensor,
};

use crate::{
    NativeError, Search,
    library::{Known, load, old},
    search::Wanted,
};

const KNOWN: Known = Known {
    title: "ONNX Runtime",
    package: "onnxruntime",
    variable: "LINEAL_ONNXRUNTIME",
    wanted: Wanted { folder: "onnxruntime/capi", stem: "onnxruntime" },
};

/// ONNX Runtime, loaded. A process has one.
pub struct OnnxRuntime {
    environment: Environment,
    path: PathBuf,
}

/// A graph that is ready to run, on the thread that runs it.
pub struct Session {
    session: ort::session::Session,
}

/// The values of one input, row after row.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Single precision numbers.
    Single(Vec<f32>),
    /// Double precision numbers.
    Double(Vec<f64>),
    /// Whole numbers of 64 bits.
    Whole(Vec<i64>),
    /// Whole numbers of 32 bits.
    Short(Vec<i32>),
    /// Texts.
    Texts(Vec<String>),
}

impl OnnxRuntime {
    /// Finds and loads the library.
    ///
    /// # Errors
    /// [`NativeError::Absent`], [`NativeError::Load`], [`NativeError::Old`] before version 1.22; [`NativeError::Refused`]
    /// if the process has loaded it already.
    pub fn open(search: &Search) -> Result<Self, NativeError> {
        // Its symbols stay where they are: the second opening of a file is the first one counted twice.
        let (library, path) = load(search, search.onnxruntime.as_ref(), &KNOWN)?;
        let builder = ort::init_from(&path).map_err(|error| old(&path, &KNOWN, &error))?;
        drop(library);
        let environment = builder.with_name("lineal").with_telemetry(false).build();
        Ok(Self { environment: environment.map_err(|error| refused("CreateEnv", &error))?, path })
    }

    /// The file it was loaded from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the bytes of a graph ready to run. May take seconds, and cannot be stopped.
    ///
    /// # Errors
    /// [`NativeError::Refused`].
    pub fn session(&self, graph: &[u8]) -> Result<Session, NativeError> {
        let session = || -> ort::Result<_> {
            ort::session::Session::builder(&self.environment)?
                .with_optimization_level(GraphOptimizationLevel::All)?
                .with_intra_threads(1)?
                .with_inter_threads(1)?
                .commit_from_memory(graph)
        };
        Ok(Session { session: session().map_err(|error| refused("CreateSession", &error))? })
    }
}

impl Session {
    /// Runs the graph on `rows` rows; an input has a name, its values and, unless it is a plain list, the number of its
    /// columns. Returns what `output` says, row after row.
    ///
    /// # Errors
    /// [`NativeError::Refused`].
    pub fn run(
        &mut self,
        rows: usize,
        inputs: Vec<(&str, Values, Option<usize>)>,
        output: &str,
    ) -> Result<Vec<f64>, NativeError> {
        const FUNCTION: &str = "Run";
        let problem = |problem: String| NativeError::Refused { function: FUNCTION, problem };
        let named = inputs.into_iter().map(|(name, values, columns)| {
            let shape = [rows].into_iter().chain(columns).collect();
            Ok((name, tensor(shape, values).map_err(|error| refused(FUNCTION, &error))?))
        });
        let named = named.collect::<Result<Vec<_>, NativeError>>()?;
        let outputs = self.session.run(named).map_err(|error| refused(FUNCTION, &error))?;
        let value = outputs.get(output).ok_or_else(|| problem(format!("there is no output `{output}`")))?;
        if let Ok((_, values)) = value.try_extract_tensor::<f32>() {
            return Ok(values.iter().map(|value| f64::from(*value)).collect());
        }
        let (_, values) = value.try_extract_tensor::<f64>().map_err(|error| refused(FUNCTION, &error))?;
        Ok(values.to_vec())
    }
}

fn tensor(shape: Vec<usize>, values: Values) -> ort::Result<SessionInputValue<'static>> {
    Ok(match values {
        Values::Single(values) => Tensor::from_array((shape, values))?.into(),
        Values::Double(values) => Tensor::from_array((shape, values))?.into(),
        Values::Whole(values) => Tensor::from_array((shape, values))?.into(),
        Values::Short(values) => Tensor::from_array((shape, values))?.into(),
        Values::Texts(values) => Tensor::from_string_array((shape, values.as_slice()))?.into(),
    })
}

fn refused(function: &'static str, error: &ort::Error) -> NativeError {
    let text = error.to_string();
    let problem = text.lines().next().unwrap_or_default().chars().take(300).collect();
    NativeError::Refused { function, problem }
}
