//! Why a library does not do what it is asked.

use std::path::PathBuf;

/// Why a library does not do what it is asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NativeError {
    /// The library is not there.
    #[error(
        "the library of {library} was not found; `pip install {package}` in the active Python, or name its file in {variable}"
    )]
    Absent {
        /// What was looked for.
        library: &'static str,
        /// The Python package that brings it.
        package: &'static str,
        /// The environment variable that can name it.
        variable: &'static str,
    },
    /// A file is there, but cannot be loaded.
    #[error("{} cannot be loaded: {problem}; it may need `apt-get install libgomp1`", path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// What the system says.
        problem: String,
    },
    /// The library is older than its functions that are needed.
    #[error("{} is too old: {problem}; `pip install {package}`", path.display())]
    Old {
        /// The file.
        path: PathBuf,
        /// What is missing.
        problem: String,
        /// The Python package that brings a newer one.
        package: &'static str,
    },
    /// The library refused.
    #[error("{function}: {problem}")]
    Refused {
        /// The function that was called.
        function: &'static str,
        /// What the library says.
        problem: String,
    },
    /// The rows are more or other than the library can take.
    #[error("{rows} rows of {columns} columns need as many values, labels and weights, and at most 2^31 - 1 of each")]
    Shape {
        /// How many rows.
        rows: usize,
        /// How many columns.
        columns: usize,
    },
    /// Someone asked to stop.
    #[error("the fit was cancelled")]
    Cancelled,
}
