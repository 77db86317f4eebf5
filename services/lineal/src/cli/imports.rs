//! `lineal data add`, `sources` and `imports`: rows that the trainer fetches.

use lineal_proto::lineal::trainer::v1::{
    CheckDataRequest, CreateImportRequest, Import, ListImportsRequest, ListImportsResponse, ListSourcesRequest,
    ListSourcesResponse, SourceFormat, dataset_service_client::DatasetServiceClient,
    source_service_client::SourceServiceClient,
};

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, Table, cell, printable},
    request::{ChangeArgs, PageArgs},
    source::Format,
};

/// As much of a query as a table shows, in characters.
const SHOWN: usize = 60;

/// `lineal data add`
#[derive(Debug, clap::Args)]
pub(super) struct AddArgs {
    /// The dataset that the rows belong to
    dataset: String,
    /// Where they are, as the trainer's configuration names it
    #[arg(long, value_name = "NAME")]
    source: String,
    /// For a database: one statement that reads; with ORDER BY it gives the same digest again
    #[arg(long, value_name = "SQL", default_value = "", hide_default_value = true, required_unless_present = "path")]
    query: String,
    /// For a folder or object storage: the file, relative to the source's address
    #[arg(long, value_name = "PATH", default_value = "", hide_default_value = true, conflicts_with = "query")]
    path: String,
    /// Format of the file [default: by its extension]
    #[arg(long, value_enum, conflicts_with = "query")]
    format: Option<Format>,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Fetches rows, holds them against what is expected of the dataset, and says how to train on them.
pub(super) async fn add(args: AddArgs, ctx: &Context) -> Result<Exit, CliError> {
    let request_id = args.change.request_id();
    let request = CreateImportRequest {
        dataset: args.dataset,
        source: args.source,
        query: args.query,
        path: args.path,
        format: args.format.map_or(SourceFormat::Unspecified, SourceFormat::from).into(),
        request_id: request_id.clone(),
    };
    let answer = ctx.trainer.call(SourceServiceClient::new(ctx.trainer.peer()).create_import(request)).await;
    let import = ctx.trainer.present(answer.map_err(|error| error.of_request(&request_id))?.import, "import")?;
    let check = CheckDataRequest { source: import.data.clone() };
    let answer = ctx.trainer.call(DatasetServiceClient::new(ctx.trainer.peer()).check_data(check)).await?;
    let report = ctx.trainer.present(answer.report, "report")?;
    ctx.output.print(&import, |style| {
        let verdict = if report.passed { "as expected".to_owned() } else { report.failed_checks.join(", ") };
        render(&import, report.rows, &verdict, &report.report_id, style)
    })?;
    Ok(if report.passed { Exit::Done } else { Exit::Refused })
}

/// Lists what the trainer is configured with.
pub(super) async fn sources(page: PageArgs, ctx: &Context) -> Result<Exit, CliError> {
    let request = ListSourcesRequest { page_size: page.limit, page_token: page.page_token };
    let answer = ctx.trainer.call(SourceServiceClient::new(ctx.trainer.peer()).list_sources(request)).await?;
    ctx.output.print(&answer, |style| named(&answer, style))?;
    Ok(Exit::Done)
}

/// Lists what was fetched for a dataset, newest first.
pub(super) async fn imports(dataset: String, page: PageArgs, ctx: &Context) -> Result<Exit, CliError> {
    let request = ListImportsRequest { dataset, page_size: page.limit, page_token: page.page_token };
    let answer = ctx.trainer.call(SourceServiceClient::new(ctx.trainer.peer()).list_imports(request)).await?;
    ctx.output.print(&answer, |style| table(&answer, style))?;
    Ok(Exit::Done)
}

fn render(import: &Import, rows: u64, verdict: &str, report: &str, style: Style) -> String {
    let digest = import.data.as_ref().map(|data| data.digest.as_str()).unwrap_or_default();
    let mut facts = Table::headless(style);
    facts.fact("import", &import.import_id);
    facts.fact("dataset", &import.dataset);
    facts.fact("source", &import.source);
    facts.fact("rows", rows.to_string());
    facts.fact("size", format::size(import.size_bytes));
    facts.fact("digest", digest);
    facts.fact("verdict", printable(verdict));
    format!("{}next: lineal data describe {report}\n", facts.render())
}

fn named(answer: &ListSourcesResponse, style: Style) -> String {
    let mut table = Table::new(style, &["SOURCE", "ADDRESS"]);
    answer.sources.iter().for_each(|source| table.add([cell(&source.name), cell(printable(&source.address))]));
    table.render() + &format::more(&answer.next_page_token)
}

fn table(answer: &ListImportsResponse, style: Style) -> String {
    let mut table = Table::new(style, &["IMPORT", "CREATED", "SOURCE", "ROWS", "DIGEST", "ASKED FOR"]);
    for import in &answer.imports {
        let asked = if import.query.is_empty() { &import.path } else { &import.query };
        let digest = import.data.as_ref().map(|data| data.digest.as_str()).unwrap_or_default();
        table.add([
            cell(&import.import_id),
            cell(format::time(import.create_time.as_ref())),
            cell(&import.source),
            cell(if import.rows == 0 { "-".to_owned() } else { import.rows.to_string() }),
            cell(format::digest(digest)),
            cell(printable(asked).chars().take(SHOWN).collect::<String>()),
        ]);
    }
    table.render() + &format::more(&answer.next_page_token)
}

#[cfg(test)]
mod tests {
    use lineal_proto::lineal::trainer::v1::DataSource;

    use super::*;

    #[test]
    fn an_import_says_what_to_do_with_its_rows() {
        let import = Import {
            import_id: "i1".to_owned(),
            dataset: "churn".to_owned(),
            source: "shop".to_owned(),
            query: "select * from customers".to_owned(),
            data: Some(DataSource { digest: "sha256:0a".to_owned(), ..DataSource::default() }),
            rows: 3,
            ..Import::default()
        };
        let text = render(&import, 3, "as expected", "r1", Style::default());
        for line in ["digest   sha256:0a", "rows     3", "next: lineal data describe r1"] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        let listed = ListImportsResponse { imports: vec![import], ..ListImportsResponse::default() };
        assert!(table(&listed, Style::default()).contains("select * from customers"));
    }
}
