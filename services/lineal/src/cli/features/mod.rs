//! `lineal features`

mod words;

use lineal_proto::lineal::trainer::v1::{
    CreateFeatureSetRequest, Feature, FeatureSet, GetFeatureSetRequest, Lag, ListFeatureSetsRequest,
    ListFeatureSetsResponse, feature_set_service_client::FeatureSetServiceClient,
};

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, Table, cell, printable},
    request::PageArgs,
};

/// `lineal features`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  lineal features create churn v2 --feature tenure:standardize --feature plan:one_hot:most_frequent\n  \
                  lineal features create churn v3 --feature rate=charges:ratio=tenure:0 --feature age:clip=18..90:median\n  \
                  lineal features create goals v1 --order day --group team --lag goals=1 --feature goals_lag_1:as_is\n  \
                  lineal features list churn\n  lineal features show churn v2"
)]
pub(super) struct Args {
    #[command(subcommand)]
    command: FeaturesCommand,
}

#[derive(Debug, clap::Subcommand)]
enum FeaturesCommand {
    /// Give features their name for ever; jobs of the model refer to it with --feature-version
    Create(CreateArgs),
    /// List the feature sets of a model by name, those that jobs inferred included
    List {
        /// The model
        model: String,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show one feature set
    Show {
        /// The model
        model: String,
        /// The set's name
        name: String,
    },
}

#[derive(Debug, clap::Args)]
struct CreateArgs {
    /// The model
    model: String,
    /// The set's name
    name: String,
    /// A column, how it becomes numbers (as_is, standardize, log, clip=LOW..HIGH, buckets=N, ratio=COLUMN; of texts one_hot,
    /// date_parts) and what a missing value becomes (mean, median, most_frequent, unknown, reject or a number); can be given many times
    #[arg(long, value_name = "[NAME=]COLUMN:TRANSFORM[:MISSING]", value_parser = words::feature, required = true)]
    feature: Vec<Feature>,
    #[command(flatten)]
    history: HistoryArgs,
}

/// What earlier rows held.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Lags")]
struct HistoryArgs {
    /// A column, and how many rows earlier; features read it as COLUMN_lag_ROWS; can be given many times
    #[arg(long, value_name = "COLUMN=ROWS", value_parser = words::lag)]
    lag: Vec<Lag>,
    /// The column of times or numbers that says which row comes first
    #[arg(long, value_name = "COLUMN", default_value = "", hide_default_value = true)]
    order: String,
    /// Rows with different values in this column have histories of their own
    #[arg(long, value_name = "COLUMN", default_value = "", hide_default_value = true)]
    group: String,
}

impl From<CreateArgs> for FeatureSet {
    fn from(args: CreateArgs) -> Self {
        let HistoryArgs { lag: lags, order: order_column, group: group_column } = args.history;
        Self {
            model: args.model,
            name: args.name,
            features: args.feature,
            order_column,
            group_column,
            lags,
            ..Self::default()
        }
    }
}

/// Names feature sets, and shows them.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    match args.command {
        FeaturesCommand::Create(args) => create(args, ctx).await,
        FeaturesCommand::List { model, page } => list(model, page, ctx).await,
        FeaturesCommand::Show { model, name } => show(model, name, ctx).await,
    }
}

async fn create(args: CreateArgs, ctx: &Context) -> Result<Exit, CliError> {
    let request = CreateFeatureSetRequest { feature_set: Some(args.into()) };
    let answer = ctx.trainer.call(FeatureSetServiceClient::new(ctx.trainer.peer()).create_feature_set(request)).await?;
    let set = ctx.trainer.present(answer.feature_set, "feature_set")?;
    ctx.output.print(&set, |style| {
        let next = format!("next: lineal train FILE --model {} --feature-version {}\n", set.model, set.name);
        render(&set, style) + &next
    })?;
    Ok(Exit::Done)
}

async fn list(model: String, page: PageArgs, ctx: &Context) -> Result<Exit, CliError> {
    let request = ListFeatureSetsRequest { model, page_size: page.limit, page_token: page.page_token };
    let answer = ctx.trainer.call(FeatureSetServiceClient::new(ctx.trainer.peer()).list_feature_sets(request)).await?;
    ctx.output.print(&answer, |style| table(&answer, style))?;
    Ok(Exit::Done)
}

