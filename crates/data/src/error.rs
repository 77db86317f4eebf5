//! Everything that can be wrong with data, one variant per problem.

use lineal_kernel::Digest;

use crate::ColumnType;

/// Why data was refused. Rows and positions count from zero, lines of a file from one.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant names its fields")]
pub enum DataError {
    /// A file without even a header.
    #[error("the file has no columns, expected a header row")]
    NoColumns,
    /// A header and nothing below it.
    #[error("the file has columns but no rows")]
    NoRows,
    /// A column of texts that offsets cannot address.
    #[error("column `{column}` has more than 2 GiB of texts, drop or shorten it")]
    ColumnTooLarge { column: String },
    /// A table of which not even a part fits.
    #[error(
        "the table has {bytes} bytes, the limit is {limit}: not even one row in ten thousand fits, raise the limit"
    )]
    LimitTooSmall { bytes: usize, limit: usize },
    /// A record that does not end where records end.
    #[error("line {line}, field {field}: the record has more than {limit} bytes, look for a quote that is not closed")]
    RecordTooLong { line: u64, field: usize, limit: usize },
    /// A CSV file with more columns than one would want.
    #[error("line {line} has more than {limit} fields, drop columns or transpose the file")]
    TooManyColumns { line: u64, limit: usize },
    /// A CSV field with a NUL, mostly of a file in UTF-16.
    #[error("line {line}, column `{column}`: holds a NUL byte, save the file as UTF-8")]
    NulByte { line: u64, column: String },
    /// A file that reads otherwise the second time.
    #[error("column `{column}` changed while the file was read, read it again")]
    SourceChanged { column: String },
    /// A file that cannot be read at all.
    #[error("the file cannot be read")]
    Io(#[from] std::io::Error),
    /// A snapshot that finds no room.
    #[error("the snapshot cannot be written")]
    Unwritten(#[source] std::io::Error),
    /// A header field without text.
    #[error("the column at position {position} has no name, name it in the header")]
    UnnamedColumn { position: usize },
    /// Two columns share a name.
    #[error("column `{column}` appears twice, rename one of them")]
    DuplicateColumn { column: String },
    /// A CSV record longer or shorter than the header.
    #[error("line {line} has {found} fields, the header has {expected}")]
    RaggedRow { line: u64, expected: usize, found: usize },
    /// A CSV field or header that is not UTF-8.
    #[error("line {line}, column `{column}`: not UTF-8, save the file as UTF-8")]
    InvalidUtf8 { line: u64, column: String },
    /// A Parquet file the reader gives up on.
    #[error("not a readable Parquet file")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// A Parquet column of a compression that is not built in.
    #[error(
        "column `{column}` is compressed with {codec}, write the file with zstd, gzip, lz4 or snappy, or without compression"
    )]
    UnsupportedCodec { column: String, codec: &'static str },
    /// A Parquet file that makes the reader stumble.
    #[error("the Parquet file is damaged, write it again")]
    DamagedParquet,
    /// Arrow refuses an operation on a table.
    #[error("the table cannot be rearranged")]
    Arrow(#[from] arrow::error::ArrowError),
    /// A Parquet column of a type that is neither number, text nor boolean.
    #[error("column `{column}` has type {found}, convert it to a number, a text or a boolean, or drop it")]
    UnsupportedType { column: String, found: String },
    /// A Parquet column with a value that its canonical type cannot hold.
    #[error("column `{column}` has a value outside the range of its {expected} column")]
    OutOfRange { column: String, expected: ColumnType, source: arrow::error::ArrowError },
    /// Content that is not what its digest promises.
    #[error("the content has digest {found}, expected {expected}, fetch it again")]
    DigestMismatch { expected: Digest, found: Digest },

    /// A column that is not there.
    #[error("there is no column `{column}`, there are: {}", list(available))]
    UnknownColumn { column: String, available: Vec<String> },
    /// Raw columns a feature set needs and does not get, all of them at once.
    #[error("missing columns: {}; expected: {}", list(names), list(expected))]
    MissingColumns { names: Vec<String>, expected: Vec<String> },
    /// A column of the other kind: numbers where texts belong or the reverse.
    #[error("column `{column}` holds {found}, expected {expected}, convert it or change the declaration")]
    WrongKind { column: String, expected: &'static str, found: &'static str },
    /// A column is longer or shorter than its frame.
    #[error("column `{column}` has {found} values, expected {expected}")]
    ColumnLength { column: String, expected: usize, found: usize },
    /// A matrix was given the wrong number of values.
    #[error("a matrix of {rows} rows and {cols} columns cannot hold {values} values")]
    MatrixShape { rows: usize, cols: usize, values: usize },
    /// A missing value where none may be.
    #[error("column `{column}` has no value in row {row}, and its feature rejects missing values")]
    MissingValue { column: String, row: usize },
    /// An infinite number.
    #[error("column `{column}` is infinite in row {row}, send a finite number or none")]
    NotFinite { column: String, row: usize },

    /// A value of a column of times that is none.
    #[error(
        "column `{column}` has no time in row {row}, expected one like 2025-01-15T14:30:22Z, or seconds since 1970"
    )]
    NotATime { column: String, row: usize },
    /// An expectation that contradicts itself.
    #[error("{}: {problem}", if column.is_empty() { "expectations".to_owned() } else { format!("the expectation of column `{column}`") })]
    InvalidExpectation { column: String, problem: &'static str },

    /// Rows without a label.
    #[error("label column `{column}` has no value in {count} rows, the first is row {first_row}, drop them")]
    MissingLabels { column: String, count: usize, first_row: usize },
    /// Nothing to tell apart.
    #[error("label column `{column}` has only the class `{class}`, expected two")]
    OneClass { column: String, class: String },
    /// More to tell apart than a binary model can.
    #[error("label column `{column}` has more than two classes, among them: {}", list(classes))]
    ManyClasses { column: String, classes: Vec<String> },
    /// A positive class that was not given and cannot be guessed.
    #[error("label column `{column}` has the classes {}, name the positive one", list(classes))]
    NoPositiveClass { column: String, classes: Vec<String> },
    /// A positive class that was given and does not occur.
    #[error("label column `{column}` has no class `{positive}`, it has: {}", list(classes))]
    UnknownPositiveClass { column: String, positive: String, classes: Vec<String> },
    /// More classes than can be told apart.
    #[error("label column `{column}` has more than {limit} classes, group them or train a regression")]
    TooManyClasses { column: String, limit: usize },
    /// A class that was not there when the classes were listed.
    #[error("label column `{column}` has none of the classes {} in row {row}", list(classes))]
    UnknownClass { column: String, row: usize, classes: Vec<String> },

    /// A share of rows that is no share.
    #[error("the share of a part is {fraction}, expected a number between 0 and 1, both excluded")]
    BadFraction { fraction: f64 },
    /// A split that contradicts itself.
    #[error("the split's {field}: {problem}")]
    InvalidSplit { field: &'static str, problem: &'static str },
    /// A row that cannot be placed in time.
    #[error("column `{column}` has no time in row {row}, drop the row or split by another column")]
    MissingTime { column: String, row: usize },
    /// A scope or window without rows.
    #[error("none of the {rows} rows is in the split's scope and window, widen them")]
    OutOfScope { rows: usize },
    /// A split that leaves one side without rows.
    #[error("the {part} part of {rows} rows would be empty, give more rows or {remedy}")]
    EmptyPart { part: &'static str, rows: usize, remedy: &'static str },
    /// New data whose columns differ from the fixed reference.
    #[error("column {position} is {found}, the fixed reference has {expected}")]
    SchemaMismatch { position: usize, expected: String, found: String },

    /// A feature that contradicts itself or another one.
    #[error("feature `{feature}`: {problem}")]
    InvalidFeature { feature: String, problem: &'static str },
    /// Lags that contradict themselves.
    #[error("the feature set's {field}: {problem}")]
    InvalidHistory { field: String, problem: &'static str },
    /// A row of which nobody can say which rows came before it.
    #[error(
        "row {row} has no place in the order of `{column}`: {problem}; give it a time of its own, or name the column that tells groups apart"
    )]
    UndecidedOrder { column: String, row: usize, problem: &'static str },
    /// A row that comes too late for what was told of later ones.
    #[error("row {row} comes after a later row of its group, sort the file by `{column}`")]
    OutOfOrder { column: String, row: usize },
    /// A feature set without features.
    #[error("the feature set has no features, declare at least one")]
    NoFeatures,
    /// A text column that tells nearly every row apart.
    #[error("column `{column}` has more than {limit} distinct texts, exclude it or group its values")]
    TooManyCategories { column: String, limit: usize },
    /// Numbers that a text among them has made texts.
    #[error("column `{column}` has numbers and the text `{text}` among them, leave such fields empty or exclude it")]
    TextAmongNumbers { column: String, text: String },
    /// A column to learn from without a single value.
    #[error("column `{column}` has no values to learn from, exclude it")]
    NoValues { column: String },
    /// Numbers whose mean or deviation no `f64` can hold.
    #[error("column `{column}` has numbers too large to average, rescale it")]
    TooLarge { column: String },
    /// Stored features that no fit can have written.
    #[error("the fitted feature `{feature}` is damaged: {problem}")]
    DamagedFeatures { feature: String, problem: &'static str },
    /// A value without a JSON form.
    #[error("no JSON form")]
    Json(#[from] serde_json::Error),
}

impl DataError {
    /// The error with its row, if it is about one, as `counted` says it.
    #[must_use]
    pub(crate) fn with_row(mut self, counted: impl FnOnce(usize) -> usize) -> Self {
        if let Self::MissingValue { row, .. }
        | Self::NotFinite { row, .. }
        | Self::NotATime { row, .. }
        | Self::MissingTime { row, .. }
        | Self::UnknownClass { row, .. }
        | Self::UndecidedOrder { row, .. }
        | Self::OutOfOrder { row, .. } = &mut self
        {
            *row = counted(*row);
        }
        self
    }
}

/// Names as people list them.
fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
