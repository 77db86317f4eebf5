//! Imports: rows that a source gave, kept as a file.

use lineal_kernel::{Digest, FieldError, FieldErrors, Name, RequestId, Timestamp};

use super::{Query, SourceFormat};

/// Longest path within a source, in bytes.
const LONGEST_PATH: usize = 1024;

/// What is asked of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The rows of a query, from a database.
    Rows(Query),
    /// A file, from a folder or an object store.
    File {
        /// Relative to the source's address.
        path: String,
        format: SourceFormat,
    },
}

/// The wish for the rows of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CreateImport {
    pub(crate) dataset: Name,
    pub(crate) source: Name,
    pub(crate) wanted: Wanted,
    pub(crate) request_id: RequestId,
}

/// A wish as it arrived.
#[derive(Debug, Clone, Default)]
pub(crate) struct ImportDraft {
    pub(crate) dataset: String,
    pub(crate) source: String,
    pub(crate) query: String,
    pub(crate) path: String,
    pub(crate) format: Option<SourceFormat>,
    pub(crate) request_id: String,
}

impl CreateImport {
    /// Checks all fields at once.
    pub(crate) fn check(draft: &ImportDraft) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let dataset = errors.check(Name::new(&draft.dataset).map_err(|error| error.under("dataset")));
        let source = errors.check(Name::new(&draft.source).map_err(|error| error.under("source")));
        let wanted = errors.check(Wanted::check(draft));
        let request_id = match draft.request_id.as_str() {
            "" => Ok(RequestId::random()),
            given => RequestId::new(given).map_err(|error| error.under("request_id")),
        };
        let request_id = errors.check(request_id);
        errors
            .into_result(|| Some(Self { dataset: dataset?, source: source?, wanted: wanted?, request_id: request_id? }))
    }
}

impl Wanted {
    fn check(draft: &ImportDraft) -> Result<Self, FieldError> {
        match (draft.query.is_empty(), draft.path.is_empty()) {
            (false, true) if draft.format.is_some() => {
                Err(FieldError::new("format", "goes with a path only: rows of a query are kept as Parquet"))
            }
            (false, true) => Query::check(&draft.query).map(Self::Rows),
            (true, false) => {
                let path = path(&draft.path)?;
                let format = draft.format.or_else(|| format_of(&path));
                let format = format.ok_or_else(|| FieldError::new("format", "say whether it is CSV or Parquet"))?;
                Ok(Self::File { path, format })
            }
            _ => Err(FieldError::new("query", "give either the query for a database or the path of a file")),
        }
    }
}

/// Stays below the source's address.
fn path(given: &str) -> Result<String, FieldError> {
    let odd = |segment: &str| matches!(segment, "" | "." | "..") || segment.contains(char::is_control);
    if given.len() > LONGEST_PATH || given.split('/').any(odd) {
        let problem = format!("give a relative path without `.` and `..`, at most {LONGEST_PATH} bytes");
        return Err(FieldError::new("path", problem));
    }
    Ok(given.to_owned())
}

fn format_of(path: &str) -> Option<SourceFormat> {
    let (_, extension) = path.rsplit_once('.')?;
    match extension.to_ascii_lowercase().as_str() {
        "csv" => Some(SourceFormat::Csv),
        "parquet" => Some(SourceFormat::Parquet),
        _ => None,
    }
}

/// Rows that were imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    /// Sorts by creation.
    pub(crate) id: String,
    pub(crate) wish: CreateImport,
    /// Digest of the file.
    pub(crate) digest: Digest,
    /// How many; `None` for a file, which nobody has read yet.
    pub(crate) rows: Option<u64>,
    /// Length of the file.
    pub(crate) bytes: u64,
    pub(crate) actor: String,
    pub(crate) create_time: Timestamp,
}

impl Import {
    /// How the file is written.
    pub(crate) fn format(&self) -> SourceFormat {
        match self.wish.wanted {
            Wanted::Rows(_) => SourceFormat::Parquet,
            Wanted::File { format, .. } => format,
        }
    }
}

/// Why no rows were fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    /// The source is not configured.
    #[error("there is no source `{name}`; `lineal data sources` lists them, the trainer's configuration names them")]
    SourceNotFound {
        /// What was asked for.
        name: Name,
    },
    /// The source says no.
    #[error("{problem}")]
    SourceRefused {
        /// The source.
        name: Name,
        /// What it says.
        problem: String,
    },
    /// The source is away.
    #[error("{problem}")]
    SourceUnavailable {
        /// The source.
        name: Name,
        /// What the connection said.
        problem: String,
    },
    /// A disk is full.
    #[error("{problem}")]
    StorageFull {
        /// Which one, and what to do.
        problem: String,
    },
    /// A key that named another import before.
    #[error("this request id imported something else before, `{import_id}`; send a new one")]
    RequestIdReused {
        /// The key.
        request_id: RequestId,
        /// The import it made.
        import_id: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(query: &str, path: &str) -> ImportDraft {
        let text = str::to_owned;
        ImportDraft {
            dataset: text("churn"),
            source: text("lake"),
            query: text(query),
            path: text(path),
            ..ImportDraft::default()
        }
    }

    #[test]
    fn a_wish_is_for_rows_or_for_a_file() {
        let wanted = |query: &str, path: &str| CreateImport::check(&draft(query, path)).map(|wish| wish.wanted);
        assert!(matches!(wanted("select 1", ""), Ok(Wanted::Rows(_))));
        let file = Wanted::File { path: "a/b.PARQUET".to_owned(), format: SourceFormat::Parquet };
        assert_eq!(wanted("", "a/b.PARQUET"), Ok(file));
        for (query, path, field) in [
            ("", "", "query"),
            ("select 1", "a.csv", "query"),
            ("drop table t", "", "query"),
            ("", "a.txt", "format"),
            ("", "/etc/passwd.csv", "path"),
            ("", "a/../../b.csv", "path"),
            ("", "./a.csv", "path"),
        ] {
            let errors = wanted(query, path).unwrap_err();
            assert_eq!(errors.0[0].path, field, "{query} {path}");
        }
        let odd = ImportDraft { dataset: "A B".to_owned(), source: String::new(), ..draft("select 1", "") };
        let paths = CreateImport::check(&odd).unwrap_err().0.into_iter().map(|error| error.path);
        assert_eq!(paths.collect::<Vec<_>>(), ["dataset", "source"]);
    }
}