async fn show(model: String, name: String, ctx: &Context) -> Result<Exit, CliError> {
    let request = GetFeatureSetRequest { model, name };
    let answer = ctx.trainer.call(FeatureSetServiceClient::new(ctx.trainer.peer()).get_feature_set(request)).await?;
    let set = ctx.trainer.present(answer.feature_set, "feature_set")?;
    ctx.output.print(&set, |style| render(&set, style))?;
    Ok(Exit::Done)
}

fn render(set: &FeatureSet, style: Style) -> String {
    let mut facts = Table::headless(style);
    facts.fact("model", &set.model);
    facts.fact("features", &set.name);
    facts.fact("created", created(set));
    facts.fact("digest", &set.digest);
    if !set.lags.is_empty() {
        facts.fact("lags", printable(&lags(set)));
    }
    let mut table = Table::new(style, &["FEATURE", "COLUMN", "TRANSFORM", "MISSING"]);
    for feature in &set.features {
        table.add([
            cell(printable(&feature.name)),
            cell(printable(&feature.source)),
            cell(printable(&words::transform(feature))),
            cell(words::missing(feature)),
        ]);
    }
    facts.render() + "\n" + &table.render()
}

fn lags(set: &FeatureSet) -> String {
    let lags: Vec<_> = set.lags.iter().map(|lag| format!("{}={}", lag.column, lag.rows)).collect();
    let group = if set.group_column.is_empty() { String::new() } else { format!(" of each {}", set.group_column) };
    format!("{}, rows back by {}{group}", lags.join(", "), set.order_column)
}

fn created(set: &FeatureSet) -> String {
    let time = format::time(set.create_time.as_ref());
    if set.actor.is_empty() {
        format!("{time} by a job, from its columns")
    } else {
        format!("{time} by {}", printable(&set.actor))
    }
}

fn table(answer: &ListFeatureSetsResponse, style: Style) -> String {
    let mut table = Table::new(style, &["FEATURES", "COUNT", "CREATED", "DIGEST"]);
    for set in &answer.feature_sets {
        let digest = format::digest(&set.digest);
        table.add([cell(&set.name), cell(set.features.len()), cell(created(set)), cell(digest)]);
    }
    table.render() + &format::more(&answer.next_page_token)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use lineal_proto::pbjson_types;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn set(words: &str) -> FeatureSet {
        let line = Line::try_parse_from(["features"].into_iter().chain(words.split(' '))).unwrap();
        let FeaturesCommand::Create(args) = line.args.command else { panic!("{words} creates") };
        args.into()
    }

    #[test]
    fn a_set_is_shown_as_it_was_typed() {
        let mut shown = set("create churn v2 --feature tenure:standardize --feature rate=charges:ratio=tenure:0");
        shown.digest = "sha256:0a".to_owned();
        shown.actor = "ada".to_owned();
        shown.create_time = Some(pbjson_types::Timestamp { seconds: 1_736_951_422, nanos: 0 });
        assert_eq!(
            render(&shown, Style::default()),
            "model     churn\n\
             features  v2\n\
             created   2025-01-15T14:30:22Z by ada\n\
             digest    sha256:0a\n\
             \n\
             FEATURE  COLUMN   TRANSFORM     MISSING\n\
             tenure   tenure   standardize   mean\n\
             rate     charges  ratio=tenure  0\n"
        );
        let shown =
            set("create goals v1 --order day --group team --lag goals=1 --lag goals=2 --feature goals_lag_1:log");
        let lag = |rows| Lag { column: "goals".to_owned(), rows };
        assert_eq!((shown.order_column.as_str(), &shown.lags[..]), ("day", &[lag(1), lag(2)][..]));
        let text = render(&shown, Style::default());
        assert!(text.contains("lags      goals=1, goals=2, rows back by day of each team\n"), "{text}");
        assert!(Line::try_parse_from(["features", "create", "churn", "v2"]).is_err());
        assert!(Line::try_parse_from(["features", "create", "churn", "v2", "--feature", "tenure"]).is_err());
    }
}
