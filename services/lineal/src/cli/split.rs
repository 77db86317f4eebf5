//! `lineal split`

use lineal_kernel::Timestamp;
use lineal_proto::lineal::trainer::v1::{
    CreateSplitRequest, GetSplitRequest, ListSplitsRequest, ListSplitsResponse, Split, SplitKind, SplitTest,
    SplitWindow, split_service_client::SplitServiceClient,
};

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, Table, cell, printable},
    parse,
    request::PageArgs,
};

/// `lineal split`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  lineal split create prices spring --by time --column day --test recent=0.1 --scope symbol=btc\n  \
                  lineal split list prices\n  lineal split show prices spring"
)]
pub(super) struct Args {
    #[command(subcommand)]
    command: SplitCommand,
}

#[derive(Debug, clap::Subcommand)]
enum SplitCommand {
    /// Give a split its name for ever; jobs refer to it with --split-version
    Create(Box<CreateArgs>),
    /// List the splits of a dataset by name
    List {
        /// The dataset
        dataset: String,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show one split
    Show {
        /// The dataset
        dataset: String,
        /// The split's name
        name: String,
    },
}

#[derive(Debug, clap::Args)]
struct CreateArgs {
    /// The dataset
    dataset: String,
    /// The split's name
    name: String,
    /// What a row's part depends on: all its values, those of a group, the share of each label, or its time
    #[arg(long, value_enum, default_value_t = Kind::Row)]
    by: Kind,
    /// The column of labels or times, or one of the group; can be given many times
    #[arg(long, value_name = "COLUMN")]
    column: Vec<String>,
    /// Share of rows for the reference set [default: 0.2]
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, hide_default_value = true)]
    reference_fraction: f64,
    /// By time: the reference begins here, whatever its share, e.g. 2025-03-01T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = parse::moment)]
    cut: Option<Timestamp>,
    /// A further part that is never learned from, with its share; can be given many times
    #[arg(long, value_name = "NAME=SHARE", value_parser = parse::measurement)]
    test: Vec<(String, f64)>,
    /// Only rows with this value in this column; can be given many times
    #[arg(long, value_name = "COLUMN=VALUE", value_parser = parse::pair)]
    scope: Vec<(String, String)>,
    /// Chooses one of the possible splits [default: one made of the name]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    window: WindowArgs,
}

/// The time that rows have to be from.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Window")]
struct WindowArgs {
    /// A column of times
    #[arg(long, value_name = "COLUMN")]
    window: Option<String>,
    /// The first moment, e.g. 2025-02-01
    #[arg(long, value_name = "TIME", default_value = "", hide_default_value = true, requires = "window")]
    from: String,
    /// The first moment after it
    #[arg(long, value_name = "TIME", default_value = "", hide_default_value = true, requires = "window")]
    until: String,
    /// How far ahead a row's label looks, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0, hide_default_value = true, requires = "window")]
    horizon: u64,
}

/// What a row's part can depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    Row,
    Group,
    Label,
    Time,
}

impl From<Kind> for SplitKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Row => Self::Row,
            Kind::Group => Self::Group,
            Kind::Label => Self::Stratified,
            Kind::Time => Self::Time,
        }
    }
}

impl From<CreateArgs> for Split {
    fn from(args: CreateArgs) -> Self {
        let WindowArgs { window: column, from, until, horizon } = args.window;
        let window = column.map(|column| SplitWindow { column, start: from, end: until, horizon_seconds: horizon });
        Self {
            dataset: args.dataset,
            name: args.name,
            kind: SplitKind::from(args.by).into(),
            columns: args.column,
            reference_fraction: args.reference_fraction,
            cut_time: args.cut.map(|cut| cut.to_string()).unwrap_or_default(),
            tests: args.test.into_iter().map(|(name, fraction)| SplitTest { name, fraction }).collect(),
            window,
            scope: args.scope.into_iter().collect(),
            seed: args.seed,
            ..Self::default()
        }
    }
}

/// Names splits, and shows them.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    match args.command {
        SplitCommand::Create(args) => create(*args, ctx).await,
        SplitCommand::List { dataset, page } => list(dataset, page, ctx).await,
        SplitCommand::Show { dataset, name } => show(dataset, name, ctx).await,
    }
}

async fn create(args: CreateArgs, ctx: &Context) -> Result<Exit, CliError> {
    let request = CreateSplitRequest { split: Some(args.into()) };
    let answer = ctx.trainer.call(SplitServiceClient::new(ctx.trainer.peer()).create_split(request)).await?;
    let split = ctx.trainer.present(answer.split, "split")?;
    ctx.output.print(&split, |style| {
        format!(
            "{}next: lineal train FILE --dataset {} --split-version {}\n",
            render(&split, style),
            split.dataset,
            split.name
        )
    })?;
    Ok(Exit::Done)
}

