//! `lineal data`

use std::{fs, path::PathBuf};

use comfy_table::Cell;
use lineal_proto::lineal::trainer::v1::{
    CheckDataRequest, ColumnStatistics, DataReport, DataSource, Expectations, GetDataReportRequest,
    ListDataReportsRequest, ListDataReportsResponse, SetExpectationsRequest, SourceFormat,
    dataset_service_client::DatasetServiceClient,
};
use lineal_rpc::artifacts;

use super::{
    context::Context,
    error::{CliError, Exit},
    format, imports,
    output::{Style, Table, cell, printable, verdict},
    request::PageArgs,
    source::{Format, read, stem},
};

/// As much of a value as a table shows, in characters.
const SHOWN: usize = 24;

/// `lineal data`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  lineal data check churn.csv\n  lineal data describe 0198c0de-7000-7000-8000-000000000000\n  \
                  lineal data expect churn expectations.json\n  \
                  lineal data add churn --source shop --query 'select * from customers order by id'"
)]
pub(super) struct Args {
    #[command(subcommand)]
    command: DataCommand,
}

#[derive(Debug, clap::Subcommand)]
enum DataCommand {
    /// Hold a file against what is expected of its dataset, and describe every column
    Check(CheckArgs),
    /// Show a report again
    Describe {
        /// Its id, as `lineal data check` and `lineal data reports` show it
        report: String,
    },
    /// List the reports of a dataset, newest first
    Reports {
        /// The dataset
        dataset: String,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Fetch rows from a database, a folder or object storage that the trainer knows
    Add(Box<imports::AddArgs>),
    /// List the databases, folders and object storage that the trainer knows
    Sources {
        #[command(flatten)]
        page: PageArgs,
    },
    /// List what was fetched for a dataset, newest first
    Imports {
        /// The dataset
        dataset: String,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Say what the rows of a dataset have to look like from now on
    Expect {
        /// The dataset
        dataset: String,
        /// A JSON file like the `inferred` of `lineal data check FILE -o json`
        file: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct CheckArgs {
    /// The rows: a CSV file with a header, or a Parquet file
    file: PathBuf,
    /// Format of the file [default: by its extension]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Name of the dataset [default: the file's name without extension]
    #[arg(long, value_name = "NAME")]
    dataset: Option<String>,
}

/// Looks at data before anything is learned from it.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    match args.command {
        DataCommand::Check(args) => check(args, ctx).await,
        DataCommand::Describe { report } => describe(report, ctx).await,
        DataCommand::Reports { dataset, page } => reports(dataset, page, ctx).await,
        DataCommand::Add(args) => imports::add(*args, ctx).await,
        DataCommand::Sources { page } => imports::sources(page, ctx).await,
        DataCommand::Imports { dataset, page } => imports::imports(dataset, page, ctx).await,
        DataCommand::Expect { dataset, file } => expect(dataset, file, ctx).await,
    }
}

async fn check(args: CheckArgs, ctx: &Context) -> Result<Exit, CliError> {
    let format = SourceFormat::from(Format::of(&args.file, args.format)?);
    let content = read(&args.file)?;
    let registry = ctx.registry.peer();
    let digest = artifacts::upload(&registry, content).await.map_err(|status| ctx.registry.failed(status))?;
    let dataset = args.dataset.unwrap_or_else(|| stem(&args.file));
    let source = Some(DataSource { dataset, digest: digest.to_string(), format: format.into() });
    let client = DatasetServiceClient::new(ctx.trainer.peer());
    let answer = ctx.trainer.call({ client }.check_data(CheckDataRequest { source })).await?;
    let report = ctx.trainer.present(answer.report.as_ref(), "report")?;
    ctx.output.print(&answer, |style| render(report, style))?;
    Ok(if report.passed { Exit::Done } else { Exit::Refused })
}

async fn describe(report_id: String, ctx: &Context) -> Result<Exit, CliError> {
    let request = GetDataReportRequest { report_id };
    let answer = ctx.trainer.call(DatasetServiceClient::new(ctx.trainer.peer()).get_data_report(request)).await?;
    let report = ctx.trainer.present(answer.report, "report")?;
    ctx.output.print(&report, |style| render(&report, style))?;
    Ok(Exit::Done)
}

async fn reports(dataset: String, page: PageArgs, ctx: &Context) -> Result<Exit, CliError> {
    let request = ListDataReportsRequest { dataset, page_size: page.limit, page_token: page.page_token };
    let answer = ctx.trainer.call(DatasetServiceClient::new(ctx.trainer.peer()).list_data_reports(request)).await?;
    ctx.output.print(&answer, |style| list(&answer, style))?;
    Ok(Exit::Done)
}

async fn expect(dataset: String, file: PathBuf, ctx: &Context) -> Result<Exit, CliError> {
    let name = file.display().to_string();
    let text = fs::read_to_string(&file).map_err(|source| CliError::File { path: name.clone(), source })?;
    let expectations: Expectations =
        serde_json::from_str(&text).map_err(|error| CliError::usage(format!("`{name}`: {error}")))?;
    let request = SetExpectationsRequest { dataset: dataset.clone(), expectations: Some(expectations) };
    let answer = ctx.trainer.call(DatasetServiceClient::new(ctx.trainer.peer()).set_expectations(request)).await?;
    ctx.output.print(&answer, |_| format!("{dataset}: the rows of every job are checked from now on\n"))?;
    Ok(Exit::Done)
}

fn render(report: &DataReport, style: Style) -> String {
    let mut facts = Table::headless(style);
    facts.fact("report", &report.report_id);
    facts.fact("dataset", &report.dataset);
    facts.fact("rows", report.rows.to_string());
    if let Some(sample) = &report.sample {
        facts.fact("sample of", format!("{} rows, fraction {}", sample.source_rows, sample.fraction));
    }
    facts.fact("snapshot", format::digest(&report.snapshot_digest));
    let mut checks = Table::new(style, &["CHECK", "COLUMN", "VERDICT", "EXPECTED", "FOUND"]);
    for check in &report.checks {
        checks.add([
            cell(&check.name),
            cell(printable(&check.column)),
            verdict(check.passed, "passed", "failed"),
            cell(printable(&check.expected)),
            cell(printable(&check.found)),
        ]);
    }
    let mut columns =
        Table::new(style, &["COLUMN", "TYPE", "MISSING", "DISTINCT", "MIN", "MEAN", "MAX", "SD", "MOST FREQUENT"]);
    for column in &report.columns {
        columns.add(row(column));
    }
    format!("{}\n{}\n{}", facts.render(), checks.render(), columns.render())
}

fn row(column: &ColumnStatistics) -> [Cell; 9] {
    let numbers = column.numbers.as_ref();
    let number = |value: Option<f64>| cell(value.map(format::metric).unwrap_or_default());
    let top = column.top.first().map(|top| {
        let value: String = printable(&top.value).chars().take(SHOWN).collect();
        format!("{value} ({})", top.count)
    });
    [
        cell(printable(&column.name)),
        cell(format::word(column.r#type().as_str_name(), "COLUMN_TYPE_")),
        cell(column.nulls),
        cell(column.distinct),
        number(numbers.map(|numbers| numbers.min)),
        number(numbers.and_then(|numbers| numbers.mean)),
        number(numbers.map(|numbers| numbers.max)),
        number(numbers.and_then(|numbers| numbers.sd)),
        cell(top.unwrap_or_default()),
    ]
}

fn list(answer: &ListDataReportsResponse, style: Style) -> String {
    let mut table = Table::new(style, &["REPORT", "CREATED", "ROWS", "VERDICT", "FAILED"]);
    for report in &answer.reports {
        table.add([
            cell(&report.report_id),
            cell(format::time(report.create_time.as_ref())),
            cell(report.rows),
            verdict(report.passed, "passed", "failed"),
            cell(printable(&report.failed_checks.join(", "))),
        ]);
    }
    table.render() + &format::more(&answer.next_page_token)
}

#[cfg(test)]
mod tests {
    use lineal_proto::lineal::trainer::v1::{ColumnType, DataCheck, NumberStatistics, ValueCount};

    use super::*;

    #[test]
    fn a_report_is_read_from_the_verdict_to_the_columns() {
        let numbers =
            NumberStatistics { min: 18.0, max: 150.0, mean: Some(41.5), sd: Some(12.25), ..Default::default() };
        let column = ColumnStatistics {
            name: "age".to_owned(),
            r#type: ColumnType::Integer.into(),
            count: 9,
            nulls: 1,
            distinct: 8,
            top: vec![ValueCount { value: "41".to_owned(), count: 2 }],
            numbers: Some(numbers),
        };
        let check = DataCheck {
            name: "range".to_owned(),
            column: "age".to_owned(),
            passed: false,
            expected: "0 to 120".to_owned(),
            found: "18 to 150".to_owned(),
        };
        let report = DataReport {
            report_id: "r1".to_owned(),
            dataset: "churn".to_owned(),
            rows: 10,
            columns: vec![column],
            checks: vec![check],
            ..DataReport::default()
        };
        let text = render(&report, Style::default());
        for line in [
            "CHECK  COLUMN  VERDICT  EXPECTED  FOUND",
            "range  age     failed   0 to 120  18 to 150",
            "COLUMN  TYPE     MISSING  DISTINCT  MIN",
            "41 (2)",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
