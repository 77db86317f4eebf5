//! Files of rows.

use std::{fs, io, path::Path};

use bytes::Bytes;
use lineal_proto::lineal::trainer::v1::SourceFormat;

use super::{error::CliError, format};

/// Largest file that is sent, in bytes: it is held in memory on the way.
const MAX_FILE: u64 = 2 << 30;

/// Formats of source files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    Csv,
    Parquet,
}

impl Format {
    /// The format given, or the one that the file's extension tells.
    pub(super) fn of(file: &Path, given: Option<Self>) -> Result<Self, CliError> {
        let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        match (given, extension.to_ascii_lowercase().as_str()) {
            (Some(format), _) => Ok(format),
            (None, "csv") => Ok(Self::Csv),
            (None, "parquet") => Ok(Self::Parquet),
            (None, _) => Err(CliError::usage(format!(
                "`{}` does not end in .csv or .parquet: say what it is with --format",
                file.display()
            ))),
        }
    }
}

impl From<Format> for SourceFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Csv => Self::Csv,
            Format::Parquet => Self::Parquet,
        }
    }
}

/// What a dataset is called after its file.
pub(super) fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The whole file; empty and oversized files are refused before anything is sent.
pub(super) fn read(path: &Path) -> Result<Bytes, CliError> {
    let name = path.display();
    let failed = |source: io::Error| CliError::File { path: name.to_string(), source };
    let size = fs::metadata(path).map_err(failed)?.len();
    if size > MAX_FILE {
        return Err(CliError::usage(format!(
            "`{name}` has {}, more than the {} that can be sent: try Parquet, or fewer rows",
            format::size(size),
            format::size(MAX_FILE)
        )));
    }
    let content = fs::read(path).map_err(failed)?;
    if content.is_empty() {
        return Err(CliError::usage(format!("`{name}` is empty: it needs a header and rows")));
    }
    Ok(content.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::error::Exit;

    #[test]
    fn files_that_cannot_be_trained_on_are_wrong_usage() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.csv");
        fs::write(&empty, b"").unwrap();
        let absent = folder.path().join("absent.csv");
        for (path, problem) in [(&empty, "is empty"), (&absent, "cannot read")] {
            let error = read(path).unwrap_err();
            assert_eq!(error.exit(), Exit::Usage);
            assert!(error.to_string().contains(problem), "{error}");
        }
        let error = Format::of(Path::new("rows.txt"), None).unwrap_err();
        assert_eq!(error.exit(), Exit::Usage);
        assert!(error.to_string().contains("--format"), "{error}");
    }
}