async fn list(dataset: String, page: PageArgs, ctx: &Context) -> Result<Exit, CliError> {
    let request = ListSplitsRequest { dataset, page_size: page.limit, page_token: page.page_token };
    let answer = ctx.trainer.call(SplitServiceClient::new(ctx.trainer.peer()).list_splits(request)).await?;
    ctx.output.print(&answer, |style| table(&answer, style))?;
    Ok(Exit::Done)
}

async fn show(dataset: String, name: String, ctx: &Context) -> Result<Exit, CliError> {
    let request = GetSplitRequest { dataset, name };
    let answer = ctx.trainer.call(SplitServiceClient::new(ctx.trainer.peer()).get_split(request)).await?;
    let split = ctx.trainer.present(answer.split, "split")?;
    ctx.output.print(&split, |style| render(&split, style))?;
    Ok(Exit::Done)
}

fn render(split: &Split, style: Style) -> String {
    let mut facts = Table::headless(style);
    facts.fact("dataset", &split.dataset);
    facts.fact("split", &split.name);
    facts.fact("by", by(split));
    facts.fact("reference", reference(split));
    for test in &split.tests {
        facts.fact(&format!("test {}", printable(&test.name)), test.fraction.to_string());
    }
    if let Some(window) = &split.window {
        let limit = |text: &str| if text.is_empty() { "-".to_owned() } else { printable(text) };
        let span = format!("{} to {}", limit(&window.start), limit(&window.end));
        facts.fact("window", format!("{}: {span}, horizon {} s", printable(&window.column), window.horizon_seconds));
    }
    if !split.scope.is_empty() {
        facts.fact("scope", printable(&format::slot(&split.scope)));
    }
    facts.fact("seed", split.seed.unwrap_or_default().to_string());
    facts.fact("digest", &split.digest);
    facts.fact("reference set", made(split));
    facts.render()
}

fn by(split: &Split) -> String {
    let kind = format::word(split.kind().as_str_name(), "SPLIT_KIND_");
    printable(&[vec![kind], split.columns.clone()].concat().join(" "))
}

fn reference(split: &Split) -> String {
    if split.cut_time.is_empty() { split.reference_fraction.to_string() } else { format!("from {}", split.cut_time) }
}

/// The reference set is made by the first job, and never again.
fn made(split: &Split) -> String {
    if split.reference_digest.is_empty() { "made by the first job".to_owned() } else { split.reference_digest.clone() }
}

fn table(answer: &ListSplitsResponse, style: Style) -> String {
    let mut table = Table::new(style, &["SPLIT", "BY", "REFERENCE", "TESTS", "REFERENCE SET"]);
    for split in &answer.splits {
        let tests: Vec<_> = split.tests.iter().map(|test| printable(&test.name)).collect();
        let made = if split.reference_digest.is_empty() { "-" } else { &split.reference_digest };
        table.add([
            cell(&split.name),
            cell(by(split)),
            cell(reference(split)),
            cell(tests.join(", ")),
            cell(format::digest(made)),
        ]);
    }
    table.render() + &format::more(&answer.next_page_token)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn split(words: &str) -> Split {
        let line = Line::try_parse_from(["split"].into_iter().chain(words.split(' '))).unwrap();
        let SplitCommand::Create(args) = line.args.command else { panic!("{words} creates") };
        (*args).into()
    }

    #[test]
    fn what_is_typed_is_what_is_asked_for() {
        // F59, F84
        let asked = split(
            "create prices spring --by time --column day --test recent=0.1 --scope symbol=btc --window day --from 2025-02-01 \
             --horizon 3600 --seed 7",
        );
        let text = str::to_owned;
        let expected = Split {
            dataset: text("prices"),
            name: text("spring"),
            kind: SplitKind::Time.into(),
            columns: vec![text("day")],
            tests: vec![SplitTest { name: text("recent"), fraction: 0.1 }],
            window: Some(SplitWindow {
                column: text("day"),
                start: text("2025-02-01"),
                end: String::new(),
                horizon_seconds: 3600,
            }),
            scope: [(text("symbol"), text("btc"))].into(),
            seed: Some(7),
            ..Split::default()
        };
        assert_eq!(asked, expected);
        assert!(Line::try_parse_from(["split", "create", "a", "b", "--from", "2025-02-01"]).is_err());
    }

    #[test]
    fn a_split_is_shown_with_all_that_decides() {
        let mut shown = split("create prices spring --by group --column customer --column shop --scope symbol=btc");
        shown.reference_fraction = 0.2;
        shown.seed = Some(7);
        shown.digest = "sha256:0a".to_owned();
        assert_eq!(
            render(&shown, Style::default()),
            "dataset        prices\n\
             split          spring\n\
             by             group customer shop\n\
             reference      0.2\n\
             scope          symbol=btc\n\
             seed           7\n\
             digest         sha256:0a\n\
             reference set  made by the first job\n"
        );
        shown.reference_digest = "sha256:0b".to_owned();
        shown.cut_time = "2025-03-01T00:00:00Z".to_owned();
        let text = render(&shown, Style::default());
        assert!(text.contains("reference set  sha256:0b") && text.contains("from 2025-03-01"), "{text}");
    }
}
